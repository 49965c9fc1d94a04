// Where the two programs of test/campaign/fuzz/memory.test.ts meet, by a name that both are given.

/** The server of a ring that is honest, and the one that is not. */
export const ringOf = (name: string, side: "honest" | "hostile"): string => `\0${name}-ring-${side}`;
/** Likewise of a broadcast. */
export const broadcastOf = (name: string, side: "honest" | "hostile"): string => `\0${name}-cast-${side}`;
/** Named memory with locks and a record in it. */
export const segmentOf = (name: string): string => `/${name}`;

/** Bytes of the rings: small, so that positions soon come round. */
export const CAPACITY = 65_536;
/** Where each lock is in the segment. */
export const PLACES = {
  mutex: 0,
  rwlock: 256,
  semaphore: 512,
  condition: 1024,
  guard: 1280,
  record: 2048,
} as const;
