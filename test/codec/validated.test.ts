import { type } from "arktype";
import fc from "fast-check";
import * as v from "valibot";
import { describe, expect, expectTypeOf, it, test } from "vitest";
import { z } from "zod";
import { type Codec, json, MessageError, msgpack, type StandardSchema, structured } from "sluice";

/** What a caller without types may pass. */
const wrong = (value: unknown): never => value as never;

const schemas = {
  zod: z.object({ id: z.number().int().min(0), file: z.string().default("-") }),
  valibot: v.object({
    id: v.pipe(v.number(), v.integer(), v.minValue(0)),
    file: v.optional(v.string(), "-"),
  }),
  arktype: type({ id: "number.integer >= 0", file: "string = '-'" }),
};
interface JobInput {
  id: number;
  file?: string | undefined;
}
interface JobOutput {
  id: number;
  file: string;
}
const makers = { json, structured, msgpack } as unknown as Record<
  string,
  (schema: StandardSchema, options?: object) => Codec<unknown>
>;

/** What a codec throws. */
function thrownBy(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  throw new Error("nothing was thrown");
}

for (const [vendor, schema] of Object.entries(schemas)) {
  for (const [name, make] of Object.entries(makers)) {
    const plain = make(undefined as never);
    const codec = make(schema);
    const decode = (message: unknown): unknown => codec.decode(Buffer.from(plain.encode(message)));

    describe(`${name}(schema of ${vendor})`, () => {
      it("gives the receiver what the schema makes of the message", () => {
        fc.assert(
          fc.property(fc.nat(), fc.option(fc.string(), { nil: undefined }), (id, file) => {
            const sent = file === undefined ? { id } : { id, file };
            expect(decode(sent)).toEqual({ id, file: file ?? "-" });
          }),
        );
      });

      it("refuses what the schema refuses, with its issues", () => {
        const error = thrownBy(() => decode({ id: "7", file: 8 }));
        expect(error).toBeInstanceOf(MessageError);
        const { issues, message } = error as MessageError;
        const paths = issues.map(({ path = [] }) =>
          Array.from(path, (step) => (typeof step === "object" ? step.key : step)),
        );
        expect(paths).toEqual([["id"], ["file"]]);
        expect(message).toContain(`id: ${issues[0]!.message}`);
      });

      it("lets nothing through that the schema does not", () => {
        const isJob = (value: unknown): boolean =>
          !("issues" in (schema["~standard"].validate(value) as object));
        fc.assert(
          fc.property(fc.jsonValue(), (message) => {
            let received: unknown;
            try {
              received = decode(message);
            } catch {
              expect(isJob(message)).toBe(false);
              return;
            }
            expect(isJob(received)).toBe(true);
          }),
        );
      });

      it("does not check what is sent, unless told to", () => {
        expect(() => codec.encode({ id: -1 })).not.toThrow();
        const both = make(schema, { validate: "both" });
        const error = thrownBy(() => both.encode({ id: -1 }));
        expect(error).toBeInstanceOf(TypeError);
        expect((error as Error).message).toMatch(
          /cannot encode an instance of Object: the schema refuses it: id/,
        );
        expect((error as Error).cause).toBeInstanceOf(MessageError);
        // What is sent is the input, not the output with its defaults.
        expect(Buffer.from(both.encode({ id: 1 }))).toEqual(Buffer.from(plain.encode({ id: 1 })));
      });
    });
  }
}

