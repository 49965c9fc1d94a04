import type { Credentials } from "../../../core/channel.js";
import type { PacketPort } from "../../../core/packet-port.js";
import type { ChannelTraits } from "../../../core/traits.js";
import type { Authorisation } from "../../authorise.js";

/** The two ways in which packets are carried. */
export type EngineName = "native" | "node-unix-socket";

/** The socket types that keep messages apart, unix(7). */
export type PacketType = "dgram" | "seqpacket";

/**
 * Decides whose datagrams are taken. On seqpacket the connection was authorised before there is a port; a datagram socket has no connection,
 * so each message is judged by the credentials that the kernel gives with it.
 */
export interface Admission {
  /** Who may send. A function of the user is asked on a stack of its own. */
  readonly authorisation: Authorisation;
  /** A message was dropped. Called from `process.nextTick`, so that it may call the user's code. */
  readonly refused: (credentials: Credentials) => void;
}

/** What an engine must know to make a port of a socket. */
export interface PacketPortOptions {
  readonly type: PacketType;
  /** `false`: a bound datagram socket that sends with `to`. */
  readonly hasPeer: boolean;
  /** The option of the user, unchecked; `undefined`: what the kernel takes by default. */
  readonly maxMessageSize?: number | undefined;
  /** How many descriptors may travel with a message. None by default. */
  readonly maxHandles?: number | undefined;
  /** The address that errors name. */
  readonly address?: string | undefined;
  /** Only for datagrams; `undefined`: anyone. */
  readonly admission?: Admission | undefined;
}

/** A port, and what the channel over it may say of itself. */
export interface CreatedPort {
  readonly port: PacketPort;
  /** Complete and honest for this engine; `maxMessageSize` is what the socket takes. */
  readonly traits: ChannelTraits;
  /** Why this payload cannot travel here, else `undefined`: for the channel's `refusal`. Absent: every payload can. */
  readonly refusal?: (payload: Uint8Array) => string | undefined;
}

/** Carries packets over sockets that the native core has made. */
export interface PacketEngine {
  readonly name: EngineName;
  /**
   * Makes a socket ready: to be called right after it was made, before bind, connect or listen, and on both ends of a pair. Checks `maxMessageSize`
   * against what the kernel takes and sets the socket's options.
   *
   * @throws TypeError or RangeError for a wrong `maxMessageSize`; ChannelError `ERR_UNSUPPORTED` for one that the kernel refuses; the socket stays open
   */
  prepare(fd: number, options: PacketPortOptions): void;
  /**
   * A port over a socket that is connected, accepted or (without a peer) bound. The port owns the descriptor from now on; if this throws, the caller still does.
   */
  createPort(fd: number, options: PacketPortOptions): CreatedPort;
  /** Ports over both ends of a socketpair. On datagrams the end of one side is told to the other, which the kernel does not do. */
  createPair(fds: readonly [number, number], options: PacketPortOptions): [CreatedPort, CreatedPort];
}
