import type { FrameDecoder, Framing } from "../core/codec.js";
import { StreamDecoder } from "./stream-decoder.js";

const framing: Framing = Object.freeze({
  name: "none",
  boundaries: "none",
  overhead: 0,
  refuse: (payload: Uint8Array): string | undefined =>
    payload.length === 0 ? "it is empty, and without framing nothing would be sent" : undefined,
  writeHeader: (_target: Uint8Array, offset: number): number => offset,
  writeTrailer: (_target: Uint8Array, offset: number): number => offset,
  createDecoder: (maxMessageSize: number): FrameDecoder => new PieceDecoder(maxMessageSize),
});

class PieceDecoder extends StreamDecoder {
  constructor(maxMessageSize: number) {
    super(maxMessageSize);
    if (maxMessageSize < 1) {
      throw new RangeError(`maxMessageSize must be at least 1 without framing, not ${maxMessageSize}`);
    }
  }

  find(_bytes: Buffer, start: number, end: number): boolean {
    if (start === end) return false;
    this.payloadStart = start;
    this.payloadEnd = Math.min(end, start + Math.floor(this.maxMessageSize));
    this.frameEnd = this.payloadEnd;
    return true;
  }

  finish(bytes: Buffer, start: number, end: number): boolean {
    return this.find(bytes, start, end);
  }
}

/**
 * No framing: the bytes of the messages are sent one after the other, and what arrives is pieces of that stream, cut where the kernel
 * happened to cut it and nowhere longer than `maxMessageSize`. For protocols with a parser of their own, and for copying
 * streams. The channel's trait `boundaries` is then `"none"`.
 *
 * No byte is lost or changed, but **messages do not stay apart**: do not combine it with a codec that needs whole messages. An empty message
 * cannot be sent, since it has no bytes.
 *
 * @example
 * ```ts run
 * import { none } from "sluice";
 *
 * const decoder = none().createDecoder(4);
 * const bytes = Buffer.from("stream");
 * decoder.find(bytes, 0, bytes.length);
 * console.log(bytes.toString("utf8", 0, decoder.frameEnd)); // stre
 * ```
 */
export function none(): Framing {
  return framing;
}
