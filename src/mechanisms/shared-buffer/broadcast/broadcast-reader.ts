import { reached } from "../../../core/step.js";
import { BufferView } from "../../../core/view.js";
import { READS_IN_ORDER } from "../memory-order.js";
import { HEADER_BYTES, recordSize, RingViolation } from "../ring-layout.js";
import { HEAD, largestBroadcast, OLDEST, OLDEST_SEQUENCE, type Place } from "./broadcast-layout.js";

/** As in the reader of a ring between two: small messages are views of a slab, a large one has memory of its own. */
const SLAB_BYTES = 64 * 1024;
const OWN_MEMORY_BYTES = 16 * 1024;
const LEAST_CHUNK = 1024;
const WORDWISE_BYTES = 256;
/** How often a follower that is overtaken again and again tries before it gives the event loop a turn. */
const MOST_TRIES = 64;

// One slab for all followers of the thread. Nobody writes to a part of it twice.
let slab: Buffer = Buffer.alloc(0);
let slabMemory: ArrayBuffer = new ArrayBuffer(0);
let slabWords: Int32Array = new Int32Array(0);
let slabUsed = 0;

function renewSlab(): void {
  slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
  slabMemory = slab.buffer as ArrayBuffer;
  slabWords = new Int32Array(slabMemory);
  slabUsed = 0;
}

/** Who takes what was copied out; `missed`: messages that were overwritten, unread, just before it. `take` says `false` when it wants no more for now. */
export interface BroadcastSink {
  take(payload: Buffer, missed: number): boolean;
  oversized(length: number): boolean;
}

/**
 * A follower's half. The writer may overwrite what is being copied, so nothing that was copied counts before OLDEST was looked at again. Nor is the writer trusted: what
 * it says is read once, checked, then used.
 */
export class BroadcastReader {
  /** Messages that were overwritten before they were read, in all. */
  missed = 0;
  readonly #control: Int32Array;
  readonly #positions: BigInt64Array;
  readonly #bytes: Uint8Array;
  readonly #words: Int32Array;
  readonly #fence: Int32Array = new Int32Array(1);
  readonly #capacity: number;
  readonly #largest: number;
  readonly #maxMessageSize: number;
  #position: number;
  // Its low half, signed.
  #cursor: number;
  // The number of the next record; after a jump, that of the record which would have been next.
  #expected: number;
  #jumped = false;
  // Missed and not yet told, since no message that could be taken has come.
  #untold = 0;
  #chunk = SLAB_BYTES;

  constructor(
    control: ArrayBuffer,
    ring: ArrayBuffer,
    capacity: number,
    maxMessageSize: number,
    from: Place,
  ) {
    this.#control = new Int32Array(control);
    this.#positions = new BigInt64Array(control);
    this.#bytes = new Uint8Array(ring);
    this.#words = new Int32Array(ring);
    this.#capacity = capacity;
    this.#largest = largestBroadcast(capacity);
    this.#maxMessageSize = maxMessageSize;
    this.#position = from.position;
    this.#cursor = from.position | 0;
    this.#expected = from.sequence;
  }

  /** Up to where it has read, in bytes since the start of the broadcast. */
  get position(): number {
    return this.#position;
  }

