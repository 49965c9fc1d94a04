import { runInNewContext } from "node:vm";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { bytes, json, text } from "../../src/codec/index.js";

/** What a caller without types may pass. */
const wrong = (value: unknown): never => value as never;

describe("bytes()", () => {
  it("passes bytes on without a copy", () => {
    fc.assert(
      fc.property(fc.uint8Array(), (message) => {
        expect(bytes().encode(message)).toBe(message);
        const received = Buffer.from(message);
        expect(bytes().decode(received)).toBe(received);
      }),
    );
  });

  it("takes a Uint8Array of another realm", () => {
    const message = runInNewContext("new Uint8Array([1, 2])") as Uint8Array;
    expect(bytes().encode(message)).toBe(message);
  });

  it.each([
    [new ArrayBuffer(4), "an instance of ArrayBuffer"],
    [new DataView(new ArrayBuffer(4)), "an instance of DataView"],
    [new Uint16Array(4), "an instance of Uint16Array"],
    ["text", '"text"'],
    ["t".repeat(1000), "a string of 1000 characters"],
    [7, "the number 7"],
    [7n, "a bigint"],
    [Symbol("s"), "the symbol Symbol(s)"],
    [null, "null"],
    [undefined, "undefined"],
    [[1, 2], "an instance of Array"],
    [Object.create(null), "an object without a constructor"],
    [() => 7, "a function"],
  ])("refuses %o and names what it received", (message, name) => {
    expect(() => bytes().encode(wrong(message))).toThrow(TypeError);
    expect(() => bytes().encode(wrong(message))).toThrow(`cannot encode ${name}:`);
  });
});

describe("text()", () => {
  it("gives back every well-formed string", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (message) => {
        expect(text().decode(Buffer.from(text().encode(message)))).toBe(message);
      }),
    );
  });

  it("keeps a byte order mark and the empty string", () => {
    for (const message of ["\ufeffmarked", "", "\0"]) {
      expect(text().decode(Buffer.from(text().encode(message)))).toBe(message);
    }
  });

  it("decodes bytes if and only if they are valid UTF-8", () => {
    const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
    const decode = (decoder: () => string): string | undefined => {
      try {
        return decoder();
      } catch (error) {
        expect(error).toBeInstanceOf(Error);
        return undefined;
      }
    };
    const nearlyText = fc
      .tuple(fc.string({ unit: "binary" }), fc.uint8Array({ maxLength: 3 }), fc.nat(20))
      .map(([string, noise, at]) => {
        const valid = Buffer.from(string);
        return Buffer.concat([valid.subarray(0, at), noise, valid.subarray(at)]);
      });
    fc.assert(
      fc.property(nearlyText, (received) => {
        expect(decode(() => text().decode(received))).toBe(decode(() => strict.decode(received)));
      }),
      { numRuns: 1000 },
    );
    expect(() => text().decode(Buffer.of(0x61, 0xff))).toThrow(
      "text() cannot decode 2 bytes: they are not valid UTF-8",
    );
  });

  it("refuses half a surrogate pair, which UTF-8 cannot carry", () => {
    expect(() => text().encode("a\ud800b")).toThrow(TypeError);
    expect(text().encode("a\u{1f600}b")).toHaveLength(6);
  });

  it("carries every string in utf16le, and refuses an odd number of bytes", () => {
    const codec = text("utf16le");
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 0xffff })), (units) => {
        const message = String.fromCharCode(...units);
        expect(codec.decode(Buffer.from(codec.encode(message)))).toBe(message);
      }),
    );
    expect(() => codec.decode(Buffer.alloc(3))).toThrow(/even number/);
  });

  it("carries every byte in latin1, and refuses characters above U+00FF", () => {
    const codec = text("latin1");
    const all = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
    expect(codec.encode(codec.decode(all))).toEqual(all);
    expect(() => codec.encode("price: 5 \u20ac")).toThrow(TypeError);
  });

  it("refuses what is no string, and encodings that it does not know", () => {
    for (const encoding of ["utf8", "utf16le", "latin1"] as const) {
      expect(() => text(encoding).encode(wrong(Buffer.from("x")))).toThrow(
        /instance of Buffer: pass a string/,
      );
    }
    for (const encoding of ["ucs9", "constructor", null]) {
      expect(() => text(wrong(encoding))).toThrow(/"utf8", "utf16le" or "latin1"/);
    }
  });
});

