import { reached } from "../../../core/step.js";
import { readInOrder } from "../memory-order.js";

/**
 * The gate: a word where those wait who find a lock taken, and which tells the one who leaves whether to wake anybody.
 *
 * Bit 0 says that somebody sleeps there, bit 1 that somebody has waited too long; the rest counts. Who waits sets bit 0, **then** looks at
 * the lock once more, then sleeps while the word is as it was. Who leaves frees the lock, **then** looks at bit 0. Each is sequentially consistent, so
 * at least one of the two looks comes after the other's write: nobody sleeps over a lock that is free. The count changes whenever somebody is woken, so
 * that a sleeper who is about to fall asleep notices.
 *
 * The word is only a hint. Whatever a process that dies leaves in it, those who sleep look again by themselves after {@link RECHECK_MILLISECONDS}.
 */

const SLEEPERS = 1;
const STARVING = 2;
const ONE = 4;

/** How long anybody sleeps without looking: the time in which a death is noticed. */
export const RECHECK_MILLISECONDS = 20;
/** Who has waited this long is let in before those who have not waited at all. */
export const PATIENCE_MILLISECONDS = 1;

/** Whether somebody has waited too long, so that newcomers must stand in line. It is a matter of politeness, so an old answer does no harm. */
export function isReserved(words: Int32Array, gate: number): boolean {
  return ((words[gate] ?? 0) & STARVING) !== 0;
}

/** Says that the caller is about to sleep: what the word is now, to sleep while it stays so. The lock must be looked at in between. */
export function arrive(words: Int32Array, gate: number, impatient: boolean): number {
  const bits = impatient ? SLEEPERS | STARVING : SLEEPERS;
  return Atomics.or(words, gate, bits) | bits;
}

/** One who has slept has got in. Others may sleep still, so the next to leave must look for them. */
export function settle(words: Int32Array, gate: number): void {
  Atomics.or(words, gate, SLEEPERS);
  STEP: reached("gate: others may sleep");
  Atomics.and(words, gate, ~STARVING);
  STEP: reached("gate: settled");
}

/** The lock has become free: whether somebody is to be woken. */
export function leave(words: Int32Array, gate: number): boolean {
  // Mostly nobody has ever waited.
  if (readInOrder(words, gate) === 0) return false;
  for (;;) {
    const seen = Atomics.load(words, gate);
    if ((seen & SLEEPERS) === 0) return false;
    const next = ((seen & ~SLEEPERS) + ONE) | 0;
    if (Atomics.compareExchange(words, gate, seen, next) === seen) return true;
  }
}

/** One who slept gives up. It may have been woken in vain, so somebody else must be woken instead, and none be kept out for its sake. */
export function giveUp(words: Int32Array, gate: number): void {
  Atomics.and(words, gate, ~STARVING);
  STEP: reached("gate: nobody waits too long");
  Atomics.add(words, gate, ONE);
  STEP: reached("gate: given up");
}
