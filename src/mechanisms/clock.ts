/** Milliseconds, as `performance.now()`: the global of this name is a getter that Node runs at each use. */
export const clock: { now(): number } = performance;
