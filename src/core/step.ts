/**
 * A place in the code where it matters whether the process dies there: other processes see what was done before, and nothing of what comes after.
 *
 * ```text
 * STEP: reached("path-lock: locked");
 * ```
 *
 * What bears the label `STEP` is left out of the package (tsup.config.ts). Tests kill a process at each of them (test/campaign/kills), and fail where one is never reached.
 */
export function reached(name: string): void {
  watcher?.(name);
}

let watcher: ((name: string) => void) | undefined;

/** Has a function called at each step of this process. */
export function watchSteps(watch: (name: string) => void): void {
  watcher = watch;
}
