import type { FileHandle } from "./channel.js";
import type { ChannelError } from "./errors.js";

/**
 * What a mechanism provides that carries a stream of bytes. {@link StreamChannel} makes a channel of it. It does no
 * queueing and no checking of its own.
 */
export interface ByteStream {
  /** Tells whom to report to. Called once, before anything else. Reading starts with the first `resume`. */
  start(sink: ByteSink): void;
  /**
   * Gives bytes to the kernel, in order. `true`: it has taken all of them. `false`: it has not; the stream keeps them and
   * calls `sink.wrote()` once it has. No second write before that. Never throws for what the system says: that goes to `sink.fail`.
   */
  write(chunks: readonly Uint8Array[]): boolean;
  /**
   * Gives the kernel these bytes, a whole message, with descriptors. Only called while nothing that was given to `write` is on its way. `"none"`: it has
   * no room for it now, and the stream calls `sink.wrote()` when it may have; `"part"`: it has the descriptors and some of the bytes, and the rest goes as after a
   * `write` that was `false`. Throws a {@link ChannelError} for what fails this message alone. Absent: no descriptors can travel.
   */
  writeWith?(bytes: Uint8Array, handles: readonly number[]): "none" | "part" | "all";
  /** Reads on: asks `sink.buffer()` for memory, fills it, tells `sink.read(count)`. */
  resume(): void;
  /** Stops reading, so that the peer feels it. */
  pause(): void;
  /** Somebody is about to wait for a message, and none is there: whether bytes have come by now may be looked at here, on the caller's stack. */
  beforeWait?(): void;
  /** Releases the descriptor. After all was written (`graceful`) the peer sees an orderly end, else whatever the system makes of it. Ends in `sink.released()`, also when called in a callback of the sink. */
  close(graceful: boolean): void;
  /** Whether this stream keeps the process alive. */
  setRef(alive: boolean): void;
}

/** Whom a {@link ByteStream} reports to. None of these runs code of the user before it returns. */
export interface ByteSink {
  /** Where the next bytes shall be read to; never empty. */
  buffer(): Uint8Array;
  /**
   * This many bytes were read into the memory that `buffer` gave last, and with the last of them these descriptors, which belong to the sink from now on; `"lost"`: there
   * were some, which could not be taken. `false`: stop reading.
   */
  read(count: number, handles?: readonly FileHandle[] | "lost"): boolean;
  /** The bytes given to `write` are with the kernel. */
  wrote(): void;
  /** The peer has ended its direction in an orderly way. `gone`: it can receive nothing any more either. */
  ended(gone: boolean): void;
  /** The stream is broken. It calls nothing but `released` from now on. */
  fail(error: ChannelError): void;
  /** Everything is released. */
  released(): void;
}
