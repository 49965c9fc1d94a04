import { expect } from "vitest";
import { FrameError, type FrameDecoder, type Framing } from "../../src/core/codec.js";

/** What a stream came to: its messages, and how it ended. */
export interface Decoded {
  readonly messages: Buffer[];
  readonly error: FrameError | undefined;
}

/** The bytes of these messages in one framing, as a channel would send them. */
export function encodeAll(framing: Framing, messages: readonly Uint8Array[]): Buffer {
  const frames = messages.map((message) => {
    const frame = Buffer.alloc(framing.overhead + message.length);
    const payloadAt = framing.writeHeader(frame, 0, message.length);
    frame.set(message, payloadAt);
    return frame.subarray(0, framing.writeTrailer(frame, payloadAt + message.length));
  });
  return Buffer.concat(frames);
}

/** Cuts bytes at these offsets. */
export function cut(bytes: Buffer, offsets: readonly number[]): Buffer[] {
  const sorted = [0, ...offsets.map((offset) => Math.min(offset, bytes.length)), bytes.length].sort(
    (a, b) => a - b,
  );
  return sorted.slice(1).map((end, index) => bytes.subarray(sorted[index], end));
}

/**
 * Feeds pieces to a decoder as a channel does, with a memory that is as unkind as the interface allows: at each piece the bytes move to other
 * offsets of another memory, what lies around them would make frames, and the memory they came from is overwritten.
 */
export function decodeAll(framing: Framing, pieces: readonly Buffer[], maxMessageSize: number): Decoded {
  const stream = new Stream(framing.createDecoder(maxMessageSize));
  try {
    for (const piece of pieces) stream.push(piece);
    stream.finish();
  } catch (error) {
    if (!(error instanceof FrameError)) throw error;
    return { messages: stream.messages, error };
  }
  return { messages: stream.messages, error: undefined };
}

class Stream {
  readonly messages: Buffer[] = [];
  readonly #decoder: FrameDecoder;
  #memory = Buffer.alloc(0);
  #start = 0;
  #end = 0;
  #moves = 0;
  #needed = 0;

  constructor(decoder: FrameDecoder) {
    this.#decoder = decoder;
  }

  push(piece: Buffer): void {
    this.#move(piece);
    while (this.#find()) {
      this.#take();
      this.#start = this.#decoder.frameEnd;
      this.#needed = 0;
    }
    this.#needed = this.#decoder.needed;
    if (this.#needed <= this.#end - this.#start)
      throw new Error(`needed is ${this.#needed}, which is there already`);
  }

  finish(): void {
    const finish = (): boolean => this.#decoder.finish(this.#memory, this.#start, this.#end);
    if (!failingForGood(finish)) return;
    this.#take();
    if (this.#decoder.frameEnd !== this.#end) throw new Error("finish() left bytes behind");
  }

  #move(piece: Buffer): void {
    const rest = this.#memory.subarray(this.#start, this.#end);
    const before = (this.#moves * 7) % 13;
    const behind = (this.#moves * 5) % 11;
    const poison = ["\n", "\0", "\r\n", "Content-Length: 0\r\n\r\n"][this.#moves++ % 4]!;
    const memory = Buffer.alloc(before + rest.length + piece.length + behind, poison);
    memory.set(rest, before);
    memory.set(piece, before + rest.length);
    this.#memory.fill(poison);
    this.#memory = memory;
    this.#start = before;
    this.#end = before + rest.length + piece.length;
  }

  #find(): boolean {
    return failingForGood(() => this.#decoder.find(this.#memory, this.#start, this.#end));
  }

  #take(): void {
    const { payloadStart, payloadEnd, frameEnd } = this.#decoder;
    const inOrder =
      this.#start <= payloadStart &&
      payloadStart <= payloadEnd &&
      payloadEnd <= frameEnd &&
      frameEnd <= this.#end;
    if (!inOrder || frameEnd === this.#start) {
      throw new Error(
        `Payload ${payloadStart}-${payloadEnd}, frame ${this.#start}-${frameEnd}, bytes to ${this.#end}`,
      );
    }
    if (frameEnd - this.#start < this.#needed && frameEnd !== this.#end) {
      throw new Error(`The frame took ${frameEnd - this.#start} bytes, after needed was ${this.#needed}`);
    }
    this.messages.push(Buffer.from(this.#memory.subarray(payloadStart, payloadEnd)));
  }
}

/** A stream that cannot be read on stays so, whatever is asked of it. */
function failingForGood(attempt: () => boolean): boolean {
  try {
    return attempt();
  } catch (error) {
    if (!(error instanceof FrameError)) throw error;
    expect(attempt).toThrow(error);
    throw error;
  }
}
