import type { Span } from "./source.js";

/** How many calls were answered in how long. */
export interface CallerReport {
  readonly role: "caller";
  readonly calls: number;
  readonly seconds: number;
}

/** What every contestant serves. */
export const methods = { add: ({ a, b }: { a: number; b: number }): { sum: number } => ({ sum: a + b }) };

/** Calls `add`, however a contestant does it. */
export type CallAdd = (input: { a: number; b: number }) => Promise<{ sum: number }>;

/** The clock is looked at once in so many calls. */
const INTERVAL = 16;
/** So many calls are warm-up at least: two processes on one processor also share it with those of their threads that compile. But no longer than this. */
const WARM_CALLS = 100_000;
const LONGEST_WARM_MILLISECONDS = 2000;

/** How often the clock decides whether the warm-up is over, in milliseconds. */
const LOOK_MILLISECONDS = 10;

/** The calls of one run: so many in flight at any time, each answer checked. */
export class Calls {
  readonly #inFlight: number;
  readonly #warmEnd: number;
  readonly #measure: number;
  #calls = 0;
  // What is run for the first time when the measured part begins would have V8 throw away the code of every call, just then: so it is all run from the start.
  #nextLook = 0;
  #over = false;
  #begun = NaN;
  #callsAtBegin = 0;
  #seconds = NaN;

  constructor(inFlight: number, span: Span) {
    this.#inFlight = inFlight;
    this.#warmEnd = performance.now() + span.warm;
    this.#measure = span.measure;
  }

  async run(add: CallAdd): Promise<void> {
    await Promise.all(Array.from({ length: this.#inFlight }, () => this.#repeat(add)));
    this.#seconds = (performance.now() - this.#begun) / 1000;
  }

  report(): CallerReport {
    return { role: "caller", calls: this.#calls - this.#callsAtBegin, seconds: this.#seconds };
  }

  async #repeat(add: CallAdd): Promise<void> {
    while (!this.#isOver()) {
      const { sum } = await add({ a: 1, b: 2 });
      if (sum !== 3) throw new Error(`1 + 2 is not ${sum}`);
    }
  }

  #isOver(): boolean {
    if (++this.#calls % INTERVAL === 0) {
      const now = performance.now();
      if (now >= this.#nextLook) this.#look(now);
    }
    return this.#over;
  }

  #look(now: number): void {
    if (!Number.isNaN(this.#begun)) {
      this.#over = true;
      return;
    }
    const isWarm = this.#calls >= WARM_CALLS || now >= this.#warmEnd + LONGEST_WARM_MILLISECONDS;
    if (now < this.#warmEnd || !isWarm) {
      this.#nextLook = now + LOOK_MILLISECONDS;
      return;
    }
    this.#begun = now;
    this.#callsAtBegin = this.#calls;
    this.#nextLook = now + this.#measure;
  }
}
