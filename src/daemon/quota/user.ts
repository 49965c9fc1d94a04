import { backlogOf } from "../../core/backlog.js";
import type { Channel } from "../../core/channel.js";
import { networkOf } from "../../mechanisms/internet-address.js";
import { certifiedBy } from "../policy/roles.js";
import { type DaemonPeer, uidOf } from "../peer.js";
import type { TokenBucket } from "./bucket.js";

/** What is known of a user who has something open, or had a moment ago. */
export class User {
  readonly key: string;
  readonly bucket: TokenBucket | undefined;
  readonly channels: Set<Channel<never, unknown>> = new Set();
  calls = 0;
  descriptors = 0;
  /** As of the last look. */
  queuedBytes = 0;
  /** Whether it is to be forgotten as soon as the rate allows. */
  isLeaving = false;
  /** Whether there was too much in the queues at the last look. */
  wasOver = false;

  constructor(key: string, bucket: TokenBucket | undefined) {
    this.key = key;
    this.bucket = bucket;
  }

  get isIdle(): boolean {
    return this.channels.size === 0 && this.calls === 0 && this.descriptors === 0;
  }

  /** Looks how much waits in the queues; the channel with the most of it, if there is one. */
  measure(): Channel<never, unknown> | undefined {
    let fullest: Channel<never, unknown> | undefined;
    let most = -1;
    this.queuedBytes = 0;
    for (const channel of this.channels) {
      const { sendQueue, receiveQueue } = channel.statistics();
      const bytes = sendQueue.bytes + receiveQueue.bytes + backlogOf(channel);
      this.queuedBytes += bytes;
      if (bytes <= most) continue;
      most = bytes;
      fullest = channel;
    }
    return fullest;
  }
}

/** Who is counted as one: a uid, a certificate, an address of IPv4 or a /64 of IPv6. Those of whom nothing is known share what they may have. */
export function keyOf(peer: DaemonPeer | undefined): string {
  const uid = uidOf(peer);
  if (uid !== undefined) return `uid:${uid}`;
  const certificate = certifiedBy(peer);
  if (certificate !== undefined) return `tls:${certificate.fingerprint256}`;
  const { remoteAddress } = (peer ?? {}) as { readonly remoteAddress?: { readonly host?: unknown } };
  return typeof remoteAddress?.host === "string" ? `address:${networkOf(remoteAddress.host)}` : "unknown";
}
