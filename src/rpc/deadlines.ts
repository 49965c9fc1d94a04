/** Deadlines need not be kept to the millisecond: they are looked at this often at most. */
const GRAIN = 5;

/** Something that has a deadline, in milliseconds of `performance.now()`; `Infinity`: none. */
export interface Timed {
  deadline: number;
}

/** One timer for all deadlines of a connection. */
export class Deadlines<T extends Timed> {
  readonly #all: () => Iterable<T>;
  readonly #passed: (late: T) => void;
  #timer: NodeJS.Timeout | undefined;
  #next = Infinity;

  /**
   * @param all - who has a deadline
   * @param passed - told of each whose deadline has passed
   */
  constructor(all: () => Iterable<T>, passed: (late: T) => void) {
    this.#all = all;
    this.#passed = passed;
  }

  /** Gives it so many milliseconds from now on. */
  set(timed: Timed, timeout: number): void {
    if (timeout === Infinity) {
      timed.deadline = Infinity;
      return;
    }
    timed.deadline = performance.now() + timeout;
    if (timed.deadline < this.#next) this.#arm(timed.deadline, timeout);
  }

  /** Lets go of the timer. */
  close(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#next = -Infinity;
  }

  #arm(deadline: number, delay: number): void {
    clearTimeout(this.#timer);
    this.#next = deadline;
    this.#timer = setTimeout(this.#look, Math.max(delay, GRAIN)).unref();
  }

  readonly #look = (): void => {
    this.#next = Infinity;
    const now = performance.now();
    let earliest = Infinity;
    for (const timed of this.#all()) {
      if (timed.deadline <= now) this.#passed(timed);
      else if (timed.deadline < earliest) earliest = timed.deadline;
    }
    if (earliest < this.#next) this.#arm(earliest, earliest - now);
  };
}
