/**
 * How the locks lie in memory. docs/locks.md describes it for programs that do not use this library: what is written here is a format, and
 * a change of it needs a new {@link VERSION}.
 *
 * A lock is an array of 32-bit words, in the byte order of the machine, at a multiple of 64. Memory of zeros is a lock that is free: only the first word
 * is written when a lock is first looked at.
 */

/** Locks begin at a multiple of this, so that two of them never share a cache line. */
export const LOCK_ALIGNMENT = 64;

const MAGIC = 0x534c;
const VERSION = 1;

/** What a piece of shared memory is used for; the low byte of its first word. */
export const kinds = ["mutex", "rwlock", "semaphore", "condition", "layout", "record"] as const;
/** One of {@link kinds}. */
export type Kind = (typeof kinds)[number];

/** The first word of a lock: `0x534c` ("SL"), the version of the format, the kind. */
export function headerOf(kind: Kind): number {
  return (MAGIC << 16) | (VERSION << 8) | (kinds.indexOf(kind) + 1);
}

/** What a first word says, for an error text. */
export function describeHeader(word: number): string {
  const kind = kinds[(word & 0xff) - 1];
  if (word >>> 16 !== MAGIC || kind === undefined) return `other data (0x${(word >>> 0).toString(16)})`;
  const version = (word >>> 8) & 0xff;
  return version === VERSION ? `a ${kind}` : `a ${kind} of version ${version}`;
}

// ---- words that several kinds have ----------------------------------------------------------------------------------

/** The kind: {@link headerOf}. */
export const HEADER = 0;
/** Who has it: 0, or an owner's number with flags. Of a rwlock, the writer. */
export const OWNER = 1;
/** Who waits: see gate.ts. */
export const GATE = 2;

// ---- the owner's word -----------------------------------------------------------------------------------------------

/** Nobody. */
export const FREE = 0;
/** The part of an owner's word that is its number. */
export const OWNER_MASK = 0x1fff_ffff;
/** The largest number of an owner; the least is 1. */
export const LAST_OWNER = 0x1fff_fffe;
/** In place of an owner: somebody died with the lock, and the next released it without a word on the data. */
export const LOST = 0x1fff_ffff;
/** An owner before this one died with the lock, and the data is not yet said to be consistent. */
export const OWNER_DIED = 0x4000_0000;
/** A writer that has not begun: it waits for readers to leave. */
export const PENDING = 0x2000_0000;

// ---- sizes and places of each kind ----------------------------------------------------------------------------------

export const MUTEX_BYTES = 64;
export const CONDITION_BYTES = 64;
export const RWLOCK_BYTES = 256;

/** Of a rwlock: where a writer waits for the last reader. */
export const DRAIN_GATE = 3;
/** Of a rwlock: the first of the words that hold readers' numbers. */
export const READERS = 16;
/** Of a rwlock: how many readers' words there are. */
export const READER_COUNT = 48;

/** Of a semaphore: how many permits it has. */
export const PERMIT_COUNT = 1;
/** Of a semaphore: the first of the words that hold the number of who has the permit. */
export const PERMITS = 16;
/** The most permits a semaphore can have. */
export const MOST_PERMITS = 4096;

/** Of a condition: changes with each notification. */
export const SEQUENCE = 1;
/** Of a condition: how many wait. The dead stay counted. */
export const WAITER_COUNT = 2;
/** What a notification of all adds to the sequence, so that who wakes can tell it from one of one. */
export const NOTIFIED_ALL = 0x1_0000;
