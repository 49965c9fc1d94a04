import { performance } from "node:perf_hooks";
import type { Span } from "./source.js";
import { readNumber } from "./sink.js";

/** The times of round trips, in microseconds. */
export interface AskerReport {
  readonly role: "asker";
  readonly samples: number;
  readonly medianMicroseconds: number;
  readonly p99Microseconds: number;
}

const MOST_SAMPLES = 4_000_000;
/** So many round trips are warm-up at least: before, a busy machine would be timing code that is not compiled yet. */
const WARM_TRIPS = 5000;

/** The questions of one run and the times until their answers. */
export class Ping {
  readonly size: number;
  readonly #message: Buffer;
  readonly #filler: string;
  // Also written during the warm-up: nothing is done for the first time when the measured part begins.
  readonly #times: Float64Array = new Float64Array(MOST_SAMPLES);
  #count = 0;
  #isWarm = false;
  readonly #warmEnd: number;
  readonly #measure: number;
  #end = Infinity;
  #sequence = -1;
  #asked = NaN;

  constructor(size: number, span: Span) {
    this.size = size;
    this.#message = Buffer.alloc(size, 0x78);
    this.#message.writeUInt32LE(size, 4);
    this.#filler = "x".repeat(Math.max(0, size - 8));
    this.#warmEnd = performance.now() + span.warm;
    this.#measure = span.measure;
  }

  /** The first question. Its bytes are overwritten by the next one. */
  first(): Buffer {
    return this.#next();
  }

  /** Takes the answer, which must be the question itself; the next question, or undefined when time is up. */
  next(answer: Uint8Array): Buffer | undefined {
    const now = performance.now();
    const matches =
      answer.length === this.size &&
      readNumber(answer, 0) === this.#sequence &&
      readNumber(answer, 4) === this.size &&
      readNumber(answer, this.size - 4) === this.#sequence;
    if (!matches) throw new Error(`the answer to question ${this.#sequence} is not the question`);
    return this.#record(now) ? this.#next() : undefined;
  }

  /** The first question as text, for peers that carry no bytes. */
  firstText(): string {
    return this.#nextText();
  }

  /** Takes the answer as text; the next question, or undefined when time is up. */
  nextText(answer: string): string | undefined {
    const now = performance.now();
    if (answer.length !== this.size || Number.parseInt(answer.slice(0, 8), 16) !== this.#sequence) {
      throw new Error(`the answer to question ${this.#sequence} is not the question`);
    }
    return this.#record(now) ? this.#nextText() : undefined;
  }

  report(): AskerReport {
    const sorted = this.#times.slice(0, this.#count).sort();
    const median = sorted[Math.floor(sorted.length / 2)];
    const p99 = sorted[Math.floor(sorted.length * 0.99)];
    if (median === undefined || p99 === undefined) throw new Error("no round trip was measured");
    return { role: "asker", samples: sorted.length, medianMicroseconds: median, p99Microseconds: p99 };
  }

  #record(now: number): boolean {
    if (this.#count < MOST_SAMPLES) this.#times[this.#count++] = (now - this.#asked) * 1000;
    if (this.#isWarm) return this.#count < MOST_SAMPLES && (now < this.#end || this.#count === 0);
    if (now < this.#warmEnd || this.#sequence < WARM_TRIPS) return true;
    this.#isWarm = true;
    this.#end = now + this.#measure;
    this.#count = 0;
    return true;
  }

  #next(): Buffer {
    this.#asked = performance.now();
    this.#sequence++;
    this.#message.writeUInt32LE(this.#sequence, 0);
    this.#message.writeUInt32LE(this.#sequence, this.size - 4);
    return this.#message;
  }

  #nextText(): string {
    this.#asked = performance.now();
    this.#sequence++;
    return this.#sequence.toString(16).padStart(8, "0") + this.#filler;
  }
}
