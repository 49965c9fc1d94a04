import type { Codec } from "../core/codec.js";
import { describe } from "./describe.js";

const { types } = process.getBuiltinModule("node:util");

const codec: Codec<Uint8Array, Buffer> = Object.freeze({
  name: "bytes",
  decodesToItself: true,
  encode(message: Uint8Array): Uint8Array {
    // Not instanceof: a Uint8Array of another realm is as good.
    if (!types.isUint8Array(message)) {
      throw new TypeError(
        `bytes() cannot encode ${describe(message)}: pass a Buffer or another Uint8Array, or give the channel a codec such as text() or json()`,
      );
    }
    return message;
  },
  decode: (bytes: Buffer): Buffer => bytes,
});

/**
 * Messages are bytes: `send` takes a `Uint8Array` (a `Buffer` is one), `receive` gives a `Buffer`. Every channel without a codec
 * uses it.
 *
 * Nothing is copied or changed. Anything but a `Uint8Array`, an `ArrayBuffer` and a `DataView` included, is a `TypeError`:
 * wrap it (`new Uint8Array(arrayBuffer)`), so that it is plain which bytes are meant.
 *
 * @example
 * ```ts run
 * import { bytes } from "sluice";
 *
 * const codec = bytes();
 * const message = Uint8Array.of(1, 2, 3);
 * console.log(codec.encode(message) === message); // true
 * ```
 */
export function bytes(): Codec<Uint8Array, Buffer> {
  return codec;
}
