/** What does not heed its signal gets so many milliseconds more before nobody waits for it any longer. */
const GRACE = 1000;

/** The time by which everything has to be over. It can be brought forward. */
export class Deadline {
  readonly #controller = new AbortController();
  readonly #end: number;
  readonly #timer: ReturnType<typeof setTimeout> | undefined;

  /** @param milliseconds - from now on; may be Infinity */
  constructor(milliseconds: number) {
    this.#end = performance.now() + milliseconds;
    if (milliseconds !== Infinity) this.#timer = setTimeout(() => this.hurry(), milliseconds);
  }

  /** Fires at the deadline. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Milliseconds that are left. */
  get remaining(): number {
    return this.signal.aborted ? 0 : Math.max(0, this.#end - performance.now());
  }

  /** The time is over now. */
  hurry(): void {
    clearTimeout(this.#timer);
    this.#controller.abort(new DOMException("The time to stop is over", "TimeoutError"));
  }

  /**
   * Waits for the work until a second after the deadline.
   *
   * @returns whether it has ended; it rejects as the work does
   */
  async within(work: Promise<unknown>): Promise<boolean> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    let onAbort: (() => void) | undefined;
    const over = new Promise<false>((resolve) => {
      onAbort = (): void => {
        timer = setTimeout(resolve, GRACE, false);
      };
      if (this.signal.aborted) onAbort();
      else this.signal.addEventListener("abort", onAbort);
    });
    try {
      return await Promise.race([work.then(() => true), over]);
    } finally {
      clearTimeout(timer);
      if (onAbort !== undefined) this.signal.removeEventListener("abort", onAbort);
    }
  }

  /** Stops the clock. */
  clear(): void {
    clearTimeout(this.#timer);
  }
}
