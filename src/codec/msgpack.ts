import type { Codec } from "../core/codec.js";
import { checkMethods, checkOptions } from "../core/options.js";
import { describe, reasonOf } from "./describe.js";
import { inspectMsgpack, MOST_DEPTH } from "./msgpack-format.js";
import { loadOptional } from "./optional-package.js";
import type { SchemaInput, SchemaOutput, StandardSchema } from "./standard-schema.js";
import { validated, type ValidationOptions } from "./validated.js";

/** What does the work of {@link msgpack}: `@msgpack/msgpack`, `msgpackr` and others have this form. */
export interface MsgpackLibrary {
  /** The MessagePack of a value. Throws for one that it cannot encode. */
  encode(value: unknown): Uint8Array;
  /** The value of one whole MessagePack. Throws for what is none. */
  decode(bytes: Uint8Array): unknown;
}

/** Options of {@link msgpack}. */
export interface MsgpackOptions extends ValidationOptions {
  /**
   * The library to use. By default `@msgpack/msgpack` is loaded, which you install beside sluice. Pass one where programs are bundled, or for extension
   * types and bigints of your own: those are then accepted as they come, and bigger integers are left to it.
   */
  readonly library?: MsgpackLibrary | undefined;
}

/** The part of `@msgpack/msgpack` that is used. */
interface PeerPackage {
  readonly Encoder: new (options: { maxDepth: number; ignoreUndefined: boolean }) => MsgpackLibrary;
  readonly Decoder: new () => MsgpackLibrary;
}

const KEPT_BYTES = 256 * 1024;

let codec: Codec<unknown> | undefined;

function load(): MsgpackLibrary {
  const peer = loadOptional("@msgpack/msgpack", "msgpack()") as PeerPackage;
  const makeEncoder = (): MsgpackLibrary => new peer.Encoder({ maxDepth: MOST_DEPTH, ignoreUndefined: true });
  const decoder = new peer.Decoder();
  let encoder = makeEncoder();
  return {
    encode(value) {
      const encoded = encoder.encode(value);
      // An encoder keeps memory for twice the largest message that it has seen.
      if (encoded.length > KEPT_BYTES) encoder = makeEncoder();
      return encoded;
    },
    decode: (bytes) => decoder.decode(bytes),
  };
}

function make(library: MsgpackLibrary, isForeign: boolean): Codec<unknown> {
  return Object.freeze({
    name: "msgpack",
    encode(message: unknown): Uint8Array {
      let encoded: Uint8Array;
      let problem: string | undefined;
      try {
        encoded = library.encode(message);
        // Looked at on this side too, so that nothing leaves that the peer's decoder would refuse.
        ({ problem } = inspectMsgpack(
          Buffer.from(encoded.buffer, encoded.byteOffset, encoded.length),
          isForeign,
        ));
      } catch (error) {
        throw new TypeError(`msgpack() cannot encode ${describe(message)}: ${reasonOf(error)}`, {
          cause: error,
        });
      }
      if (problem !== undefined)
        throw new TypeError(`msgpack() cannot encode ${describe(message)}: ${problem}`);
      return encoded;
    },
    decode(bytes: Buffer): unknown {
      const { problem, hasBinary } = inspectMsgpack(bytes, isForeign);
      if (problem !== undefined) throw new Error(`msgpack() cannot decode ${bytes.length} bytes: ${problem}`);
      // Decoders give views of binary data, whose memory would show (and let the receiver overwrite) the messages that came in the same memory.
      return library.decode(hasBinary ? new Uint8Array(bytes) : bytes);
    },
  });
}

/**
 * Messages are MessagePack: what JSON has, and binary data (`Uint8Array`) and `Date`, in fewer bytes, for peers in any language. The **type is not
 * checked**: `T` says what the peer is trusted to send.
 *
 * The package `@msgpack/msgpack` does the work: `npm install @msgpack/msgpack`. Without it, or another one in `options.library`, the call fails.
 *
 * A `TypeError` tells of what cannot be encoded: functions, symbols, bigints, a key `__proto__`, more than 1,000 arrays and maps within each other.
 * Properties that are `undefined` are left out; elsewhere `undefined` becomes `null`. `-0` becomes `0`, as in JSON. Instances of classes arrive as
 * plain objects.
 *
 * Received bytes are looked through before the library reads them, and refused (`ERR_INVALID_MESSAGE`) when they are not one whole MessagePack: lengths that
 * are announced and not there, strings that are not UTF-8, a key `__proto__`, too much depth. So are integers beyond 2 ** 53 and extension types but the timestamp, unless
 * `options.library` is given.
 *
 * Source: https://github.com/msgpack/msgpack/blob/master/spec.md
 *
 * @typeParam T - the type of the messages
 * @throws ChannelError `ERR_UNSUPPORTED` when the package is not installed
 *
 * @example
 * ```ts run
 * import { msgpack } from "sluice";
 *
 * const codec = msgpack<{ id: number; data: Uint8Array }>();
 * const bytes = Buffer.from(codec.encode({ id: 7, data: new Uint8Array(3) }));
 * console.log(bytes.length, codec.decode(bytes).id); // 15 7
 * ```
 */
export function msgpack<T = unknown>(schema?: undefined, options?: MsgpackOptions): Codec<T>;
/**
 * Messages are MessagePack that a schema has passed: nothing else reaches `receive`. What is sent has the schema's input type, what is received its
 * output type.
 *
 * @param schema - any Standard Schema, such as those of zod, valibot and arktype; it must check synchronously
 * @param options - what follows an invalid message, whether outgoing messages are checked too, and the library
 * @throws ChannelError `ERR_UNSUPPORTED` when the package is not installed. TypeError for what is no Standard Schema, an asynchronous one where that
 *   shows at once (else at the first message), or a wrong option
 */
export function msgpack<Schema extends StandardSchema>(
  schema: Schema,
  options?: MsgpackOptions,
): Codec<SchemaInput<Schema>, SchemaOutput<Schema>>;
export function msgpack(schema?: StandardSchema, options?: MsgpackOptions): Codec<unknown> {
  checkOptions(options);
  const library = options?.library;
  if (library !== undefined) checkMethods("options.library", library, ["encode", "decode"]);
  const plain = library === undefined ? (codec ??= make(load(), false)) : make(library, true);
  if (schema !== undefined) return validated(plain, schema, options);
  const { onInvalid } = options ?? {};
  return onInvalid === undefined ? plain : Object.freeze({ ...plain, onInvalid });
}
