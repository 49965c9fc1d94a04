import { performance } from "node:perf_hooks";
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
  // Not so, but then the first message runs what begins the measured part: else V8 would throw away the code of every message when that part begins.
  #counting = true;
  // NaN rather than 0: a field keeps its representation in V8 when the measured part begins.
  #countedFrom = NaN;
  #countedFromSequence = 0;
  #cpuFrom = NaN;
  #over = false;
  #mayMiss = false;
  #missed = 0;
  #missedFrom = 0;
  #lentFrom: Uint8Array | undefined;
  #lent: Uint32Array = new Uint32Array(0);
  #report: ReceiverReport | undefined;

  constructor(size: number) {
    this.#size = size;
  }

  /** Whether the last message has come. */
  get over(): boolean {
    return this.#over;
  }

  /** Messages that have not come, before one that has; see {@link Sink.allowMissing}. */
  get missed(): number {
    return this.#missed;
  }

  /** From now on messages may be left out, where the sender waits for nobody. */
  allowMissing(): void {
    this.#mayMiss = true;
  }

  /** Takes one message; throws if it is not the one that must come next, whole. */
  take(message: Uint8Array): void {
    const { length } = message;
    if (length !== this.#size) throw this.#wrongSize(length);
    this.#count(readNumber(message, 0), readNumber(message, 4), readNumber(message, length - 4));
  }

  /** Takes one message that lies in larger memory, at an offset that is a multiple of four. */
  takeAt(memory: Uint8Array, start: number, end: number): void {
    if (this.#lentFrom !== memory) this.#look(memory);
    if (end - start !== this.#size) throw this.#wrongSize(end - start);
    const words = this.#lent;
    const first = start >> 2;
    this.#count(words[first] ?? 0, words[first + 1] ?? 0, words[(end >> 2) - 1] ?? 0);
  }

  #look(memory: Uint8Array): void {
    this.#lentFrom = memory;
    this.#lent = new Uint32Array(memory.buffer, memory.byteOffset, memory.byteLength >> 2);
  }

  // Texts are made in functions of their own: V8 made the numbers in them into strings at every message, since two of the texts have the same one.

  #torn(sequence: number, lengthWord: number, last: number): Error {
    return new Error(`message ${sequence} is torn: length ${lengthWord}, number at its end ${last}`);
  }

  #misplaced(sequence: number): Error {
    const expected = this.#over ? "none" : String(this.#expected);
    return new Error(`message ${sequence} came instead of ${expected}`);
  }

  #wrongSize(length: number): Error {
    return new Error(`a message of ${length} bytes came instead of ${this.#size}`);
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
      throw this.#torn(sequence, lengthWord, last);
    }
    if (sequence === END_SEQUENCE) {
      this.#finish();
      return;
    }
    if (sequence !== this.#expected || this.#over) this.#skipTo(sequence);
    this.#expected++;
    if (counted !== this.#counting) this.#turn(counted);
  }

  #skipTo(sequence: number): void {
    if (!this.#mayMiss || sequence < this.#expected || this.#over) throw this.#misplaced(sequence);
    this.#missed += sequence - this.#expected;
    this.#expected = sequence;
  }

  #turn(counting: boolean): void {
    this.#counting = counting;
    this.#countedFrom = performance.now();
    this.#countedFromSequence = this.#expected;
    this.#missedFrom = this.#missed;
    this.#cpuFrom = cpuSeconds();
  }

  #finish(): void {
    this.#over = true;
    const messages = this.#expected - this.#countedFromSequence - (this.#missed - this.#missedFrom);
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
