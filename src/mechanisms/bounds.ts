import type { WaitOptions } from "../core/channel.js";
import type { ChannelError } from "../core/errors.js";
import { Wait } from "../core/wait.js";

/** The caller's `signal` and `timeout`, over several waits. */
export class Bounds {
  readonly #options: WaitOptions;
  readonly #end: number;
  readonly #error: () => ChannelError;

  /**
   * @param options - checked; the time begins to run now
   * @param timeoutError - what is told when it has run out
   */
  constructor(options: WaitOptions, timeoutError: () => ChannelError) {
    this.#options = options;
    this.#end = options.timeout === undefined ? Infinity : performance.now() + options.timeout;
    this.#error = timeoutError;
  }

  /** Waits this many milliseconds. */
  async pause(delay: number): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    try {
      await this.during(
        new Promise<void>((resolve) => {
          timer = setTimeout(resolve, delay);
        }),
      );
    } finally {
      clearTimeout(timer);
    }
  }

  /** Waits for a promise. The promise itself goes on when the bounds end the wait. */
  during<T>(promise: Promise<T>): Promise<T> {
    const { signal } = this.#options;
    const wait = new Wait<T>();
    promise.then(
      (value) => {
        wait.fulfil(value);
      },
      (error: unknown) => {
        wait.reject(error);
      },
    );
    signal?.throwIfAborted();
    const rest = this.#end - performance.now();
    wait.bound({ signal, timeout: rest === Infinity ? undefined : Math.max(0, rest) }, this.#error);
    return wait.promise;
  }
}
