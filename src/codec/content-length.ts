import type { FrameDecoder, Framing } from "../core/codec.js";
import { HeaderParser, maxHeaderSection } from "./content-length-header.js";
import { StreamDecoder } from "./stream-decoder.js";

const prefix = Buffer.from("Content-Length: ", "latin1");
const suffix = Buffer.from("\r\n\r\n", "latin1");
const maxDigits = String(Number.MAX_SAFE_INTEGER).length;
const shortestHeader = prefix.length + 1 + suffix.length - 1; // the space is optional

const framing: Framing = Object.freeze({
  name: "contentLength",
  boundaries: "framed",
  overhead: prefix.length + maxDigits + suffix.length,
  writeHeader(target: Uint8Array, offset: number, payloadLength: number): number {
    target.set(prefix, offset);
    const digits = String(payloadLength);
    let position = offset + prefix.length;
    for (let index = 0; index < digits.length; index++) target[position++] = digits.charCodeAt(index);
    target.set(suffix, position);
    return position + suffix.length;
  },
  writeTrailer: (_target: Uint8Array, offset: number): number => offset,
  createDecoder: (maxMessageSize: number): FrameDecoder => new ContentLengthDecoder(maxMessageSize),
});

class ContentLengthDecoder extends StreamDecoder {
  readonly #header = new HeaderParser();
  /** How many bytes of the frame the header parser has seen; all of the header once it is complete. */
  #headerSize = 0;

  constructor(maxMessageSize: number) {
    super(maxMessageSize);
    this.needed = shortestHeader;
  }

  find(bytes: Buffer, start: number, end: number): boolean {
    if (this.failure !== undefined) throw this.failure;
    if (!this.#header.complete && !this.#readHeader(bytes, start, end)) {
      this.needed = Math.max(end - start + 1, shortestHeader);
      return false;
    }
    const payloadStart = start + this.#headerSize;
    const frameEnd = payloadStart + this.#header.contentLength;
    if (frameEnd > end) {
      this.needed = frameEnd - start;
      return false;
    }
    this.payloadStart = payloadStart;
    this.payloadEnd = frameEnd;
    this.frameEnd = frameEnd;
    this.#header.reset();
    this.#headerSize = 0;
    return true;
  }

  finish(bytes: Buffer, start: number, end: number): boolean {
    // Of a few bytes more `find` may not have been asked yet: what is wrong with them does not depend on how they came.
    if (this.failure === undefined && !this.#header.complete) this.#readHeader(bytes, start, end);
    return this.finishWithin(end - start);
  }

  #readHeader(bytes: Buffer, start: number, end: number): boolean {
    const header = this.#header;
    const limit = Math.min(end, start + maxHeaderSection);
    let position = start + this.#headerSize;
    while (position < limit && !header.complete) {
      const problem = header.accept(bytes[position++] as number);
      if (problem !== undefined) throw this.fail("ERR_INVALID_MESSAGE", problem);
      // At once, not at the header's end: nothing that follows can make it smaller.
      if (header.contentLength > this.maxMessageSize || header.contentLength > Number.MAX_SAFE_INTEGER) {
        throw this.failTooLarge(`at least ${header.contentLength}`);
      }
    }
    this.#headerSize = position - start;
    if (!header.complete && this.#headerSize >= maxHeaderSection) {
      throw this.fail("ERR_INVALID_MESSAGE", `The header section is longer than ${maxHeaderSection} bytes`);
    }
    return header.complete;
  }
}

/**
 * Each message follows a header section with its length, as in the base protocol of the Language Server Protocol: `Content-Length: 5`,
 * an empty line, five bytes. Talks to language servers and debug adapters.
 *
 * Read: field names in any case, other fields (`Content-Type`) passed over, at most 4,096 bytes of header. Refused with `ERR_INVALID_MESSAGE`: line ends other than
 * `"\r\n"`, a missing or second `Content-Length`, one that is not decimal digits, bytes outside printable ASCII. A length over `maxMessageSize` is
 * `ERR_MESSAGE_TOO_LARGE` before memory is taken for the message; an end in the middle of a frame is `ERR_MESSAGE_TRUNCATED`. Written:
 * `Content-Length` alone.
 *
 * Source: Language Server Protocol 3.17, "Base Protocol"; the header's syntax is that of RFC 9112, section 5.
 *
 * @example
 * ```ts run
 * import { contentLength } from "sluice";
 *
 * const framing = contentLength();
 * const frame = Buffer.alloc(framing.overhead + 2);
 * const payloadAt = framing.writeHeader(frame, 0, 2);
 * const frameEnd = payloadAt + frame.write("{}", payloadAt);
 * console.log(frame.toString("latin1", 0, frameEnd)); // Content-Length: 2, an empty line, {}
 * ```
 */
export function contentLength(): Framing {
  return framing;
}
