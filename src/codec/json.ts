import type { Codec } from "../core/codec.js";
import { describe, reasonOf } from "./describe.js";
import { decodeUtf8 } from "./utf8.js";

const codec: Codec<unknown> = Object.freeze({
  name: "json",
  encode(message: unknown): Buffer {
    const encoded = stringify(message);
    if (encoded === undefined)
      throw new TypeError(`json() cannot encode ${describe(message)}: JSON has no form for it`);
    return Buffer.from(encoded, "utf8");
  },
  decode: (bytes: Buffer): unknown => JSON.parse(decodeUtf8(bytes, "json()")) as unknown,
});

// The types of JSON.stringify forget that it gives undefined for undefined, functions and symbols.
function stringify(message: unknown): string | undefined {
  try {
    return JSON.stringify(message);
  } catch (error) {
    throw new TypeError(`json() cannot encode ${describe(message)}: ${reasonOf(error)}`, { cause: error });
  }
}

/**
 * Messages are JSON values (RFC 8259, UTF-8).
 *
 * A message that has no JSON form is a `TypeError`: `undefined`, functions, symbols, a bigint anywhere in it, cycles. Within arrays and
 * objects the rules of `JSON.stringify` hold: properties that are `undefined` or functions are left out, `NaN` becomes `null`,
 * `toJSON` is called. Use {@link structured} where that is not enough.
 *
 * Received bytes that are not valid UTF-8 or not one JSON value are refused (`ERR_INVALID_MESSAGE`). The **type is not checked**: `T` says what the peer is
 * trusted to send. A `"__proto__"` in the input becomes an ordinary property and changes no prototype.
 *
 * Encoded JSON has no line break in it, so `json()` over {@link lines} is newline-delimited JSON.
 *
 * @typeParam T - the type of the messages
 *
 * @example
 * ```ts run
 * import { json } from "sluice";
 *
 * interface Job {
 *   readonly id: number;
 *   readonly file: string;
 * }
 * const codec = json<Job>();
 * const bytes = Buffer.from(codec.encode({ id: 7, file: "a.txt" }));
 * console.log(codec.decode(bytes).file); // a.txt
 * ```
 */
export function json<T = unknown>(): Codec<T> {
  return codec as Codec<T>;
}
