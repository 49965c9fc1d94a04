import type { FrameDecoder } from "./codec.js";
import { BufferView } from "./view.js";

/** The memory that a stream is read into, and that small messages share. */
const SLAB_SIZE = 64 * 1024;
const NOTHING: Buffer = Buffer.alloc(0);
/** With less room than this behind the bytes read, a new slab is begun: tiny reads cost more than the memory. */
const LEAST_READ = 4 * 1024;

/**
 * Reads a stream into slabs and cuts messages out of them without copying. A slab is never written again where a message was cut; it lives as
 * long as its messages. A message that outgrows the slab gets memory of its exact size, into which the rest is read; where only its end will
 * tell how long it is, the memory doubles.
 */
export class FrameReader {
  readonly #decoder: FrameDecoder;
  #slab = NOTHING;
  // Of the slab. Asking a typed array for its buffer is a call into the runtime, which costs as much as all else that is done for a small message.
  #memory = NOTHING.buffer;
  #memoryStart = 0;
  #start = 0;
  #end = 0;
  // Whether a message was cut from this slab; if not, it may be filled again from its beginning.
  #shared = false;
  // What the frame at `start` takes, as far as is known.
  #needed = 0;
  #filled = 0;

  constructor(decoder: FrameDecoder) {
    this.#decoder = decoder;
  }

  /** Bytes that were read so far, from the beginning of the stream. */
  get position(): number {
    return this.#filled;
  }

  /** Where the message that was cut last ends, counted so too. */
  get cutPosition(): number {
    return this.#filled - (this.#end - this.#start);
  }

  /** Where the next bytes shall be read to. */
  buffer(): Uint8Array {
    const rest = this.#end - this.#start;
    if (rest === 0 && !this.#shared) this.#start = this.#end = 0;
    const frameFits = this.#start + this.#needed <= this.#slab.length;
    const room = this.#slab.length - this.#end;
    if (
      !frameFits ||
      room === 0 ||
      (room < LEAST_READ && this.#needed <= SLAB_SIZE && this.#slab.length <= SLAB_SIZE)
    )
      this.#renew(rest);
    const slab = this.#slab;
    if (this.#end === 0) return slab;
    return new BufferView(this.#memory, this.#memoryStart + this.#end, slab.length - this.#end);
  }

  /** This many bytes were read into what `buffer` gave last. */
  filled(count: number): void {
    this.#end += count;
    this.#filled += count;
  }

  /** The next whole message; `undefined` when more bytes are needed. Throws what the decoder throws. */
  next(): Buffer | undefined {
    if (this.#end === this.#start) {
      this.#needed = 0;
      return undefined;
    }
    if (this.#end - this.#start < this.#needed) return undefined;
    const decoder = this.#decoder;
    if (!decoder.find(this.#slab, this.#start, this.#end)) {
      this.#needed = decoder.needed;
      return undefined;
    }
    return this.#cut();
  }

  /** The stream has ended: the last message, if the framing lets the end complete one. Throws when a message was cut. */
  finish(): Buffer | undefined {
    if (this.#end === this.#start || !this.#decoder.finish(this.#slab, this.#start, this.#end))
      return undefined;
    return this.#cut();
  }

  /** Lets go of what was read. */
  clear(): void {
    this.#start = this.#end = this.#needed = 0;
    this.#useSlab(NOTHING);
    this.#shared = false;
  }

  #cut(): Buffer {
    const { payloadStart, payloadEnd, frameEnd } = this.#decoder;
    const message = new BufferView(this.#memory, this.#memoryStart + payloadStart, payloadEnd - payloadStart);
    this.#start = frameEnd;
    this.#needed = 0;
    this.#shared = true;
    return message;
  }

  #renew(rest: number): void {
    // A framing that looks for an end knows only that it takes one byte more. Memory for just that would be copied byte by byte.
    const isGuess = this.#needed < rest + LEAST_READ;
    const slab = Buffer.allocUnsafeSlow(Math.max(SLAB_SIZE, isGuess ? rest * 2 : this.#needed));
    if (rest > 0) this.#slab.copy(slab, 0, this.#start, this.#end);
    this.#useSlab(slab);
    this.#start = 0;
    this.#end = rest;
    this.#shared = false;
  }

  #useSlab(slab: Buffer): void {
    this.#slab = slab;
    this.#memory = slab.buffer;
    this.#memoryStart = slab.byteOffset;
  }
}
