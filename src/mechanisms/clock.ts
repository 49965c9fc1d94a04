let known: { now(): number } | undefined;

/**
 * Milliseconds, as `performance.now()`: the global of this name is a getter that Node runs at each use. Asked for only when first used: its modules are a
 * millisecond of every import.
 */
export const clock: { now(): number } = {
  now: () => (known ??= performance).now(),
};
