import type { ByteStream } from "../../core/byte-stream.js";
import type { Credentials } from "../../core/channel.js";
import { unsupported } from "../../core/errors.js";
import { extend } from "../../core/extend.js";
import { PacketChannel } from "../../core/packet-channel.js";
import { StreamChannel } from "../../core/stream-channel.js";
import { type ChannelTraits, type Mechanism, shareTraits } from "../../core/traits.js";
import type { SocketBinding } from "../socket-binding.js";
import { type CheckedOptions, DEFAULT_MAX_MESSAGE_SIZE } from "./options.js";
import type { CreatedPort } from "./packets/engine.js";
import type { UnixDatagramSocket, UnixSocketChannel } from "./types.js";

/** What is known of a connection beside its options. */
export interface ConnectionFacts {
  readonly address: string | undefined;
  /** `undefined` where the kernel does not tell. */
  readonly peer: Credentials | undefined;
}

const STREAM_TRAITS: ChannelTraits = shareTraits({
  mechanism: "unix-stream",
  direction: "both",
  boundaries: "framed",
  ordered: true,
  reliable: true,
  maxMessageSize: DEFAULT_MAX_MESSAGE_SIZE,
  scope: "host",
  peerIdentity: "connection",
  persistent: false,
  passesHandles: false,
});

const PASSING_TRAITS: ChannelTraits = shareTraits({ ...STREAM_TRAITS, passesHandles: true });
const UNKNOWN_PEER_TRAITS: ChannelTraits = shareTraits({ ...STREAM_TRAITS, peerIdentity: "none" });

/** A channel over a stream socket. */
export class UnixStreamChannel<Out, In> extends StreamChannel<Out, In> implements UnixSocketChannel<Out, In> {
  readonly address: string | undefined;
  readonly refused = 0;
  readonly #peer: Credentials | undefined;

  constructor(stream: ByteStream, options: CheckedOptions<Out, In>, { address, peer }: ConnectionFacts) {
    const connection = peer === undefined ? undefined : { credentials: peer };
    const traits =
      peer === undefined ? UNKNOWN_PEER_TRAITS : passesHandles(options) ? PASSING_TRAITS : STREAM_TRAITS;
    super(stream, extend(options, { traits, address, connection }));
    this.address = address;
    this.#peer = peer;
  }

  get peer(): Credentials {
    return this.#peer ?? unknownPeer("unix-stream", this.address);
  }
}

/** A channel over a seqpacket or datagram socket. */
export class UnixPacketChannel<Out, In> extends PacketChannel<Out, In> implements UnixSocketChannel<Out, In> {
  readonly address: string | undefined;
  readonly #peer: Credentials | undefined;
  readonly #refused: () => number;
  readonly #refusal: CreatedPort["refusal"];
  readonly #binding: SocketBinding | undefined;

  /**
   * @param created - the port with its traits
   * @param options - the options of the user
   * @param facts - the peer and the address
   * @param binding - an address of this socket's own, released with it
   * @param refused - how many messages `allow` refused
   */
  constructor(
    created: CreatedPort,
    options: CheckedOptions<Out, In>,
    facts: ConnectionFacts,
    binding?: SocketBinding,
    refused: () => number = () => 0,
  ) {
    const { address, peer } = facts;
    const connection = peer === undefined ? undefined : { credentials: peer };
    super(created.port, extend(options, { traits: created.traits, address, connection }));
    this.address = address;
    this.#peer = peer;
    this.#binding = binding;
    this.#refused = refused;
    this.#refusal = created.refusal;
  }

  get peer(): Credentials {
    return this.#peer ?? unknownPeer(this.traits.mechanism, this.address);
  }

  get refused(): number {
    return this.#refused();
  }

  protected override refusal(payload: Uint8Array): string | undefined {
    return this.#refusal?.(payload);
  }

  protected override release(graceful: boolean): void {
    // Before the socket is closed: see SocketBinding.release.
    const result = this.#binding?.release() ?? 0;
    if (result < 0) {
      process.emitWarning(
        `The file of the unix socket "${this.address ?? ""}" could not be removed (errno ${-result}); remove it by hand`,
        { type: "SluiceWarning", code: "SLUICE_FILE_LEFT" },
      );
    }
    super.release(graceful);
  }
}

/** A bound datagram socket. */
export class UnixDatagramChannel<Out, In>
  extends UnixPacketChannel<Out, In>
  implements UnixDatagramSocket<Out, In>
{
  declare readonly address: string;
}

function unknownPeer(mechanism: Mechanism, address: string | undefined): never {
  const where = address === undefined ? "" : ` ${JSON.stringify(address)}`;
  const text =
    mechanism === "unix-dgram"
      ? `Cannot tell the peer of unix-dgram${where}: datagrams have no connection; see credentials of receiveEnvelope()`
      : `Cannot tell the peer of ${mechanism}${where}: that takes the native core of sluice`;
  throw unsupported(text, { operation: "peer", mechanism, address });
}

function passesHandles({ maxHandles }: CheckedOptions<never, unknown>): boolean {
  return maxHandles !== undefined && maxHandles > 0;
}