describe("json()", () => {
  const roundTrip = (message: unknown): unknown => json().decode(Buffer.from(json().encode(message)));

  /** Properties called __proto__, which fast-check makes too, are refused. */
  const isTaken = (message: unknown): boolean => !JSON.stringify(message).includes('"__proto__":');

  it("gives back every JSON value", () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5 }).filter(isTaken), (message) => {
        expect(roundTrip(message)).toEqual(JSON.parse(JSON.stringify(message)));
      }),
    );
  });

  it("encodes on one line, so that lines() can frame it", () => {
    fc.assert(
      fc.property(fc.jsonValue().filter(isTaken), (message) => {
        expect(json().encode(message)).not.toContain(0x0a);
      }),
    );
  });

  it.each([
    [undefined, "undefined: JSON has no form for it"],
    [() => 7, "a function: JSON has no form for it"],
    [Symbol("s"), "JSON has no form for it"],
    [7n, "BigInt"],
    [{ deep: [7n] }, "BigInt"],
  ])("refuses %o and says why", (message, reason) => {
    expect(() => json().encode(message)).toThrow(TypeError);
    expect(() => json().encode(message)).toThrow(reason);
  });

  it("refuses a cycle and keeps the cause", () => {
    const cycle: { self?: unknown } = {};
    cycle.self = cycle;
    expect(() => json().encode(cycle)).toThrow(
      expect.objectContaining({ name: "TypeError", cause: expect.any(TypeError) as unknown }),
    );
    expect(() => json().encode(cycle)).toThrow(/circular/);
  });

  it("tells of a toJSON that throws as a TypeError with the cause", () => {
    const failure = new Error("no serial number");
    const message = {
      toJSON: () => {
        throw failure;
      },
    };
    expect(() => json().encode(message)).toThrow(
      expect.objectContaining({ name: "TypeError", cause: failure }),
    );
  });

  it.each([
    '{"__proto__":{"admin":true}}',
    '[{"a":{"__proto__":null}}]',
    String.raw`{"\u005f_proto__":1}`,
    String.raw`{"__pr\u006Fto__":1}`,
  ])("refuses a property called __proto__: %s", (input) => {
    expect(() => json().decode(Buffer.from(input))).toThrow(SyntaxError);
    expect(() => json().decode(Buffer.from(input))).toThrow('a property is called "__proto__"');
  });

  it("takes the text __proto__ where it is no name of a property", () => {
    expect(roundTrip({ proto: ["__proto__", '"__proto__":'] })).toEqual({
      proto: ["__proto__", '"__proto__":'],
    });
  });

  it.each(["", " ", "{", "{}{}", "undefined", "'a'", "[1,]", "NaN", "\ufeff{}", "nul"])(
    "refuses %j",
    (input) => {
      expect(() => json().decode(Buffer.from(input))).toThrow(SyntaxError);
    },
  );

  it("refuses invalid UTF-8 within a string", () => {
    expect(() => json().decode(Buffer.from('"a\xff"', "latin1"))).toThrow(
      /json\(\) cannot decode 4 bytes: they are not valid UTF-8/,
    );
  });

  it("reads a hundred thousand arrays within each other", () => {
    const depth = 100_000;
    const nested = Buffer.from("[".repeat(depth) + "]".repeat(depth));
    let levels = 0;
    for (let value = json().decode(nested); Array.isArray(value); value = value[0] as unknown) levels++;
    expect(levels).toBe(depth);
  });
});
