import type { ByteStream } from "./byte-stream.js";
import type { SendOptions } from "./channel.js";
import type { Framing } from "./codec.js";
import { Deque } from "./deque.js";
import type { ResolvedQueueLimits } from "./options.js";
import type { Outlet, Place } from "./outlet.js";
import { copyInto, copyOf } from "./view.js";

/** Frames are collected in slabs of this size, so that many small messages cost one system call. */
const SLAB_SIZE = 64 * 1024;
/** Payloads up to this size are copied into the slab; larger ones go to the kernel from where they are. */
const COPY_LIMIT = 16 * 1024;
/** The most chunks of one write. */
const CHUNKS_A_WRITE = 32;

/** How many slabs are kept to be used again. */
const SPARES = 4;

/** Bytes on their way out, how many messages end in them, and the slab that they lie in, if it is one of ours. */
interface Chunk {
  readonly bytes: Uint8Array;
  readonly messages: number;
  readonly slab: Buffer | undefined;
}

/**
 * The bounded queue before a byte stream. The first message of a turn of the event loop leaves at once; those after it leave together, at its end, or when a slab is full.
 */
export class StreamOutlet implements Outlet {
  accepted = 0;
  left = 0;
  readonly #stream: ByteStream;
  readonly #framing: Framing;
  readonly #limits: ResolvedQueueLimits;
  readonly #slabSize: number;
  readonly #copyLimit: number;
  readonly #chunksAWrite: number;
  readonly #onLeft: () => void;
  readonly #chunks = new Deque<Chunk>();
  #slab: Buffer | undefined;
  readonly #spares: Buffer[] = [];
  #used = 0;
  #slabMessages = 0;
  #bytes = 0;
  #writing: Chunk[] | undefined;
  #scheduled = false;
  #isFirst = false;
  // How many of the messages that have left `onLeft` knows of.
  #toldLeft = 0;
  // A message with descriptors waits for its turn, or for the kernel to have room.
  #awaited = false;
  // The number of the last message that is in the queue by reference.
  #lastReference = 0;

  /**
   * @param stream - where the bytes go
   * @param framing - how messages are kept apart
   * @param limits - the bound of the queue
   * @param atomicSize - when given, each write has at most this many bytes and ends with the end of a message
   * @param onLeft - called when messages have left
   */
  constructor(
    stream: ByteStream,
    framing: Framing,
    limits: ResolvedQueueLimits,
    atomicSize: number | undefined,
    onLeft: () => void,
  ) {
    this.#stream = stream;
    this.#framing = framing;
    this.#limits = limits;
    this.#slabSize = atomicSize ?? SLAB_SIZE;
    this.#copyLimit = atomicSize ?? COPY_LIMIT;
    this.#chunksAWrite = atomicSize === undefined ? CHUNKS_A_WRITE : 1;
    this.#onLeft = onLeft;
  }

  get queuedBytes(): number {
    return this.#bytes;
  }

  get holdsReferences(): boolean {
    return this.#lastReference > this.left;
  }

