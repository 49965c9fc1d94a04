import type v8 from "node:v8";
import type { Codec } from "../core/codec.js";
import { describe, reasonOf } from "./describe.js";
import type { SchemaInput, SchemaOutput, StandardSchema } from "./standard-schema.js";
import { findProblem } from "./v8-format.js";
import { validated, type ValidationOptions } from "./validated.js";

/** The constructors of views, by the numbers that `v8.serialize` writes for them. */
const viewsByNumber: readonly ((memory: ArrayBuffer) => ArrayBufferView)[] = [
  (memory) => new Int8Array(memory),
  (memory) => new Uint8Array(memory),
  (memory) => new Uint8ClampedArray(memory),
  (memory) => new Int16Array(memory),
  (memory) => new Uint16Array(memory),
  (memory) => new Int32Array(memory),
  (memory) => new Uint32Array(memory),
  (memory) => new Float32Array(memory),
  (memory) => new Float64Array(memory),
  (memory) => new DataView(memory),
  (memory) => Buffer.from(memory),
  (memory) => new BigInt64Array(memory),
  (memory) => new BigUint64Array(memory),
];

/**
 * Reads what `v8.serialize` wrote. Node's own reader makes views into the memory of the message, whose `buffer` would show
 * (and let the receiver overwrite) the other messages that came in the same memory.
 */
function makeReader({ Deserializer }: typeof v8): typeof v8.Deserializer {
  return class StructuredDeserializer extends Deserializer {
    _readHostObject(): ArrayBufferView {
      const makeView = viewsByNumber[this.readUint32()];
      if (makeView === undefined) throw new Error("it has a view of an unknown kind");
      const memory = new Uint8Array(this.readUint32());
      memory.set(this.readRawBytes(memory.length));
      return makeView(memory.buffer);
    }
  };
}

// Loaded when they are first needed: node:v8 brings half of Node's streams and files with it, three milliseconds of every start.
let loaded: { readonly serialize: typeof v8.serialize; readonly Reader: typeof v8.Deserializer } | undefined;

function load(): NonNullable<typeof loaded> {
  if (loaded !== undefined) return loaded;
  const module = process.getBuiltinModule("node:v8");
  return (loaded = { serialize: module.serialize, Reader: makeReader(module) });
}

const codec: Codec<unknown> = Object.freeze({
  name: "structured",
  encode(message: unknown): Buffer {
    let encoded: Buffer;
    try {
      encoded = load().serialize(message);
    } catch (error) {
      throw new TypeError(`structured() cannot encode ${describe(message)}: ${reasonOf(error)}`, {
        cause: error,
      });
    }
    // Looked at on this side too, so that nothing leaves that the peer's decoder would refuse.
    const problem = findProblem(encoded, viewsByNumber.length);
    if (problem !== undefined)
      throw new TypeError(`structured() cannot encode ${describe(message)}: ${problem}`);
    return encoded;
  },
  decode(bytes: Buffer): unknown {
    const problem = findProblem(bytes, viewsByNumber.length);
    if (problem !== undefined)
      throw new Error(`structured() cannot decode ${bytes.length} bytes: ${problem}`);
    const deserializer = new (load().Reader)(bytes);
    deserializer.readHeader();
    return deserializer.readValue() as unknown;
  },
});

/**
 * Messages are values of the structured clone algorithm, in V8's own format: what JSON has, and `undefined`, `bigint`, `Date`, `RegExp`,
 * `Map`, `Set`, `Error`, `ArrayBuffer`, typed arrays, `Buffer`, and objects that refer to each other in cycles. Instances of classes arrive as
 * plain objects. The **type is not checked**: `T` says what the peer is trusted to send. For processes that run on Node.js, of the same or a similar version.
 *
 * A `TypeError` tells of what cannot be encoded: functions, symbols, promises, weak collections, a `SharedArrayBuffer`, a resizable `ArrayBuffer`, a property
 * called `__proto__`, more than 1,000 objects within each other, or arrays with holes whose lengths together exceed 65,536 plus the bytes of the message.
 *
 * Received bytes are looked through before V8 reads them, because V8 itself takes a few of them at their word: twenty bytes that announce an
 * array of 30 million holes make it allocate 240 MB. Bytes that are refused give `ERR_INVALID_MESSAGE`. A decoded message takes memory in proportion to its bytes, at worst about 80 times as much (empty maps): set
 * `maxMessageSize` accordingly for peers that you do not trust.
 *
 * Source: https://nodejs.org/api/v8.html#serialization-api
 *
 * @typeParam T - the type of the messages
 *
 * @example
 * ```ts run
 * import { structured } from "sluice";
 *
 * const codec = structured<Map<string, Date>>();
 * const bytes = Buffer.from(codec.encode(new Map([["start", new Date(0)]])));
 * console.log(codec.decode(bytes).get("start")?.getTime()); // 0
 * ```
 */
export function structured<T = unknown>(): Codec<T>;
/**
 * Messages are values of the structured clone algorithm that a schema has passed: nothing else reaches `receive`. What is sent has the schema's input
 * type, what is received its output type.
 *
 * @param schema - any Standard Schema, such as those of zod, valibot and arktype; it must check synchronously
 * @param options - what follows an invalid message, and whether outgoing messages are checked too
 * @throws TypeError for what is no Standard Schema, an asynchronous one where that shows at once (else at the first message), or a wrong option
 */
export function structured<Schema extends StandardSchema>(
  schema: Schema,
  options?: ValidationOptions,
): Codec<SchemaInput<Schema>, SchemaOutput<Schema>>;
export function structured(schema?: StandardSchema, options?: ValidationOptions): Codec<unknown> {
  return schema === undefined ? codec : validated(codec, schema, options);
}
