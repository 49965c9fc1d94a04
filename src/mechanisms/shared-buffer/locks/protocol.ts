/** What became of an attempt to take a lock. */
export const BLOCKED = 0;
export const TAKEN = 1;
/** Taken, and whoever had it before has died with it. */
export const TAKEN_FROM_DEAD = 2;
/** Nobody gets this lock before the data is repaired. */
export const REFUSED = 3;
export type Outcome = typeof BLOCKED | typeof TAKEN | typeof TAKEN_FROM_DEAD | typeof REFUSED;

/** Of how many of those who sleep at a gate a release wakes. */
export const NONE = 0;
export const ONE = 1;
export const ALL = 0x7fff_ffff;

/** Who takes locks: one open SharedBuffer. */
export interface Owner {
  /** Its number, 1 to {@link LAST_OWNER}. */
  readonly id: number;
  /** Whether another owner is still there. Never asked of itself. */
  isAlive(id: number): boolean;
}

/**
 * One way to take one lock, by one owner: the steps on its words, and nothing of waiting. Every step that others see is a single atomic
 * operation, after which the process may die without leaving anything that the others cannot make sense of.
 */
export interface Protocol {
  readonly words: Int32Array;
  /** After {@link BLOCKED}: at which gate to sleep. */
  readonly gate: number;
  /** After {@link BLOCKED}: whose death would change the matter; 0 when it is not one owner alone. */
  readonly blocker: number;
  /**
   * Tries to take it. Who has slept already is `entitled` to it; who has not leaves it to those who have waited too long.
   */
  attempt(entitled: boolean): Outcome;
  /** Nobody of this owner waits for it any more: takes back what {@link Protocol.attempt} may have begun. */
  abandon(): void;
  /** Whether only this owner itself stands in the way, so that waiting for it without an event loop would never end. */
  readonly blockedByItself: boolean;
}
