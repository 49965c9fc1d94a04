import { PacketBatch } from "../../core/packet-batch.js";
import { reached } from "../../core/step.js";
import { BufferView } from "../../core/view.js";
import { readInOrder } from "./memory-order.js";
import { HEAD, HEADER_BYTES, largestPayload, recordSize, RingViolation, TAIL } from "./ring-layout.js";
import type { RingMemory } from "./ring-memory.js";

/** Small messages are copied out of the ring together, whole records at a time, and are views of one slab of this size. */
const SLAB_BYTES = 64 * 1024;
/** A message over this size gets memory of its own: it would keep a slab alive alone. */
const OWN_MEMORY_BYTES = 16 * 1024;
const LEAST_CHUNK = 1024;
/** So many bytes count as a message where it matters how much came: to write a large one takes its sender as long as many small ones. */
const BYTES_A_MESSAGE = 4096;
/** Up to this many bytes are copied word by word. */
const WORDWISE_BYTES = 256;

/*
 * One slab serves all channels of the thread: a channel that gets a message now and then takes a few bytes of it, not 64 KiB. Nobody writes to a
 * part of it twice.
 */
let slab: Buffer = Buffer.alloc(0);
// To ask a Buffer for it is a call into the runtime, too dear for each message of a conversation.
let slabMemory: ArrayBuffer = new ArrayBuffer(0);
let slabLengths: Int32Array = new Int32Array(0);
let slabUsed = 0;

function renewSlab(): void {
  slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
  slabMemory = slab.buffer as ArrayBuffer;
  slabLengths = new Int32Array(slabMemory);
  slabUsed = 0;
}

/** Who takes what was copied out. */
export interface RecordSink {
  /** Tells an empty batch how many messages may come. Asked again after each message over the limit. */
  limit(batch: PacketBatch): void;
  /** Takes all messages out of the batch. */
  take(batch: PacketBatch): void;
  /** A message over the limit is skipped. */
  oversized(length: number): void;
}

/** How much came with a batch, in small messages. */
export function weightOf({ count, bytes }: PacketBatch): number {
  return Math.max(count, Math.floor(bytes / BYTES_A_MESSAGE));
}

/** What is being copied out of a ring. One serves all channels of the thread, since it is empty again before anything else runs. */
const batch = new PacketBatch();

/**
 * The consumer's half of a ring. The peer can change any byte of the ring and of its control words at any time. So a word is read once, checked, and
 * then used; lengths of small messages are read from the private copy, never again from the ring.
 */
export class RingReader {
  readonly #own: Int32Array;
  readonly #peer: Int32Array;
  readonly #map: ArrayBuffer;
  readonly #lengths: Int32Array;
  readonly #capacity: number;
  readonly #largest: number;
  readonly #maxMessageSize: number;
  // Positions, as signed 32-bit numbers. What lies between head and cursor was read, and is lent to the user.
  #cursor = 0;
  #head = 0;
  // How much to copy at a time. It shrinks when the sink takes only a part, so that the rest is not copied again and again.
  #chunk = SLAB_BYTES;

  constructor(memory: RingMemory, maxMessageSize: number) {
    this.#own = memory.own;
    this.#peer = memory.peer;
    this.#map = memory.incoming;
    this.#lengths = new Int32Array(memory.incoming);
    this.#capacity = memory.capacity;
    this.#largest = largestPayload(memory.capacity);
    this.#maxMessageSize = maxMessageSize;
  }

  /** Where the next record begins, as a position. */
  get cursor(): number {
    return this.#cursor;
  }

  /** Bytes that are not given back to the producer. */
  get used(): number {
    return this.#published();
  }

