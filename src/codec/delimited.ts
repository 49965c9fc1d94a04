import type { FrameDecoder, Framing } from "../core/codec.js";
import { StreamDecoder } from "./stream-decoder.js";

const carriageReturn = 0x0d;

/** How far behind the end of the stream's bytes a search may run on: some microseconds, once each time that bytes arrive. */
const searchSlack = 65_536;

/** What tells one delimited framing from another. */
export interface Delimiter {
  /** The name of the framing. */
  readonly name: string;
  /** The byte that ends a message. */
  readonly byte: number;
  /** The delimiter in words, for errors. */
  readonly noun: string;
  /** Whether one carriage return before the delimiter belongs to it. */
  readonly stripCarriageReturn: boolean;
}

/** Messages that end with one certain byte, which no message contains. */
export class DelimitedFraming implements Framing {
  readonly name: string;
  readonly boundaries = "framed";
  readonly overhead = 1;
  readonly #delimiter: Delimiter;

  constructor(delimiter: Delimiter) {
    this.name = delimiter.name;
    this.#delimiter = delimiter;
  }

  refuse(payload: Uint8Array): string | undefined {
    const { byte, noun, stripCarriageReturn } = this.#delimiter;
    // Buffer's indexOf is ten times as fast as that of typed arrays.
    const bytes = Buffer.isBuffer(payload)
      ? payload
      : Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
    const position = bytes.indexOf(byte);
    if (position !== -1)
      return `it has ${noun} at offset ${position}, where the peer would take it for the end`;
    if (stripCarriageReturn && bytes[bytes.length - 1] === carriageReturn) {
      return "it ends with a carriage return, which the peer would strip";
    }
    return undefined;
  }

  writeHeader(_target: Uint8Array, offset: number): number {
    return offset;
  }

  writeTrailer(target: Uint8Array, offset: number): number {
    target[offset] = this.#delimiter.byte;
    return offset + 1;
  }

  createDecoder(maxMessageSize: number): FrameDecoder {
    return new DelimitedDecoder(maxMessageSize, this.#delimiter);
  }
}

class DelimitedDecoder extends StreamDecoder {
  readonly #delimiterByte: number;
  readonly #stripCarriageReturn: boolean;
  /** How many bytes from the frame's start on are known to hold no delimiter. Relative, because the bytes may move. */
  #scanned = 0;

  constructor(maxMessageSize: number, delimiter: Delimiter) {
    super(maxMessageSize);
    this.#delimiterByte = delimiter.byte;
    this.#stripCarriageReturn = delimiter.stripCarriageReturn;
  }

  find(bytes: Buffer, start: number, end: number): boolean {
    if (this.failure !== undefined) throw this.failure;
    const position = this.#search(bytes, start + this.#scanned, end);
    if (position === -1) {
      this.#checkSize(bytes, start, end);
      this.#scanned = end - start;
      this.needed = this.#scanned + 1;
      return false;
    }
    this.#take(bytes, start, position);
    this.frameEnd = position + 1;
    return true;
  }

  finish(bytes: Buffer, start: number, end: number): boolean {
    if (this.failure !== undefined) throw this.failure;
    if (start === end) return false;
    this.#take(bytes, start, end);
    this.frameEnd = end;
    return true;
  }

  /** Where the delimiter is in `bytes[from, end)`, or -1. */
  #search(bytes: Buffer, from: number, end: number): number {
    if (from >= end) return -1;
    // indexOf knows no end. A view of the part costs four times as much as the search of a short line, so it is made only where
    // the search could run far into memory that is not the stream's; else a long message would be read in quadratic time.
    if (bytes.length - end > searchSlack + (end - from)) {
      const found = bytes.subarray(from, end).indexOf(this.#delimiterByte);
      return found === -1 ? -1 : from + found;
    }
    const position = bytes.indexOf(this.#delimiterByte, from);
    return position < end ? position : -1;
  }

  #take(bytes: Buffer, start: number, delimiterAt: number): void {
    const payloadEnd = this.#payloadEndBefore(bytes, start, delimiterAt);
    if (payloadEnd - start > this.maxMessageSize) throw this.failTooLarge(String(payloadEnd - start));
    this.payloadStart = start;
    this.payloadEnd = payloadEnd;
    this.#scanned = 0;
  }

  #payloadEndBefore(bytes: Buffer, start: number, delimiterAt: number): number {
    const strip =
      this.#stripCarriageReturn && delimiterAt > start && bytes[delimiterAt - 1] === carriageReturn;
    return strip ? delimiterAt - 1 : delimiterAt;
  }

  /** The limit holds while the delimiter is still to come. A carriage return at the very end may turn out to be part of it. */
  #checkSize(bytes: Buffer, start: number, end: number): void {
    const size = this.#payloadEndBefore(bytes, start, end) - start;
    if (size > this.maxMessageSize) throw this.failTooLarge(`at least ${size}`);
  }
}
