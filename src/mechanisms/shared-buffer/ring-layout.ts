/**
 * The memory that two peers share, and how they use it.
 *
 * ```
 * 0            control words that only the server writes: half a page
 * pageSize/2   control words that only the client writes
 * pageSize     ring of records from server to client, `capacity` bytes
 *  + capacity  ring of records from client to server
 * ```
 *
 * A ring has one producer and one consumer. Its position counters run over all of 2^32 and wrap; a byte's place is the position modulo `capacity`, a
 * power of two. A record is the payload's length (u32), four bytes unused, and the payload, which so begins at a multiple of
 * eight; its size is rounded up to eight. The data is mapped twice in a row, so that no record has to wrap.
 */

/** Bytes before the payload of a record. */
export const HEADER_BYTES = 8;
/** The least capacity of a ring in bytes. It must be a multiple of the page size as well. */
export const LEAST_CAPACITY = 4096;
/** The most: positions are 32-bit numbers whose difference must have a sign of its own. */
export const MOST_CAPACITY: number = 2 ** 30;

/*
 * Indices of the 32-bit control words of a side. Each has 128 bytes to itself: two cache lines, which some CPUs fetch in pairs.
 *
 * Both sides of the sleeping protocol store first and look second, each by a sequentially consistent operation: the consumer stores
 * DATA_SLEEP, then looks at the producer's TAIL; the producer stores TAIL, then looks at DATA_SLEEP. In whatever order the four happen, at least one of
 * the two looks comes after the other's store, so either the consumer sees the data or the producer sees that a bell is
 * wanted. Nobody sleeps over data. The same holds for ROOM_SLEEP and HEAD with the parts exchanged.
 */

/** How far the owner of these words has published records in the ring that it produces. */
export const TAIL = 0;
/** How far the owner has consumed the ring that the other side produces. */
export const HEAD = 32;
/** Not 0 while the owner sleeps until data comes; a new number for each sleep, so that one sleep needs one stroke of the bell. */
export const DATA_SLEEP = 64;
/** Likewise while the owner sleeps until there is room. */
export const ROOM_SLEEP = 96;
/** 0, or `STATE_FINISHED` once the owner has closed in an orderly way. */
export const STATE = 128;

export const STATE_FINISHED = 1;

/** Bytes that a payload takes in the ring. */
export function recordSize(length: number): number {
  return (length + (HEADER_BYTES + 7)) & ~7;
}

/** The largest payload. A ring that is half empty has room for any, so that the producer never waits for the last byte to be consumed. */
export function largestPayload(capacity: number): number {
  return capacity / 2 - HEADER_BYTES;
}

/** Bytes of the whole memory. */
export function memorySize(pageSize: number, capacity: number): number {
  return pageSize + 2 * capacity;
}

/** The peer has written something into the shared memory that cannot be. */
export class RingViolation extends Error {
  override readonly name = "RingViolation";
}
