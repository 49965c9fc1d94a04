import { type Codec, CodecMistake, MessageError, type OnInvalid } from "../core/codec.js";
import { checkOnInvalid, checkOptions } from "../core/options.js";
import { describe, reasonOf } from "./describe.js";
import { isStandardSchema, issuesInWords, type StandardSchema } from "./standard-schema.js";

/** Options of a codec with a schema. */
export interface ValidationOptions {
  /**
   * What follows received bytes that are no message, or a message that the schema refuses. The default is `"throw"`.
   *
   * - `"throw"`: the receive in line rejects with `ERR_INVALID_MESSAGE`, whose `issues` tell what is wrong; the channel goes on. (A `for await` that
   *   fails closes it, as always.)
   * - `"drop"`: the message is left out, counted in `channel.statistics().dropped.invalid`, and told as the event `sluice:channel:drop`.
   * - `"close"`: the channel fails with that error, for everybody who waits and whoever calls later.
   */
  readonly onInvalid?: OnInvalid | undefined;
  /**
   * Which messages the schema checks. `"incoming"` (the default): those that come. `"both"`: those that are sent as well, so that a mistake shows where it is made: a
   * message that the schema refuses is a `TypeError` with the issues in its `cause`. What is sent is the message as it is given, not what the schema makes of it.
   */
  readonly validate?: "incoming" | "both" | undefined;
}

/** A codec that gives nothing to the receiver which the schema has not passed. */
export function validated(
  codec: Codec<unknown>,
  schema: StandardSchema,
  options: ValidationOptions = {},
): Codec<unknown> {
  const name = `${codec.name}()`;
  if (!isStandardSchema(schema)) {
    throw new TypeError(
      `schema must be a Standard Schema (https://standardschema.dev), as zod, valibot and arktype make them, received ${describe(schema)}`,
    );
  }
  checkOptions(options);
  const { onInvalid = "throw", validate = "incoming" } = options;
  checkOnInvalid("options.onInvalid", onInvalid);
  if (validate !== "incoming" && validate !== "both")
    throw new TypeError(`options.validate must be "incoming" or "both", received ${describe(validate)}`);
  refuseAsynchronous(schema, name);

  // zod answers with a promise also when a check of the user throws. Once the schema has passed something at once, that must be why.
  let hasPassed = false;
  const check = (value: unknown): unknown => {
    const result = schema["~standard"].validate(value);
    if (isPromise(result)) {
      const problem = mistake(name, schema, result);
      throw hasPassed
        ? new MessageError("a check of the schema throws or does not answer at once", [])
        : problem;
    }
    if (result.issues !== undefined)
      throw new MessageError(`the schema refuses it: ${issuesInWords(result.issues)}`, result.issues);
    hasPassed = true;
    return result.value;
  };
  return Object.freeze({
    name: codec.name,
    onInvalid,
    encode: (message: unknown) => codec.encode(validate === "both" ? checked(message) : message),
    decode: (bytes: Buffer) => check(codec.decode(bytes)),
  });

  function checked(message: unknown): unknown {
    try {
      check(message);
      return message;
    } catch (error) {
      if (error instanceof CodecMistake) throw error;
      throw new TypeError(`${name} cannot encode ${describe(message)}: ${reasonOf(error)}`, { cause: error });
    }
  }
}

/** Most asynchronous schemas show at once that they are: they answer everything with a promise. */
function refuseAsynchronous(schema: StandardSchema, name: string): void {
  let result: unknown;
  try {
    result = schema["~standard"].validate(undefined);
  } catch {
    return; // a schema that throws for undefined need not throw for messages
  }
  if (isPromise(result)) throw mistake(name, schema, result);
}

function isPromise(result: unknown): result is Promise<unknown> {
  return typeof (result as Partial<Promise<unknown>> | null)?.then === "function";
}

function mistake(name: string, schema: StandardSchema, result: Promise<unknown>): CodecMistake {
  result.catch(() => undefined); // nobody waits for what it would say
  return new CodecMistake(
    `${name} needs a schema that checks at once, and this one (${schema["~standard"].vendor}) answers with a promise: do what is asynchronous after receive, and let no check throw`,
  );
}