  place(payload: Uint8Array, copy: boolean): Place {
    const size = payload.length + this.#framing.overhead;
    if (this.#isFull(size)) {
      // Perhaps the kernel takes something at once; else whoever waits is served when it has.
      this.#drain();
      this.#tell();
      if (this.#isFull(size)) return "no-room";
    }
    if (payload.length > this.#copyLimit) return this.#placeLarge(payload, copy);
    if (this.#used + size > this.#slabSize) {
      this.#sealSlab();
      this.#drain();
      if (!this.#scheduled) this.#schedule();
    }
    const slab = (this.#slab ??= this.#takeSlab());
    const start = this.#used;
    let end = this.#framing.writeHeader(slab, start, payload.length);
    copyInto(slab, payload, end);
    end = this.#framing.writeTrailer(slab, end + payload.length);
    this.#used = end;
    this.#bytes += end - start;
    this.#slabMessages++;
    this.accepted++;
    if (!this.#scheduled) this.#leave();
    return "accepted";
  }

  /** Something else has happened since the last message: the next one is not one of many, and need not wait for others. */
  turned(): void {
    this.#isFirst = true;
  }

  /** The first message of a turn leaves at once, which is what a conversation wants; those that follow leave together. */
  #leave(): void {
    if (!this.#isFirst || this.accepted - this.left > 1) {
      this.#schedule();
      return;
    }
    this.#isFirst = false;
    this.#drain();
    this.#tell();
  }

  placeMany(payloads: readonly Uint8Array[], start: number, end: number): number {
    let next = start;
    if (end - start > 1) this.#isFirst = false;
    for (let payload = payloads[next]; next < end && payload !== undefined; payload = payloads[++next]) {
      if (this.place(payload, false) === "no-room") break;
    }
    return next - start;
  }

  /** Descriptors go with the first byte of their message. It is never in the queue: who sends it waits until the kernel has the descriptors, and may then close them. */
  placeWith(payload: Uint8Array, { handles = [] }: SendOptions): boolean {
    this.#drain();
    this.#tell();
    if (this.accepted > this.left) {
      this.#awaited = true;
      return false;
    }
    const frame = Buffer.allocUnsafe(payload.length + this.#framing.overhead);
    const start = this.#framing.writeHeader(frame, 0, payload.length);
    frame.set(payload, start);
    const bytes = frame.subarray(0, this.#framing.writeTrailer(frame, start + payload.length));
    const taken = this.#stream.writeWith?.(bytes, handles) ?? "none";
    this.#awaited = taken === "none";
    if (taken === "none") return false;
    this.accepted++;
    this.#bytes += bytes.length;
    this.#writing = [{ bytes, messages: 1, slab: undefined }];
    if (taken === "all") this.#finishWrite();
    this.#tell();
    return true;
  }

  /** The stream says that what it was given is with the kernel. */
  wrote(): void {
    this.#finishWrite();
    this.#drain();
    this.#tell();
  }

  #isFull(size: number): boolean {
    const waiting = this.accepted - this.left;
    return waiting > 0 && (this.#bytes + size > this.#limits.bytes || waiting >= this.#limits.messages);
  }

  /** Gives the stream what waits, as much as it takes. */
  #drain(): void {
    while (this.#writing === undefined) {
      if (this.#chunks.length === 0) this.#sealSlab();
      const chunks: Chunk[] = [];
      const bytes: Uint8Array[] = [];
      while (chunks.length < this.#chunksAWrite) {
        const chunk = this.#chunks.shift();
        if (chunk === undefined) break;
        chunks.push(chunk);
        bytes.push(chunk.bytes);
      }
      if (chunks.length === 0) return;
      this.#writing = chunks;
      if (!this.#stream.write(bytes)) return;
      this.#finishWrite();
    }
  }

  #finishWrite(): void {
    for (const { bytes, messages, slab } of this.#writing ?? []) {
      this.#bytes -= bytes.length;
      this.left += messages;
      // A fresh slab for each write would cost more than the copying does.
      if (slab !== undefined && this.#spares.length < SPARES) this.#spares.push(slab);
    }
    this.#writing = undefined;
  }

  #placeLarge(payload: Uint8Array, copy: boolean): Place {
    const framing = this.#framing;
    if (this.#used + framing.overhead > this.#slabSize) this.#sealSlab();
    const slab = (this.#slab ??= this.#takeSlab());
    const headerEnd = framing.writeHeader(slab, this.#used, payload.length);
    this.#bytes += headerEnd - this.#used + payload.length;
    this.#used = headerEnd;
    this.#sealSlab();
    const trailer = Buffer.alloc(framing.overhead);
    const trailerLength = framing.writeTrailer(trailer, 0);
    const bytes = copy ? copyOf(payload) : payload;
    this.#chunks.push({ bytes, messages: trailerLength === 0 ? 1 : 0, slab: undefined });
    if (trailerLength > 0)
      this.#chunks.push({ bytes: trailer.subarray(0, trailerLength), messages: 1, slab: undefined });
    this.#bytes += trailerLength;
    this.accepted++;
    this.#drain();
    this.#tell();
    if (copy || this.accepted === this.left) return "accepted";
    this.#lastReference = this.accepted;
    return "by-reference";
  }

  #sealSlab(): void {
    const slab = this.#slab;
    if (slab === undefined || this.#used === 0) return;
    this.#chunks.push({ bytes: slab.subarray(0, this.#used), messages: this.#slabMessages, slab });
    this.#slab = undefined;
    this.#used = this.#slabMessages = 0;
  }

  #takeSlab(): Buffer {
    return this.#spares.pop() ?? Buffer.allocUnsafeSlow(this.#slabSize);
  }

  #schedule(): void {
    this.#scheduled = true;
    process.nextTick(this.#leaveTogether);
  }

  readonly #leaveTogether = (): void => {
    this.#scheduled = false;
    this.#isFirst = true;
    this.#drain();
    this.#tell();
  };

  #tell(): void {
    // Who waits with descriptors is told once all before him has left, and not before: he would ask at once, find the same, and ask again, and the event loop would not turn.
    const isHisTurn = this.#awaited && this.accepted === this.left;
    if (this.left === this.#toldLeft && !isHisTurn) return;
    this.#toldLeft = this.left;
    if (isHisTurn) this.#awaited = false;
    this.#onLeft();
  }
}
