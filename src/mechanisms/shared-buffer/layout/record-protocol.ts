import { READS_EACH_TIME, READS_IN_ORDER } from "../memory-order.js";

/**
 * The steps of a record: one writer, many readers, and two copies of the data, like the seqcount latch of the Linux kernel.
 *
 * The sequence counts the writes; its lowest bit says which copy is the last whole one. The writer fills the other, then counts: readers never wait, and a
 * writer that dies leaves the last whole one where it is. A reader looks at the sequence before and after; if it has changed, the writer may
 * have come round to the copy that was read, and the reader reads again.
 */

/** Of a record's words: how many writes there were. */
export const SEQUENCE = 6;

// Elsewhere a read may be done after the atomic one that follows it, unless there is an atomic store in between.
const fence = new Int32Array(1);

/** The sequence before a read. */
export function beginRead(words: Int32Array): number {
  return READS_IN_ORDER ? (words[SEQUENCE] ?? 0) : Atomics.load(words, SEQUENCE);
}

/** Whether what was read since {@link beginRead} is whole. */
export function endRead(words: Int32Array, sequence: number): boolean {
  if (READS_EACH_TIME) return words[SEQUENCE] === sequence;
  if (!READS_IN_ORDER) Atomics.store(fence, 0, 0);
  return Atomics.load(words, SEQUENCE) === sequence;
}

/**
 * The sequence before a write. Whoever still reads the copy that is about to be written must be able to see that it has become the older one: this load
 * comes after the store of {@link endWrite}, and the writes come after this load.
 */
export function beginWrite(words: Int32Array): number {
  return Atomics.load(words, SEQUENCE);
}

/** Makes the copy that was written the current one. */
export function endWrite(words: Int32Array, sequence: number): void {
  Atomics.store(words, SEQUENCE, (sequence + 1) | 0);
}
