import type { ChannelError } from "../../core/errors.js";
import type { MessageQueueStatus } from "./options.js";

/** Who waits for which messages: how many wait for each selection (0: any message; else as for msgrcv(2)). */
export type Wanted = ReadonlyMap<number, number>;

/** The selection of any message. */
export const ANY = 0;

/**
 * A queue of the kernel. Nothing is read ahead: a message that is taken is one that nobody else will get, so it is only taken for somebody who waits.
 *
 * A message's grade is its priority on a POSIX queue and its type on a System V queue.
 */
export interface QueuePort {
  /** What `send` and the envelope call the grade. */
  readonly gradeName: "priority" | "type";
  /** The grade of messages that are sent without one. */
  readonly defaultGrade: number;
  /** Tells whom to report to, and where to look who waits. Called once, before anything else. */
  start(sink: QueueSink, wanted: Wanted): void;
  /**
   * Gives messages `[start, end)` to the kernel, in order, and returns how many it took; fewer: it is full. Throws a {@link ChannelError} when the
   * first cannot be sent; if nothing more can be sent at all, it says `sink.fail` before.
   */
  send(messages: readonly Uint8Array[], start: number, end: number, grade: number): number;
  /** Gives one message to the kernel as soon as that has room, then says `sink.sent()`. One at a time; the memory is not needed after the call. */
  sendLater(message: Uint8Array, grade: number): void;
  /** Takes messages that are there, at most `most`, in memory that belongs to the caller. Says `sink.ended()` when the queue is gone. */
  take(selection: number, most: number): Buffer[];
  /** The grade of a message of the last `take`. */
  gradeOf(index: number): number;
  /** What is wanted has changed: says `sink.readable()` when there may be such a message. */
  watch(): void;
  /** Throws a {@link ChannelError}. */
  stat(): MessageQueueStatus;
  /** Whether this port keeps the process alive. */
  setRef(alive: boolean): void;
  /** Releases everything, a message that waits to be sent included. Ends in `sink.released()`, later. */
  close(): void;
}

/** Whom a {@link QueuePort} reports to. */
export interface QueueSink {
  /** There may be a message that is wanted. */
  readable(): void;
  /** What `sendLater` was given has been sent. */
  sent(): void;
  /** The queue was removed. */
  ended(): void;
  /** The port is broken. It calls nothing but `released` from now on. */
  fail(error: ChannelError): void;
  /** Everything is released. */
  released(): void;
}
