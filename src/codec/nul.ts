import type { Framing } from "../core/codec.js";
import { DelimitedFraming } from "./delimited.js";

/**
 * Each message ends with a NUL byte, which is not part of it: what `find -print0`, `xargs -0` and `/proc/PID/environ` speak. For texts that may have
 * newlines in them, such as file names.
 *
 * Two NULs in a row are an empty message. Bytes after the last NUL are a message too when the stream ends. A message with a NUL in it cannot be
 * sent. One over `maxMessageSize` is `ERR_MESSAGE_TOO_LARGE` as soon as so many bytes are there, whether its end came or not.
 *
 * @example
 * ```ts run
 * import { nul } from "sluice";
 *
 * const decoder = nul().createDecoder(1024);
 * const bytes = Buffer.from("a file\0another\nfile\0");
 * let start = 0;
 * while (decoder.find(bytes, start, bytes.length)) {
 *   console.log(JSON.stringify(bytes.toString("utf8", decoder.payloadStart, decoder.payloadEnd)));
 *   start = decoder.frameEnd;
 * }
 * ```
 */
export function nul(): Framing {
  return new DelimitedFraming({ name: "nul", byte: 0, noun: "a NUL byte", stripCarriageReturn: false });
}
