import { performance } from "node:perf_hooks";
/** Marks the last message of a run. */
export const END_SEQUENCE = 0xffff_ffff;
/**
 * Set in the length of a message that was sent after the warm-up: the receiver counts from the first such message on. Small enough for V8's small
 * integers: a larger one would have code thrown away, on both sides, that was compiled for small ones, and just when the clock begins to run.
 */
export const COUNTED = 0x4000_0000;

/** How long a run takes, in milliseconds. What happens during warm-up is not counted. */
export interface Span {
  readonly warm: number;
  readonly measure: number;
}

/** What a sender used, from the end of its warm-up on. */
export interface SenderReport {
  readonly role: "sender";
  readonly messages: number;
  readonly cpuSeconds: number;
}

/** User and system time of this process, in seconds. */
export function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

/** How many messages go by between two looks at the clock: it costs as much as a small message. */
export function clockInterval(size: number): number {
  if (size <= 1024) return 64;
  return size <= 65_536 ? 4 : 1;
}

/** How often, in milliseconds, a sender looks whether its warm-up is over. */
const LOOK_MILLISECONDS = 10;

const FILLER = 0x78;
const FILLER_WORD = 0x7878_7878;
/** Eight bytes of filler: the widest that JavaScript stores at once. */
const FILLER_DOUBLE: number = new Float64Array(Uint32Array.of(FILLER_WORD, FILLER_WORD).buffer)[0] ?? NaN;
/** Bytes that a batch of messages may have, and the most messages. */
const BATCH_BYTES = 256 * 1024;
const BATCH_MESSAGES = 1024;

/**
 * The messages of one run, until its time is up; then one that says that it was the last. Each bears its number and length at the start, and
 * its number again at the end.
 */
export class Source {
  readonly size: number;
  #sequence = 0;
  #over = false;
  readonly #words: Uint32Array;
  readonly #strideWords: number;
  readonly #messages: Buffer[];
  readonly #batch: number;
  readonly #interval: number;
  readonly #warmEnd: number;
  readonly #measure: number;
  // What is run for the first time when the measured part begins would have V8 throw away the code of every message, just then: so it is all run from the start.
  #nextLook = 0;
  #isWarm = false;
  /** A sender that is held up all the time still has some messages counted. */
  readonly #fewest: number;
  // NaN rather than undefined or 0: a field keeps its representation in V8 when the measured part begins.
  #cpuAtWarm = NaN;
  #sequenceAtWarm = 0;
  #lengthWord: number;
  readonly #filler: string;
  readonly #pattern: Buffer;
  #lentFrom: Uint8Array | undefined;
  #lentWords: Uint32Array = new Uint32Array(0);
  #lentDoubles: Float64Array = new Float64Array(0);

