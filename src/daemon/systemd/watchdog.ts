/** Options of {@link ServiceManager.watchdog}. */
export interface WatchdogOptions {
  /**
   * Milliseconds that the event loop may be late and still count as alive: a quarter of the service manager's interval by default. As long as it is later, no sign of life is
   * sent.
   */
  readonly maxLag?: number | undefined;
  /** Asked before each sign of life; `false` holds it back: for a daemon that turns, but does not get on. Must be quick. */
  readonly isHealthy?: (() => boolean) | undefined;
}

/** What a {@link Watchdog} needs to know and to do. */
export interface WatchdogTask {
  /** Milliseconds within which the service manager wants a sign of life. */
  readonly interval: number;
  readonly maxLag: number;
  readonly isHealthy: () => boolean;
  ping(): void;
  /** The event loop was so many milliseconds late, and no sign of life goes out. */
  late(lag: number): void;
}

/**
 * Tells that the process lives, at half the interval, as sd_watchdog_enabled(3) advises, as long as its event loop turns in time. It looks twice as often, so that one late turn alone does not
 * cost the process its life. It keeps no process alive.
 */
export class Watchdog implements Disposable {
  readonly #task: WatchdogTask;
  readonly #step: number;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #pinged: number;

  constructor(task: WatchdogTask) {
    this.#task = task;
    this.#step = task.interval / 4;
    this.#pinged = performance.now() - task.interval;
    this.#look(performance.now());
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }

  #look(expected: number): void {
    const now = performance.now();
    this.#timer = setTimeout(() => {
      this.#look(now + this.#step);
    }, this.#step).unref();
    const lag = now - expected;
    if (lag > this.#task.maxLag) this.#task.late(lag);
    // Half of the interval, less what a timer may be early.
    else if (now - this.#pinged >= this.#step * 1.5 && this.#task.isHealthy()) {
      this.#pinged = now;
      this.#task.ping();
    }
  }
}