  /** Whether a record was published that was not read, as far as one load tells. */
  get hasData(): boolean {
    return Atomics.load(this.#control, HEAD) !== this.#cursor;
  }

  /**
   * The same for sure, to be asked before a sleep: where exactly a multiple of 4 GiB came, HEAD alone shows nothing. What is overwritten is skipped.
   */
  look(): boolean {
    return this.hasData || this.#skipOverwritten();
  }

  /**
   * Copies messages out and gives them to the sink, until it wants no more, nothing is left, or about `mostBytes` were passed.
   *
   * @returns bytes passed, those of missed messages included
   */
  copyOut(sink: BroadcastSink, mostBytes: number): number {
    const begin = this.#position;
    for (let tries = 0; tries < MOST_TRIES && this.#position - begin < mostBytes;) {
      const available = (Atomics.load(this.#control, HEAD) - this.#cursor) | 0;
      if (available === 0) break;
      if (available < 0 || available > this.#capacity) {
        if (!this.#skipOverwritten()) throw new RingViolation(`${available} bytes are said to be there`);
        tries++;
        continue;
      }
      const at = this.#cursor & (this.#capacity - 1);
      const length = this.#words[at >> 2] ?? 0;
      const outcome =
        length >>> 0 > OWN_MEMORY_BYTES
          ? this.#copyLarge(sink, at, length, available)
          : this.#copyChunk(sink, at, available, recordSize(length));
      if (outcome === "full") break;
      if (outcome === "overtaken") tries++;
    }
    return this.#position - begin;
  }

  // ---- copying --------------------------------------------------------------------------------------------------------

  /** One private copy of what is there, cut into messages. */
  #copyChunk(
    sink: BroadcastSink,
    at: number,
    available: number,
    firstSize: number,
  ): "more" | "full" | "overtaken" {
    const wanted = Math.min(available, Math.max(this.#chunk, firstSize));
    if (slab.length - slabUsed < Math.min(wanted, recordSize(OWN_MEMORY_BYTES))) renewSlab();
    const begin = slabUsed;
    const end = begin + Math.min(wanted, slab.length - begin);
    this.#copy(at, begin, end);
    STEP: reached("broadcast: copied out");
    const overwritten = this.#overwritten();
    // OLDEST is where a record begins: what was copied from there on is whole.
    if (overwritten > 0) this.#jump(overwritten);
    let place = begin + overwritten;
    if (place + HEADER_BYTES > end) return "overtaken";
    if (this.#jumped && !this.#resolve(slabWords[(place >> 2) + 1] ?? 0)) return "overtaken";
    const first = place;
    const most = available - overwritten;
    const limit = Math.min(this.#maxMessageSize, SLAB_BYTES);
    const words = slabWords;
    let sequence = this.#expected | 0;
    let records = 0;
    let more = true;
    while (more && place + HEADER_BYTES <= end) {
      const length = words[place >> 2] ?? 0;
      const size = this.#checkedSize(length, most - (place - first));
      if (place + size > end) break;
      if (words[(place >> 2) + 1] !== sequence)
        throw new RingViolation("its messages are not in their order");
      sequence = (sequence + 1) | 0;
      records++;
      if (length > limit) more = sink.oversized(length);
      else more = sink.take(new BufferView(slabMemory, place + HEADER_BYTES, length), this.#tellMissed());
      place += size;
    }
    slabUsed = place;
    this.#advance(place - first, records);
    if (records === 0 && overwritten === 0)
      throw new RingViolation("a length changed after it was published");
    if (more) {
      if (this.#chunk < SLAB_BYTES) this.#chunk *= 2;
      return overwritten > 0 ? "overtaken" : "more";
    }
    while (this.#chunk > LEAST_CHUNK && this.#chunk > 2 * (place - first)) this.#chunk /= 2;
    return "full";
  }

  #copyLarge(
    sink: BroadcastSink,
    at: number,
    length: number,
    available: number,
  ): "more" | "full" | "overtaken" {
    const low = this.#words[(at >> 2) + 1] ?? 0;
    // Nothing is believed, nor allocated, before these eight bytes are known to be those of a record.
    if (this.#skipOverwritten()) return "overtaken";
    const size = this.#checkedSize(length, available);
    if (this.#jumped && !this.#resolve(low)) return "overtaken";
    if (low !== (this.#expected | 0)) throw new RingViolation("its messages are not in their order");
    let more: boolean;
    if (length > this.#maxMessageSize) more = sink.oversized(length);
    else {
      const own = Buffer.allocUnsafeSlow(length);
      own.set(this.#bytes.subarray(at + HEADER_BYTES, at + HEADER_BYTES + length));
      if (this.#skipOverwritten()) return "overtaken";
      more = sink.take(own, this.#tellMissed());
    }
    this.#advance(size, 1);
    return more ? "more" : "full";
  }

  /** Copies `[at, at + end - begin)` of the ring to `[begin, end)` of the slab. */
  #copy(at: number, begin: number, end: number): void {
    if (end - begin > WORDWISE_BYTES) {
      slab.set(this.#bytes.subarray(at, at + end - begin), begin);
      return;
    }
    // Records begin at multiples of eight. A view for so few bytes costs more than they do.
    const from = this.#words;
    const to = slabWords;
    for (let word = begin >> 2, source = at >> 2; word << 2 < end; word++, source++)
      to[word] = from[source] ?? 0;
  }

  #advance(bytes: number, records: number): void {
    this.#position += bytes;
    this.#cursor = (this.#cursor + bytes) | 0;
    this.#expected += records;
  }

  // ---- being overtaken ------------------------------------------------------------------------------------------------

  /** How many bytes from the cursor on are no longer there, after all that was read before this call was read. */
  #overwritten(): number {
    // On a CPU that may read out of order: what was read before a store that releases was read before a load after it that acquires.
    if (!READS_IN_ORDER) Atomics.store(this.#fence, 0, 0);
    const oldest = Number(Atomics.load(this.#positions, OLDEST));
    if (oldest <= this.#position) return 0;
    if (oldest > Number.MAX_SAFE_INTEGER || oldest % 8 !== 0)
      throw new RingViolation(`its oldest message is said to be at ${oldest}`);
    return oldest - this.#position;
  }

  /** Goes on at the oldest record, if it is beyond the cursor. */
  #skipOverwritten(): boolean {
    const bytes = this.#overwritten();
    if (bytes > 0) this.#jump(bytes);
    return bytes > 0;
  }

  #jump(bytes: number): void {
    this.#position += bytes;
    this.#cursor = this.#position | 0;
    this.#jumped = true;
  }

  /**
   * After a jump: finds the number of the record at the cursor of which only the low half is known, and so how many were missed. `false`: meanwhile this record is
   * overwritten too, and all that was found out is worth nothing.
   */
  #resolve(low: number): boolean {
    const near = Number(Atomics.load(this.#positions, OLDEST_SEQUENCE));
    if (this.#skipOverwritten()) return false;
    const sequence = near + ((low - (near | 0)) | 0);
    const missed = sequence - this.#expected;
    if (!(missed >= 0 && sequence <= Number.MAX_SAFE_INTEGER))
      throw new RingViolation(`message ${sequence} comes after message ${this.#expected - 1}`);
    this.#jumped = false;
    this.#expected = sequence;
    this.missed += missed;
    this.#untold += missed;
    return true;
  }

  #tellMissed(): number {
    const missed = this.#untold;
    if (missed > 0) this.#untold = 0;
    return missed;
  }

  /** The size of a record of this length, which must lie within what was published. */
  #checkedSize(length: number, available: number): number {
    if (length < 0 || length > this.#largest)
      throw new RingViolation(
        `a message of ${length >>> 0} bytes is announced, where ${this.#largest} are possible`,
      );
    const size = recordSize(length);
    if (size > available)
      throw new RingViolation(
        `a message of ${length} bytes is announced, but only ${available} bytes were published`,
      );
    return size;
  }
}