  constructor(size: number, span: Span) {
    this.size = size;
    // Assigned twice, so that V8 does not take it for a constant until the measured part begins.
    this.#lengthWord = COUNTED + size;
    this.#lengthWord = size;
    this.#isWarm = true;
    this.#isWarm = false;
    this.#strideWords = Math.ceil(size / 8) * 2;
    this.#batch = Math.max(1, Math.min(BATCH_MESSAGES, Math.floor(BATCH_BYTES / size)));
    const memory = new ArrayBuffer(this.#batch * this.#strideWords * 4);
    Buffer.from(memory).fill(FILLER);
    this.#words = new Uint32Array(memory);
    this.#messages = Array.from({ length: this.#batch }, (_, index) =>
      Buffer.from(memory, index * this.#strideWords * 4, size),
    );
    this.#interval = clockInterval(size);
    this.#warmEnd = performance.now() + span.warm;
    this.#measure = span.measure;
    this.#fewest = span.measure === 0 ? 0 : 2 * this.#interval;
    this.#filler = "x".repeat(Math.max(0, size - 16));
    this.#pattern = Buffer.alloc(size, FILLER);
  }

  /** Whether the last message has been given out. */
  get over(): boolean {
    return this.#over;
  }

  /** The next message, or undefined after the last. Its bytes are overwritten by the next call. */
  next(): Buffer | undefined {
    if (this.#over) return undefined;
    const message = this.#messages[0];
    if (message === undefined) throw new Error("a source has one message at least");
    this.#stamp(0, this.#number());
    return message;
  }

  /** The next messages, up to a batch; empty after the last. Their bytes are overwritten by the next call. */
  nextBatch(): Buffer[] {
    if (this.#over) return [];
    let count = 0;
    while (count < this.#batch && !this.#over) this.#stamp(count++, this.#number());
    return count === this.#batch ? this.#messages : this.#messages.slice(0, count);
  }

  /** Writes the next message into memory that was lent for it: the payload is copied, as every sender has to. */
  fill(target: Uint8Array): void {
    const sequence = this.#number();
    target.set(this.#pattern);
    writeNumber(target, 0, sequence);
    writeNumber(target, 4, this.#lengthWord);
    writeNumber(target, this.size - 4, sequence);
  }

  /** Writes the next message into larger memory, at this offset, all of its bytes: sizes and offsets are multiples of eight. */
  fillAt(memory: Uint8Array, start: number): void {
    if (this.#lentFrom !== memory) this.#look(memory);
    const words = this.#lentWords;
    const doubles = this.#lentDoubles;
    const sequence = this.#number();
    const first = start >> 3;
    const last = first + (this.size >> 3) - 1;
    words[first * 2] = sequence;
    words[first * 2 + 1] = this.#lengthWord;
    for (let place = first + 1; place < last; place++) doubles[place] = FILLER_DOUBLE;
    words[last * 2] = FILLER_WORD;
    words[last * 2 + 1] = sequence;
  }

  #look(memory: Uint8Array): void {
    this.#lentFrom = memory;
    this.#lentWords = new Uint32Array(memory.buffer, memory.byteOffset, memory.byteLength >> 2);
    this.#lentDoubles = new Float64Array(memory.buffer, memory.byteOffset, memory.byteLength >> 3);
  }

  /** The next message as text, for peers that carry no bytes: number and length in hexadecimal, then filler. */
  nextText(): string | undefined {
    if (this.#over) return undefined;
    return hexadecimal(this.#number()) + hexadecimal(this.#lengthWord) + this.#filler;
  }

  report(): SenderReport {
    return {
      role: "sender",
      messages: this.#sequence - this.#sequenceAtWarm,
      cpuSeconds: cpuSeconds() - this.#cpuAtWarm,
    };
  }

  #number(): number {
    if (this.#sequence % this.#interval === 0) {
      const now = performance.now();
      if (now >= this.#nextLook) this.#lookAtClock(now);
    }
    return this.#over ? END_SEQUENCE : this.#sequence++;
  }

  #lookAtClock(now: number): void {
    if (this.#isWarm) {
      this.#over = this.#sequence - this.#sequenceAtWarm >= this.#fewest;
      return;
    }
    if (now < this.#warmEnd) {
      this.#nextLook = now + LOOK_MILLISECONDS;
      return;
    }
    this.#isWarm = true;
    this.#cpuAtWarm = cpuSeconds();
    this.#sequenceAtWarm = this.#sequence;
    this.#lengthWord = COUNTED + this.size;
    // From now on, so that a sender which was held up still has its whole time.
    this.#nextLook = now + this.#measure;
    if (this.#measure === 0) this.#lookAtClock(now);
  }

  #stamp(index: number, sequence: number): void {
    const start = index * this.#strideWords;
    const words = this.#words;
    words[start] = sequence;
    words[start + 1] = this.#lengthWord;
    words[start + this.size / 4 - 1] = sequence;
  }
}

function writeNumber(target: Uint8Array, offset: number, value: number): void {
  target[offset] = value;
  target[offset + 1] = value >>> 8;
  target[offset + 2] = value >>> 16;
  target[offset + 3] = value >>> 24;
}

const hexadecimal = (value: number): string => value.toString(16).padStart(8, "0");
