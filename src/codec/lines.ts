import type { Framing } from "../core/codec.js";
import { DelimitedFraming } from "./delimited.js";
import { describe } from "./describe.js";

/** Options of {@link lines}. */
export interface LinesOptions {
  /**
   * Takes `"\r\n"` for the end of a line as well as `"\n"`, for peers that write so. Off by default, where a carriage return is a byte of the
   * message like any other. Messages that end with one are refused when this is on. Lines are sent with `"\n"` either way.
   */
  readonly stripCarriageReturn?: boolean | undefined;
}

/**
 * Each message is a line: it ends with a newline (`"\n"`), which is not part of it. Talks to shells, `echo`, `cat`, and everything else that
 * reads and writes lines as POSIX (section 3.206) defines them.
 *
 * An empty line is an empty message. Bytes after the last newline are a message too when the stream ends. A message with a newline in it
 * cannot be sent. A line over `maxMessageSize` is `ERR_MESSAGE_TOO_LARGE` as soon as so many bytes are there, whether its end came or not.
 *
 * @example
 * ```ts run
 * import { lines } from "sluice";
 *
 * const decoder = lines().createDecoder(1024);
 * const bytes = Buffer.from("first\nsecond\nthi");
 * let start = 0;
 * while (decoder.find(bytes, start, bytes.length)) {
 *   console.log(bytes.toString("utf8", decoder.payloadStart, decoder.payloadEnd)); // first, second
 *   start = decoder.frameEnd;
 * }
 * ```
 */
export function lines(options: LinesOptions = {}): Framing {
  const { stripCarriageReturn = false } = options;
  // Callers without types pass what they like.
  if (typeof (stripCarriageReturn as unknown) !== "boolean") {
    throw new TypeError(
      `The option stripCarriageReturn of lines() must be a boolean, not ${describe(stripCarriageReturn)}`,
    );
  }
  return new DelimitedFraming({ name: "lines", byte: 0x0a, noun: "a newline", stripCarriageReturn });
}
