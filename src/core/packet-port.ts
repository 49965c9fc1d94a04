import type { Address, Credentials, FileHandle, SendOptions } from "./channel.js";
import type { PacketBatch } from "./packet-batch.js";
import type { ChannelError } from "./errors.js";

/** What is known of a packet beside its bytes. */
export interface PacketDetails {
  readonly from?: Address;
  readonly credentials?: Credentials;
  readonly priority?: number;
  readonly type?: number;
  readonly value?: number;
  readonly missed?: number;
  readonly handles?: readonly FileHandle[];
}

/**
 * What a mechanism provides that carries whole packets. {@link PacketChannel} makes a channel of it. It does no queueing
 * and no checking of its own.
 */
export interface PacketPort<Sink extends PacketSink = PacketSink> {
  /** Tells whom to report to. Called once, before anything else. Reading starts with the first `resume`. */
  start(sink: Sink): void;
  /**
   * Gives packets `[start, end)` to the kernel (or ring), in order, and returns how many it took. Their memory belongs to the caller again when this returns.
   * Fewer than asked for: there is no room; the port calls `sink.writable()` when there may be. Throws a {@link ChannelError} when the first packet
   * cannot be sent; if nothing more can be sent at all, it says `sink.fail` before.
   */
  send(packets: readonly Uint8Array[], start: number, end: number): number;
  /**
   * Sends one packet with options that concern the packet (`to`, `priority`, `type`, `handles`). `false`: no room for this destination now; the port calls
   * `sink.writable(to)` when there may be. Throws a {@link ChannelError} when this packet cannot be sent; that fails the packet alone. Absent: no such options.
   */
  sendWith?(packet: Uint8Array, options: SendOptions): boolean;
  /** Which of the options of `send` and `receive` this port knows. */
  readonly capabilities?: readonly ("to" | "priority" | "type" | "handles")[];
  /** Whether `send` without `to` is possible. `true` when absent. */
  readonly hasPeer?: boolean;
  /** Packets that came and that the system, or a port that cannot be paused, has dropped so far. Absent: it tells its sender to wait instead. */
  readonly dropped?: number;
  /** Reads on: gives each packet to `sink.packet`, then says `sink.arrived()` once for all of them. */
  resume(): void;
  /** Stops reading, so that the peer feels it. */
  pause(): void;
  /** Somebody is about to wait for a message, and none is there: whether one has come by now may be looked at here, on the caller's stack. */
  beforeWait?(): void;
  /** Releases everything. `graceful`: all was sent, the peer shall see an orderly end. Ends in `sink.released()`, also when called in a callback of the sink. */
  close(graceful: boolean): void;
  /** Whether this port keeps the process alive. */
  setRef(alive: boolean): void;
}

/** Whom a {@link PacketPort} reports to. None of these runs code of the user before it returns. */
export interface PacketSink {
  /** A packet has come; its memory belongs to the channel from now on. `false`: the queue is full, stop reading (a packet given all the same is kept). */
  packet(bytes: Buffer, details?: PacketDetails): boolean;
  /** The packets given since the last time may be delivered. */
  arrived(): void;
  /** There may be room again, for this destination or (without) on the connection. */
  writable(to?: string): void;
  /** The peer has ended in an orderly way. `gone`: it can receive nothing any more either. */
  ended(gone: boolean): void;
  /** One incoming packet is unusable (cut by the kernel); the channel goes on. The receiver in line gets the error. */
  spoiled(error: ChannelError): void;
  /** The port is broken. It calls nothing but `released` from now on. */
  fail(error: ChannelError): void;
  /** Everything is released. */
  released(): void;
}

/** A {@link PacketSink} that takes many packets at once, of which nothing is known beside their bytes and which are no longer than the channel's limit. */
export interface BatchSink extends PacketSink {
  /** Tells an empty batch how many packets may come. To be asked again after each `packets` and `spoiled`. */
  limit(batch: PacketBatch): void;
  /** As `packet` for each packet of the batch, which is empty then. */
  packets(batch: PacketBatch): boolean;
}
