/**
 * `Atomics.load` is a call of 10 to 20 ns, a plain read takes one. Where the CPU orders reads as the program does, a plain read is as good in the places that
 * say so; V8 keeps the order of the program around calls such as those of `Atomics`, and never joins two reads of a typed array across one.
 */
export const READS_IN_ORDER: boolean = process.arch === "x64";

/** Reads a word after an atomic operation of this thread that writes: not before what that has written can be seen by others. */
export function readAfterAtomic(words: Int32Array, index: number): number {
  return READS_IN_ORDER ? (words[index] ?? 0) : Atomics.load(words, index);
}
