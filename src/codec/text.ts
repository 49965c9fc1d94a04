import type { Codec } from "../core/codec.js";
import { describe } from "./describe.js";
import { decodeUtf8 } from "./utf8.js";

/** The encodings that {@link text} knows. */
export type TextEncoding = "utf8" | "utf16le" | "latin1";

// In every Node that sluice runs on, but newer than the language level that the sources are checked against.
type WellFormedString = string & { isWellFormed(): boolean };

const codecs: Readonly<Record<TextEncoding, Codec<string>>> = {
  utf8: Object.freeze({
    name: "text",
    encode(message: string): Buffer {
      checkString(message);
      if (!(message as WellFormedString).isWellFormed()) {
        throw new TypeError(
          'text() cannot encode a string with half a surrogate pair in utf8: mend it with toWellFormed(), or use text("utf16le")',
        );
      }
      return Buffer.from(message, "utf8");
    },
    decode: (bytes: Buffer): string => decodeUtf8(bytes, "text()"),
  }),
  utf16le: Object.freeze({
    name: "text",
    encode(message: string): Buffer {
      checkString(message);
      return Buffer.from(message, "utf16le");
    },
    decode(bytes: Buffer): string {
      if (bytes.length % 2 !== 0) {
        throw new Error(`text("utf16le") cannot decode ${bytes.length} bytes: an even number is needed`);
      }
      return bytes.toString("utf16le");
    },
  }),
  latin1: Object.freeze({
    name: "text",
    encode(message: string): Buffer {
      checkString(message);
      const bytes = Buffer.from(message, "latin1");
      // Buffer.from cuts every code unit to eight bits without a word.
      if (bytes.toString("latin1") !== message) {
        throw new TypeError('text("latin1") cannot encode a character above U+00FF: use text()');
      }
      return bytes;
    },
    decode: (bytes: Buffer): string => bytes.toString("latin1"),
  }),
};

function checkString(message: unknown): void {
  if (typeof message !== "string")
    throw new TypeError(`text() cannot encode ${describe(message)}: pass a string`);
}

/**
 * Messages are strings. What is sent is what arrives, or an error: a string that the encoding cannot carry is a
 * `TypeError`, and received bytes that are not valid in it are refused (`ERR_INVALID_MESSAGE`), where Node's own conversions would
 * put in replacement characters. A byte order mark is a character like any other.
 *
 * UTF-8 is that of RFC 3629 and the WHATWG Encoding Standard.
 *
 * @param encoding - `"utf8"` (the default), `"utf16le"`, which carries every string, or `"latin1"`, one byte a character up to U+00FF
 *
 * @example
 * ```ts run
 * import { text } from "sluice";
 *
 * const codec = text();
 * console.log(codec.encode("sluice").length); // 6
 * console.log(codec.decode(Buffer.from("gate"))); // gate
 * ```
 */
export function text(encoding: TextEncoding = "utf8"): Codec<string> {
  if (!Object.hasOwn(codecs, encoding)) {
    throw new TypeError(
      `The encoding of text() must be "utf8", "utf16le" or "latin1", not ${describe(encoding)}`,
    );
  }
  return codecs[encoding];
}
