/**
 * `Atomics.load` is a call of 10 to 20 ns, a plain read takes one. Where the CPU orders reads as the program does, a plain read is as good in the places that
 * say so; V8 keeps the order of the program, keeps reads on their side of calls such as those of `Atomics`, and reads nothing twice that the program reads once.
 */
export const READS_IN_ORDER: boolean = process.arch === "x64";

/**
 * Whether of two plain reads the second sees what has changed since the first, also without a call between them. V8 never makes one of two reads of a typed array,
 * whose memory others may share; the engine of Bun may.
 */
export const READS_EACH_TIME: boolean = READS_IN_ORDER && !("bun" in process.versions);

/**
 * Reads a word that the peer writes: not before what this thread's last atomic operation has written can be seen by others, and before everything that is read
 * later. Where not
 * {@link READS_EACH_TIME}, a loop that waits for a change needs a call in it.
 */
export function readInOrder(words: Int32Array, index: number): number {
  return READS_IN_ORDER ? (words[index] ?? 0) : Atomics.load(words, index);
}
