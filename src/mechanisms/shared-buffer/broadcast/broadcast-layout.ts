/**
 * The memory of a broadcast, and how it is used.
 *
 * ```
 * 0            page of control words           only the writer can write any of this: the memory is sealed against
 * pageSize     ring of records, `capacity`     writing (F_SEAL_FUTURE_WRITE) once the writer has mapped it
 * ```
 *
 * Beside it each follower has a page of its own, which it writes and the writer reads: {@link SLEEP} and {@link CURSOR}.
 *
 * A record is the payload's length (u32), the low half of its sequence number (u32) and the payload, rounded up to eight bytes. Positions count all bytes since
 * the start; a byte's place is the position modulo `capacity`. The data is mapped twice in a row, so that no record has to wrap.
 *
 * The writer waits for nobody. Before it overwrites records it announces the position of the oldest that stays ({@link OLDEST}); after it has written some it
 * publishes how far ({@link HEAD}). A follower copies records out, then looks at OLDEST: what lies before it may have been overwritten during the copy and is
 * thrown away, what lies behind is whole.
 *
 * Of HEAD the low 32 bits do: it is never more than `capacity` before a cursor that is not overtaken. OLDEST has all 64, since a follower may be
 * stopped for longer than 4 GiB take.
 */

/* Indices of 32-bit words in the page of control words. */

/** The low half of the position up to which records are published. */
export const HEAD = 0;
/** 0, or `STATE_FINISHED` once the writer has closed in an orderly way. */
export const STATE = 64;

/* Indices of 64-bit words in it. */

/** The position of the oldest record. */
export const OLDEST = 16;
/** Its sequence number; stored before OLDEST. */
export const OLDEST_SEQUENCE = 17;

/* A follower's page. */

/** Index of a 32-bit word: not 0 while the follower sleeps; a new number for each sleep, so that one sleep needs one stroke of the bell. */
export const SLEEP = 0;
/** Index of a 64-bit word: the position up to which the follower has read, as it says. */
export const CURSOR = 16;

/** Records are given up in steps of at least `capacity / STRIDES`, so that a small message seldom has to announce anything. */
export const STRIDES = 32;

/** The largest payload: a quarter of the ring, so that some messages are always there to be read. */
export function largestBroadcast(capacity: number): number {
  return capacity / 4 - 8;
}

/** Where in the stream of records somebody stands. */
export interface Place {
  /** In bytes since the start. */
  readonly position: number;
  /** The number of the record that begins there. */
  readonly sequence: number;
}
