import { COUNTED, cpuSeconds, END_SEQUENCE } from "./source.js";

/** What a receiver counted, by its own clock, from the end of the warm-up to the last message. */
export interface ReceiverReport {
  readonly role: "receiver";
  readonly messages: number;
  readonly seconds: number;
  readonly cpuSeconds: number;
}

/** Checks every message of a run, counts them and keeps the time. */
export class Sink {
  readonly #size: number;
  #expected = 0;
  #counting = false;
  #countedFrom = 0;
  #countedFromSequence = 0;
  #cpuFrom = 0;
  #over = false;
  #report: ReceiverReport | undefined;

  constructor(size: number) {
    this.#size = size;
  }

  /** Whether the last message has come. */
  get over(): boolean {
    return this.#over;
  }

  /** Takes one message; throws if it is not the one that must come next, whole. */
  take(message: Uint8Array): void {
    this.takeAt(message, 0, message.length);
  }

  /** Takes one message that lies in larger memory. */
  takeAt(memory: Uint8Array, start: number, end: number): void {
    if (end - start !== this.#size) {
      throw new Error(`a message of ${end - start} bytes came instead of ${this.#size}`);
    }
    this.#count(readNumber(memory, start), readNumber(memory, start + 4), readNumber(memory, end - 4));
  }

  /** Takes one message that came as text. */
  takeText(message: string): void {
    const size = this.#size;
    if (message.length !== size) throw new Error(`a text of ${message.length} came instead of ${size}`);
    const sequence = Number.parseInt(message.slice(0, 8), 16);
    this.#count(sequence, Number.parseInt(message.slice(8, 16), 16), sequence);
  }

  report(): ReceiverReport {
    if (this.#report === undefined) throw new Error("no message was counted before the end");
    return this.#report;
  }

  #count(sequence: number, lengthWord: number, last: number): void {
    const counted = lengthWord >= COUNTED;
    if (lengthWord - (counted ? COUNTED : 0) !== this.#size || last !== sequence) {
      throw new Error(`message ${sequence} is torn: length ${lengthWord}, number at its end ${last}`);
    }
    if (sequence === END_SEQUENCE) {
      this.#finish();
      return;
    }
    if (sequence !== this.#expected || this.#over) {
      throw new Error(`message ${sequence} came instead of ${this.#over ? "none" : String(this.#expected)}`);
    }
    this.#expected++;
    if (counted && !this.#counting) this.#startCounting();
  }

  #startCounting(): void {
    this.#counting = true;
    this.#countedFrom = performance.now();
    this.#countedFromSequence = this.#expected;
    this.#cpuFrom = cpuSeconds();
  }

  #finish(): void {
    this.#over = true;
    const messages = this.#expected - this.#countedFromSequence;
    if (!this.#counting || messages === 0) return;
    this.#report = {
      role: "receiver",
      messages,
      seconds: (performance.now() - this.#countedFrom) / 1000,
      cpuSeconds: cpuSeconds() - this.#cpuFrom,
    };
  }
}

/** A little-endian number, unsigned. */
export function readNumber(bytes: Uint8Array, offset: number): number {
  return (
    ((bytes[offset] ?? 0) |
      ((bytes[offset + 1] ?? 0) << 8) |
      ((bytes[offset + 2] ?? 0) << 16) |
      ((bytes[offset + 3] ?? 0) << 24)) >>>
    0
  );
}
