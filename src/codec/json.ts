import type { Codec } from "../core/codec.js";
import { describe, reasonOf } from "./describe.js";
import { parseUntrustedJson } from "./parse-json.js";
import type { SchemaInput, SchemaOutput, StandardSchema } from "./standard-schema.js";
import { decodeUtf8 } from "./utf8.js";
import { validated, type ValidationOptions } from "./validated.js";

const codec: Codec<unknown> = Object.freeze({
  name: "json",
  encode(message: unknown): Buffer {
    const encoded = stringify(message);
    if (encoded === undefined)
      throw new TypeError(`json() cannot encode ${describe(message)}: JSON has no form for it`);
    return Buffer.from(encoded, "utf8");
  },
  decode: (bytes: Buffer): unknown => parseUntrustedJson(decodeUtf8(bytes, "json()")),
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
 * Messages are JSON values (RFC 8259, UTF-8), whose **type is not checked**: `T` says what the peer is trusted to send.
 *
 * A message that has no JSON form is a `TypeError`: `undefined`, functions, symbols, a bigint anywhere in it, cycles. Within arrays and
 * objects the rules of `JSON.stringify` hold: properties that are `undefined` or functions are left out, `NaN` becomes `null`,
 * `toJSON` is called. Use {@link structured} where that is not enough.
 *
 * Received bytes that are not valid UTF-8 or not one JSON value are refused (`ERR_INVALID_MESSAGE`), and so is an object with a property called
 * `"__proto__"`: harmless by itself, it sets a prototype in the next program that copies properties one by one.
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
export function json<T = unknown>(): Codec<T>;
/**
 * Messages are JSON values that a schema has passed: nothing else reaches `receive`. What is sent has the schema's input type, what is received its
 * output type.
 *
 * @param schema - any Standard Schema, such as those of zod, valibot and arktype; it must check synchronously
 * @param options - what follows an invalid message, and whether outgoing messages are checked too
 * @throws TypeError for what is no Standard Schema, an asynchronous one where that shows at once (else at the first message), or a wrong option
 *
 * @example
 * ```ts
 * import { json, UnixSocket } from "sluice";
 * import { z } from "zod";
 *
 * const Job = z.object({ id: z.number().int(), file: z.string().default("-") });
 * const listener = await UnixSocket.listen("/run/jobs.sock", { codec: json(Job, { onInvalid: "drop" }) });
 * const channel = await listener.accept();
 * const { id, file } = await channel.receive(); // number, string
 * ```
 */
export function json<Schema extends StandardSchema>(
  schema: Schema,
  options?: ValidationOptions,
): Codec<SchemaInput<Schema>, SchemaOutput<Schema>>;
export function json(schema?: StandardSchema, options?: ValidationOptions): Codec<unknown> {
  return schema === undefined ? codec : validated(codec, schema, options);
}