  /** Whether a record was published that was not read. Cheap enough to be asked in a loop, if that has a call in it (see `readInOrder`). */
  get hasData(): boolean {
    return readInOrder(this.#peer, TAIL) !== this.#cursor;
  }

  /** Bytes of records that were published and not read. */
  get available(): number {
    return this.#published() - ((this.#cursor - this.#head) | 0);
  }

  /**
   * Copies messages out and gives them to the sink, until it wants no more, nothing is left, or about `mostBytes` or `mostMessages` were read. What
   * was copied is given back to the producer only by {@link RingReader.giveBack}.
   *
   * @returns bytes read
   */
  copyOut(sink: RecordSink, mostBytes: number, mostMessages: number): number {
    let available = this.available;
    const begin = this.#cursor;
    let more = true;
    sink.limit(batch);
    try {
      while (
        more &&
        available > 0 &&
        ((this.#cursor - begin) | 0) < mostBytes &&
        batch.count < mostMessages
      ) {
        const at = this.#cursor & (this.#capacity - 1);
        const length = this.#lengths[at >> 2] ?? 0;
        let step: number;
        if (length >>> 0 > OWN_MEMORY_BYTES) {
          step = this.#checkedSize(length, available);
          if (length > this.#maxMessageSize) this.#oversized(sink, length);
          else more = batch.push(this.#ownMemory(at + HEADER_BYTES, length));
          this.#cursor = (this.#cursor + step) | 0;
        } else {
          step = this.#copyChunk(sink, at, available, recordSize(length));
          if (step === 0) throw new RingViolation("a length changed after it was published");
          if (step < 0) {
            step = -step;
            more = false;
          }
        }
        available -= step;
      }
    } finally {
      // Also what came before a violation.
      if (batch.count > 0) sink.take(batch);
    }
    return (this.#cursor - begin) | 0;
  }

  /**
   * Reads the next record in place: moves the cursor past it and returns the payload's length; -1 when there is none, -2 when one over the limit
   * was skipped (`lastLength`). Its payload begins in the ring at `payloadStart`.
   */
  takeInPlace(): number {
    if (!this.hasData) return -1;
    const at = this.#cursor & (this.#capacity - 1);
    const length = this.#lengths[at >> 2] ?? 0;
    const size = this.#checkedSize(length, this.available);
    this.#cursor = (this.#cursor + size) | 0;
    STEP: reached("ring: read in place");
    this.payloadStart = at + HEADER_BYTES;
    this.lastLength = length;
    if (length > this.#maxMessageSize) return -2;
    this.inPlaceMessages++;
    this.inPlaceBytes += length;
    return length;
  }

  /** Messages that were read in place, and their bytes: they pass by those who count all others. */
  inPlaceMessages = 0;
  inPlaceBytes = 0;
  /** Of the record that `takeInPlace` read last. */
  payloadStart = 0;
  lastLength = 0;

  /**
   * Calls `visit` for record after record, in place, until `count` were visited, `mostBytes` were read or nothing is left. Records over the limit end it
   * too (`takeInPlace` then meets them). The visitor may do anything, so every field is read anew after it.
   */
  visit(visit: (start: number, end: number) => boolean, count: number, mostBytes: number): number {
    const lengths = this.#lengths;
    const mask = this.#capacity - 1;
    const begin = this.#cursor;
    let visited = 0;
    let payloads = 0;
    let known = this.available;
    try {
      while (visited < count && ((this.#cursor - begin) | 0) < mostBytes) {
        if (known <= 0) {
          known = this.available;
          if (known <= 0) break;
        }
        const cursor = this.#cursor;
        const at = cursor & mask;
        const length = lengths[at >> 2] ?? 0;
        const size = this.#checkedSize(length, known);
        if (length > this.#maxMessageSize) break;
        const after = (cursor + size) | 0;
        this.#cursor = after;
        known -= size;
        visited++;
        payloads += length;
        if (!visit(at + HEADER_BYTES, at + HEADER_BYTES + length)) break;
        if (this.#cursor !== after) known = 0;
      }
    } finally {
      // Also when the visitor throws: the message that it was shown is done.
      this.inPlaceMessages += visited;
      this.inPlaceBytes += payloads;
    }
    return visited;
  }

  /** Gives everything before `position` back to the producer. */
  giveBack(position: number): void {
    if (position === this.#head) return;
    this.#head = position;
    Atomics.store(this.#own, HEAD, position);
    STEP: reached("ring: given back");
  }

  /** One private copy of what is there, cut into messages. Returns the bytes read, negative when the sink wants no more. */
  #copyChunk(sink: RecordSink, at: number, available: number, firstSize: number): number {
    const wanted = Math.min(available, Math.max(this.#chunk, firstSize));
    if (slab.length - slabUsed < Math.min(wanted, recordSize(OWN_MEMORY_BYTES))) renewSlab();
    const begin = slabUsed;
    const end = begin + Math.min(wanted, slab.length - begin);
    this.#copy(at, begin, end);
    STEP: reached("ring: copied out");
    const memory = slabMemory;
    const lengths = slabLengths;
    const limit = Math.min(this.#maxMessageSize, SLAB_BYTES);
    let place = begin;
    let more = true;
    while (more && place + HEADER_BYTES <= end) {
      const length = lengths[place >> 2] ?? 0;
      const size = this.#checkedSize(length, available - (place - begin));
      if (place + size > end) break;
      if (length > limit) this.#oversized(sink, length);
      else more = batch.push(new BufferView(memory, place + HEADER_BYTES, length));
      place += size;
    }
    slabUsed = place;
    const step = place - begin;
    this.#cursor = (this.#cursor + step) | 0;
    if (more) {
      if (this.#chunk < SLAB_BYTES) this.#chunk *= 2;
      return step;
    }
    while (this.#chunk > LEAST_CHUNK && this.#chunk > 2 * step) this.#chunk /= 2;
    return -step;
  }

  /** Copies `[at, at + end - begin)` of the ring to `[begin, end)` of the slab. */
  #copy(at: number, begin: number, end: number): void {
    if (end - begin > WORDWISE_BYTES) {
      slab.set(new Uint8Array(this.#map, at, end - begin), begin);
      return;
    }
    // Records begin at multiples of eight. A view for so few bytes costs more than they do.
    const from = this.#lengths;
    const to = slabLengths;
    for (let word = begin >> 2, source = at >> 2; word << 2 < end; word++, source++)
      to[word] = from[source] ?? 0;
  }

  #oversized(sink: RecordSink, length: number): void {
    if (batch.count > 0) sink.take(batch);
    sink.oversized(length);
    sink.limit(batch);
  }

  #ownMemory(start: number, length: number): Buffer {
    const copy = Buffer.allocUnsafeSlow(length);
    copy.set(new Uint8Array(this.#map, start, length));
    STEP: reached("ring: large message copied out");
    return copy;
  }

  /** The size of a record of this length, which must lie within what was published. */
  #checkedSize(length: number, available: number): number {
    if (length < 0 || length > this.#largest) {
      throw new RingViolation(
        `a message of ${length >>> 0} bytes is announced, where ${this.#largest} are possible`,
      );
    }
    const size = recordSize(length);
    if (size > available) {
      throw new RingViolation(
        `a message of ${length} bytes is announced, but only ${available} bytes were published`,
      );
    }
    return size;
  }

  /** Bytes between head and the producer's tail. */
  #published(): number {
    const published = (readInOrder(this.#peer, TAIL) - this.#head) | 0;
    if (published < ((this.#cursor - this.#head) | 0) || published > this.#capacity) {
      throw new RingViolation(`it says that it has published ${published} of ${this.#capacity} bytes`);
    }
    return published;
  }
}
