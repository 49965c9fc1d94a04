import {
  isStandardSchema,
  type StandardSchema,
  type SchemaInput,
  type SchemaOutput,
} from "../codec/standard-schema.js";
import { describe } from "../core/wait.js";
import { METHOD, type CallContext, type Method } from "./types.js";

/** Checks of a method, each by a Standard Schema of zod, valibot, arktype or another validator; it may be asynchronous. */
export interface MethodSchemas {
  /** What an input must be. The function gets what the schema makes of it. */
  readonly input?: StandardSchema | undefined;
  /** What each item of a stream as input must be; the input is then a stream. */
  readonly inputItem?: StandardSchema | undefined;
  /** What the output must be, or of a stream each item. The caller gets what the schema makes of it. */
  readonly output?: StandardSchema | undefined;
}

/** What the function of a checked method is given. */
export type MethodReceives<S extends MethodSchemas> = S["inputItem"] extends StandardSchema
  ? AsyncIterable<SchemaOutput<S["inputItem"]>, void, undefined>
  : S["input"] extends StandardSchema
    ? SchemaOutput<S["input"]>
    : undefined;

/** What a caller passes to a checked method. */
export type MethodTakes<S extends MethodSchemas> = S["inputItem"] extends StandardSchema
  ? AsyncIterable<SchemaInput<S["inputItem"]>>
  : S["input"] extends StandardSchema
    ? SchemaInput<S["input"]>
    : undefined;

/** What the function of a checked method returns, or of a stream each item. */
export type MethodReturns<S extends MethodSchemas> = S["output"] extends StandardSchema
  ? SchemaInput<S["output"]>
  : unknown;

/** What a caller gets from a checked method. */
export type MethodGives<S extends MethodSchemas, Result> = S["output"] extends StandardSchema
  ? Awaited<Result> extends AsyncIterable<unknown>
    ? AsyncIterable<SchemaOutput<S["output"]>>
    : SchemaOutput<S["output"]>
  : Result;

/** A value, a promise of it, or a stream of them. */
export type ValueOrStream<T> = T | Promise<T> | AsyncIterable<T>;

/** What {@link method} has put together, as the server uses it. */
export interface CheckedMethod {
  readonly schemas: MethodSchemas;
  readonly run: (input: unknown, context: CallContext) => unknown;
}

/**
 * A method whose input and output are checked when it is called.
 *
 * An input that fails never reaches the function: the caller gets a `RemoteError` `ERR_INVALID_MESSAGE` with the issues as `data`. An output that fails is
 * `ERR_INVALID_OUTPUT` to the caller without the details, which go to the server's `onError`.
 *
 * @param schemas - Standard Schemas of the input, of the items of a stream as input, and of the output
 * @param run - the function
 * @throws TypeError for what is no schema or no function
 * @example
 * ```ts run
 * import { MemoryChannel } from "sluice";
 * import { createClient, method, serve } from "sluice/rpc";
 *
 * // Any Standard Schema will do: z.number() of zod, v.number() of valibot, type("number") of arktype.
 * const number = {
 *   "~standard": {
 *     version: 1,
 *     vendor: "example",
 *     validate: (value: unknown) =>
 *       typeof value === "number" ? { value } : { issues: [{ message: "expected a number" }] },
 *     types: undefined as { input: number; output: number } | undefined,
 *   },
 * } as const;
 * const methods = { double: method({ input: number, output: number }, (input) => input * 2) };
 *
 * const [left, right] = MemoryChannel.pair();
 * await using server = serve(left, methods);
 * await using client = createClient<typeof methods>(right);
 * console.log(await client.double(21)); // 42
 * ```
 */
export function method<const S extends MethodSchemas, Result extends ValueOrStream<MethodReturns<S>>>(
  schemas: S,
  run: (input: MethodReceives<S>, context: CallContext) => Result,
): Method<MethodTakes<S>, MethodGives<S, Result>> {
  for (const name of ["input", "inputItem", "output"] as const) {
    const schema = schemas[name];
    if (schema !== undefined && !isStandardSchema(schema))
      throw new TypeError(`${name} must be a Standard Schema, received ${describe(schema)}`);
  }
  if (schemas.input !== undefined && schemas.inputItem !== undefined)
    throw new TypeError("input and inputItem exclude each other: an input is a value or a stream");
  if (typeof run !== "function")
    throw new TypeError(`the method must be a function, received ${describe(run)}`);
  const checked: CheckedMethod = { schemas, run: run as CheckedMethod["run"] };
  return Object.freeze({ [METHOD]: checked }) as unknown as Method<MethodTakes<S>, MethodGives<S, Result>>;
}

/** What `method` has put together, if it was `method`. */
export function checkedMethod(value: unknown): CheckedMethod | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  return (value as { [METHOD]?: CheckedMethod })[METHOD];
}
