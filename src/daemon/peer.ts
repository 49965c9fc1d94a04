import type { Channel, Credentials } from "../core/channel.js";
import { ChannelError } from "../core/errors.js";
import type { TcpPeer } from "../mechanisms/tcp-socket/types.js";
import type { CallContext } from "../rpc/types.js";

/** Who is at the other end: what the kernel tells of a process, or what is known of a TCP connection. */
export type DaemonPeer = Credentials | Pick<TcpPeer, "remoteAddress" | "tls">;

/** Who calls; `undefined` where nobody can tell. */
export function callerOf({ peer, channel }: Pick<CallContext, "peer" | "channel">): DaemonPeer | undefined {
  return peer ?? peerOf(channel);
}

/** Who is at the other end of a channel; `undefined` where nobody can tell. */
export function peerOf(channel: Channel<never, unknown>): DaemonPeer | undefined {
  const known = channel as Partial<TcpPeer & { readonly peer: Credentials }>;
  if (known.remoteAddress !== undefined) return known as TcpPeer;
  try {
    return known.peer;
  } catch (error) {
    // Datagrams, and sockets without the native core, have no peer to tell of.
    if (error instanceof ChannelError && error.code === "ERR_UNSUPPORTED") return undefined;
    throw error;
  }
}

/** The effective uid of a process; `undefined` for what is no credentials of the kernel's making, whoever made them. */
export function uidOf(peer: DaemonPeer | undefined): number | undefined {
  const { uid } = (peer ?? {}) as Partial<Credentials>;
  return isId(uid) ? uid : undefined;
}

/** Whether this can be the id of a user or group. 2^32 - 1 is the kernel's "no id", which a peer has that is not known. */
export function isId(id: unknown): id is number {
  return typeof id === "number" && Number.isInteger(id) && id >= 0 && id < 2 ** 32 - 1;
}