describe("a codec with a schema", () => {
  const asynchronous = {
    zod: z.string().refine(async () => true),
    valibot: v.pipeAsync(
      v.string(),
      v.checkAsync(async () => true),
    ),
    own: {
      "~standard": {
        version: 1,
        vendor: "own",
        validate: (value: unknown) => (value === undefined ? { value } : Promise.reject(new Error("late"))),
      },
    } as StandardSchema,
  };

  it("refuses an asynchronous schema at once where it shows, else at the first message", () => {
    const text = /json\(\) needs a schema that checks at once, and this one \(\w+\) answers with a promise/;
    expect(() => json(asynchronous.valibot)).toThrow(TypeError);
    expect(() => json(asynchronous.valibot)).toThrow(text);
    for (const schema of [asynchronous.zod, asynchronous.own]) {
      const codec = json(schema as StandardSchema, { validate: "both" });
      expect(() => codec.decode(Buffer.from('"a"'))).toThrow(TypeError);
      expect(() => codec.decode(Buffer.from('"a"'))).toThrow(text);
      expect(() => codec.encode("a")).toThrow(text);
    }
  });

  it.each([
    [{}, undefined, /schema must be a Standard Schema.*received an instance of Object/],
    [null, undefined, /received null/],
    [{ "~standard": { version: 2, validate: () => ({}) } }, undefined, /Standard Schema/],
    [schemas.zod, null, /options must be an object/],
    [
      schemas.zod,
      { onInvalid: "ignore" },
      /options.onInvalid must be "throw", "drop" or "close", received "ignore"/,
    ],
    [schemas.zod, { validate: "never" }, /options.validate must be "incoming" or "both", received "never"/],
  ])("refuses a wrong argument (%#)", (schema, options, text) => {
    expect(() => json(wrong(schema), wrong(options))).toThrow(TypeError);
    expect(() => json(wrong(schema), wrong(options))).toThrow(text);
  });

  it("refuses a message at which a check of the schema throws", () => {
    const strict = z.string().transform((text) => {
      if (text !== "good") throw new RangeError("not good");
      return text.length;
    });
    const codec = json(strict);
    expect(codec.decode(Buffer.from('"good"'))).toBe(4);
    expect(() => codec.decode(Buffer.from('"bad"'))).toThrow(MessageError);
    expect(() => codec.decode(Buffer.from('"bad"'))).toThrow("a check of the schema throws");
    const own = {
      version: 1,
      vendor: "own",
      validate: (value: unknown) => ({ value: (value as string).trim() }),
    } as const;
    expect(() => json({ "~standard": own }).decode(Buffer.from("7"))).toThrow("trim is not a function");
  });

  it("lets no __proto__ reach a schema that copies properties", () => {
    const loose = [
      z.looseObject({}),
      v.looseObject({}),
      z.record(z.string(), z.unknown()),
    ] as StandardSchema[];
    const poisoned: unknown = JSON.parse('{"__proto__":{"admin":true}}');
    for (const schema of loose) {
      expect(() => json(schema).decode(Buffer.from(JSON.stringify(poisoned)))).toThrow("__proto__");
      expect(() => structured(schema).encode(poisoned)).toThrow("__proto__");
    }
    expect(({} as { admin?: unknown }).admin).toBeUndefined();
  });
});

describe("the types follow the schema", () => {
  test("of each library", () => {
    expectTypeOf(json(schemas.zod)).toEqualTypeOf<Codec<JobInput, JobOutput>>();
    expectTypeOf(structured(schemas.valibot)).toEqualTypeOf<Codec<JobInput, JobOutput>>();
    expectTypeOf(msgpack(schemas.arktype)).toEqualTypeOf<Codec<{ id: number; file?: string }, JobOutput>>();
    expectTypeOf(json(z.string().transform(Number))).toEqualTypeOf<Codec<string, number>>();
    expectTypeOf(json<JobOutput>()).toEqualTypeOf<Codec<JobOutput>>();
    expectTypeOf(msgpack<JobOutput>()).toEqualTypeOf<Codec<JobOutput>>();
    // @ts-expect-error -- no schema
    expect(() => json({ type: "object" })).toThrow(TypeError);
    // @ts-expect-error -- a string is sent, not what becomes of it
    expect(() => json(z.string().transform(Number), { validate: "both" }).encode(7)).toThrow(TypeError);
  });
});
