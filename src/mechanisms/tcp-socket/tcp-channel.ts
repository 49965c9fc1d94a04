import type { ByteStream } from "../../core/byte-stream.js";
import type { InternetAddress } from "../../core/channel.js";
import { extend } from "../../core/extend.js";
import { StreamChannel } from "../../core/stream-channel.js";
import type { ChannelTraits } from "../../core/traits.js";
import { textOf } from "../internet-address.js";
import { type CheckedOptions, DEFAULT_MAX_MESSAGE_SIZE } from "./options.js";
import type { TcpChannel, TcpPeer, TlsState } from "./types.js";

/** A peer whose connection can be made a channel of. */
export interface KnownPeer extends TcpPeer {
  /** Both sides have shown certificates, and the peer's was found good. */
  readonly isIdentified: boolean;
}

const TRAITS: ChannelTraits = {
  mechanism: "tcp-socket",
  direction: "both",
  boundaries: "framed",
  ordered: true,
  reliable: true,
  maxMessageSize: DEFAULT_MAX_MESSAGE_SIZE,
  scope: "network",
  peerIdentity: "none",
  persistent: false,
  passesHandles: false,
};

/** A channel over a TCP connection. */
export class TcpStreamChannel<Out, In> extends StreamChannel<Out, In> implements TcpChannel<Out, In> {
  readonly remoteAddress: InternetAddress;
  readonly localAddress: InternetAddress;
  readonly tls: TlsState | undefined;

  constructor(stream: ByteStream, options: CheckedOptions<Out, In>, peer: KnownPeer) {
    const { remoteAddress, localAddress, tls, isIdentified } = peer;
    const traits = isIdentified ? extend(TRAITS, { peerIdentity: "connection" as const }) : TRAITS;
    const facts = { traits, address: textOf(remoteAddress), connection: { from: remoteAddress } };
    super(stream, extend(options, facts));
    this.remoteAddress = remoteAddress;
    this.localAddress = localAddress;
    this.tls = tls;
  }
}
