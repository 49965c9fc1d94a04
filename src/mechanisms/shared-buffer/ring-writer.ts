import { reached } from "../../core/step.js";
import { copyInto } from "../../core/view.js";
import { describe } from "../../core/wait.js";
import { readInOrder } from "./memory-order.js";
import { HEADER_BYTES, HEAD, recordSize, RingViolation, TAIL } from "./ring-layout.js";
import type { RingMemory } from "./ring-memory.js";

/** Writes a message where the receiver will read it, and says how long it is: see {@link SharedBufferChannel.sendInPlace}. */
export type InPlaceWriter = (memory: Buffer, start: number, end: number) => number | undefined;

/** The producer's half of a ring. Nothing that it writes is seen before it is published. */
export class RingWriter {
  readonly #own: Int32Array;
  readonly #peer: Int32Array;
  readonly #bytes: Uint8Array;
  readonly #lengths: Int32Array;
  readonly #capacity: number;
  // Positions, as signed 32-bit numbers.
  #tail = 0;
  #head = 0;
  /** Messages that were written in place, and their bytes: they pass by those who count all others. */
  inPlaceMessages = 0;
  inPlaceBytes = 0;

  constructor(memory: RingMemory) {
    this.#own = memory.own;
    this.#peer = memory.peer;
    this.#bytes = new Uint8Array(memory.outgoing);
    this.#lengths = new Int32Array(memory.outgoing);
    this.#capacity = memory.capacity;
  }

  /** Writes and publishes packets `[start, end)`, as many as fit; returns how many. */
  write(packets: readonly Uint8Array[], start: number, end: number): number {
    const bytes = this.#bytes;
    const lengths = this.#lengths;
    const mask = this.#capacity - 1;
    let tail = this.#tail;
    let room = this.#capacity - ((tail - this.#head) | 0);
    let next = start;
    for (; next < end; next++) {
      const packet = packets[next];
      if (packet === undefined) break;
      const length = packet.length;
      const size = recordSize(length);
      if (size > room) {
        room = this.#roomAt(tail);
        if (size > room) break;
      }
      const at = tail & mask;
      lengths[at >> 2] = length;
      STEP: reached("ring: length written");
      copyInto(bytes, packet, at + HEADER_BYTES);
      STEP: reached("ring: record written");
      tail = (tail + size) | 0;
      room -= size;
    }
    STEP: reached("ring: records written");
    if (next > start) this.#publish(tail);
    return next - start;
  }

  /**
   * Has messages of up to `size` bytes written in place, until `count` are, about `mostBytes` are, there is no room or the writer wants no more (then
   * `stopped`), and publishes them. The writer may do anything, close the channel included.
   */
  produce(writer: InPlaceWriter, memory: Buffer, size: number, count: number, mostBytes: number): number {
    const lengths = this.#lengths;
    const mask = this.#capacity - 1;
    const most = recordSize(size);
    const begin = this.#tail;
    let tail = begin;
    let room = this.#capacity - ((tail - this.#head) | 0);
    let produced = 0;
    let payloads = 0;
    this.stopped = false;
    try {
      while (produced < count && ((tail - begin) | 0) < mostBytes) {
        if (most > room) {
          room = this.#roomAt(tail);
          if (most > room) break;
        }
        const at = tail & mask;
        const length = writer(memory, at + HEADER_BYTES, at + HEADER_BYTES + size);
        // Unmapped: the writer has ended the channel.
        if (lengths.length === 0) break;
        if (length === undefined) {
          this.stopped = true;
          break;
        }
        if (length >>> 0 !== length || length > size) throw wrongLength(length, size);
        lengths[at >> 2] = length;
        STEP: reached("ring: written in place");
        const step = recordSize(length);
        tail = (tail + step) | 0;
        room -= step;
        payloads += length;
        produced++;
      }
    } finally {
      if (produced > 0 && lengths.length > 0) {
        this.#publish(tail);
        this.inPlaceMessages += produced;
        this.inPlaceBytes += payloads;
      }
    }
    return produced;
  }

  /** Where the next record begins, as a position. */
  get position(): number {
    return this.#tail;
  }

  /** Whether the writer of the last `produce` wanted no more. */
  stopped = false;

  /** Whether a payload of this length fits now, by the consumer's own counter. */
  hasRoom(length: number): boolean {
    const size = recordSize(length);
    return size <= this.#capacity - ((this.#tail - this.#head) | 0) || size <= this.#roomAt(this.#tail);
  }

  /** Where in the ring the next payload begins. */
  get nextPayload(): number {
    return (this.#tail & (this.#capacity - 1)) + HEADER_BYTES;
  }

  /** Publishes a payload that was written at `nextPayload`. */
  commit(length: number): void {
    this.#lengths[(this.#tail & (this.#capacity - 1)) >> 2] = length;
    STEP: reached("ring: loan written");
    this.#publish((this.#tail + recordSize(length)) | 0);
    this.inPlaceMessages++;
    this.inPlaceBytes += length;
  }

  #publish(tail: number): void {
    this.#tail = tail;
    Atomics.store(this.#own, TAIL, tail);
    STEP: reached("ring: published");
  }

  #roomAt(tail: number): number {
    const head = readInOrder(this.#peer, HEAD);
    const used = (tail - head) | 0;
    if (used < 0 || used > this.#capacity) {
      throw new RingViolation(`it says that ${used} of ${this.#capacity} bytes are not consumed`);
    }
    this.#head = head;
    return this.#capacity - used;
  }
}

function wrongLength(length: unknown, size: number): Error {
  const text = `writer must return a whole number from 0 to ${size}, the length of the message, or undefined to end, and returned ${describe(length)}`;
  return typeof length === "number" ? new RangeError(text) : new TypeError(text);
}
