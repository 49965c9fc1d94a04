import * as peer from "@msgpack/msgpack";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { msgpack } from "sluice";
import { startPeer } from "../support/child.js";

const codec = msgpack();
const roundTrip = (message: unknown): unknown => codec.decode(Buffer.from(codec.encode(message)));
const crafted = (...bytes: (number | Buffer)[]): Buffer =>
  Buffer.concat(bytes.map((part) => (typeof part === "number" ? Buffer.of(part) : part)));
const u32 = (number: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(number);
  return bytes;
};
const decode = (...bytes: (number | Buffer)[]): unknown => codec.decode(crafted(...bytes));

/** Values that MessagePack can hold. -0 is not among them: the package writes every whole number as an integer. */
const { value: anyValue } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: "small" },
    fc.constant(null),
    fc.boolean(),
    fc.maxSafeInteger(),
    fc.double().map((number) => number + 0),
    fc.string({ unit: "grapheme" }),
    fc.uint8Array(),
    fc.date({ noInvalidDate: true }),
    fc.array(tie("value")),
    fc.dictionary(
      fc.string().filter((key) => key !== "__proto__"),
      tie("value"),
      { noNullPrototype: true },
    ),
  ),
}));

describe("msgpack()", () => {
  it("gives back every value that MessagePack can hold", () => {
    fc.assert(
      fc.property(anyValue, (message) => {
        expect(roundTrip(message)).toEqual(message);
      }),
      { numRuns: 500 },
    );
  });

  it("makes 0 of -0 where it is written, as JSON does, and reads the -0 of others", () => {
    expect(roundTrip([-0])).toEqual([0]);
    expect(decode(0xcb, u32(2 ** 31), u32(0))).toBe(-0);
  });

  it("reads what others write: every form of every kind", () => {
    const forms: [unknown, ...(number | Buffer)[]][] = [
      [255, 0xcc, 255],
      [256, 0xcd, 1, 0],
      [2 ** 32 - 1, 0xce, u32(2 ** 32 - 1)],
      [2 ** 40, 0xcf, u32(256), u32(0)],
      [-1, 0xd0, 255],
      [-2, 0xd1, 255, 254],
      [-3, 0xd2, u32(2 ** 32 - 3)],
      [-(2 ** 40), 0xd3, u32(2 ** 32 - 256), u32(0)],
      [-32, 0xe0],
      [0.5, 0xca, 0x3f, 0, 0, 0],
      ["a", 0xd9, 1, 0x61],
      ["a", 0xda, 0, 1, 0x61],
      ["a", 0xdb, u32(1), 0x61],
      [[1], 0xdc, 0, 1, 1],
      [[1], 0xdd, u32(1), 1],
      [{ a: 1 }, 0xde, 0, 1, 0xa1, 0x61, 1],
      [{ 7: 1 }, 0xdf, u32(1), 7, 1],
      [Uint8Array.of(9), 0xc5, 0, 1, 9],
      [Uint8Array.of(9), 0xc6, u32(1), 9],
      [new Date(1000), 0xd6, 0xff, u32(1)],
      [new Date(1000), 0xc7, 12, 0xff, u32(0), u32(0), u32(1)],
    ];
    for (const [value, ...bytes] of forms) expect(decode(...bytes)).toEqual(value);
  });

  it("gives binary data in memory that holds no other message", () => {
    const encoded = Buffer.from(codec.encode({ data: Uint8Array.of(1, 2) }));
    const slab = Buffer.concat([Buffer.from("another's"), encoded, Buffer.from("another's")]);
    const { data } = codec.decode(slab.subarray(9, 9 + encoded.length)) as { data: Uint8Array };
    expect(data).toEqual(Uint8Array.of(1, 2));
    expect(Buffer.from(data.buffer).includes("another's")).toBe(false);
    data.fill(0);
    expect(slab.subarray(9, 9 + encoded.length)).toEqual(encoded);
  });

  it.each([
    ["a function", () => 7, /Unrecognized object/],
    ["a symbol", Symbol("s"), /Unrecognized object/],
    ["a bigint", { deep: [7n] }, /Unrecognized object/],
    ["half a surrogate pair", "a\ud800b", /not valid UTF-8/],
    ["a key __proto__", JSON.parse('{"__proto__":1}'), /a key is "__proto__"/],
  ])("refuses %s with a TypeError", (_what, message, reason) => {
    expect(() => codec.encode(message)).toThrow(TypeError);
    expect(() => codec.encode(message)).toThrow(reason);
  });

  it("takes another library, with its extension types and integers", () => {
    const extensionCodec = new peer.ExtensionCodec();
    extensionCodec.register({
      type: 5,
      encode: (value) => (value instanceof URL ? Buffer.from(value.href) : null),
      decode: (bytes) => new URL(Buffer.from(bytes).toString()),
    });
    const options = { extensionCodec, useBigInt64: true };
    const own = msgpack(undefined, {
      library: {
        encode: (value) => peer.encode(value, options),
        decode: (bytes) => peer.decode(bytes, options),
      },
    });
    const message = { url: new URL("http://localhost/"), big: 2n ** 63n };
    expect(own.decode(Buffer.from(own.encode(message)))).toEqual(message);
    expect(() => codec.decode(Buffer.from(own.encode(message)))).toThrow("the extension type 5");
    expect(() => msgpack(undefined, { library: {} as never })).toThrow(
      /options.library must have a method encode/,
    );
  });

  it("fails with ERR_UNSUPPORTED, and says what to do, where the package is not installed", async () => {
    await using peer = startPeer("codec/without-msgpack", []);
    expect(await peer.nextLine()).toMatch(
      /^ERR_UNSUPPORTED Cannot load @msgpack\/msgpack, .*npm install @msgpack\/msgpack/,
    );
    expect(await peer.nextLine()).toBe("own");
  });
});

describe("msgpack() and hostile bytes", () => {
  it("refuses lengths that are announced and not there, before memory is taken for them", () => {
    const before = process.memoryUsage().rss;
    for (const head of [0xc6, 0xdb, 0xdd, 0xdf, 0xc9])
      for (const length of [1_000_000, 2 ** 31, 2 ** 32 - 1])
        expect(() => decode(head, u32(length), 1)).toThrow(/cut off/);
    // Each within the last, which another decoder would allocate one by one.
    const nested = Array.from({ length: 900 }, () => crafted(0xdd, u32(1_000_000)));
    expect(() => decode(...nested)).toThrow(/cut off/);
    expect(process.memoryUsage().rss - before).toBeLessThan(50e6);
  });

  it("takes a thousand arrays and maps within each other, and refuses more on either side", () => {
    const nested = (levels: number): unknown => {
      let value: unknown = null;
      for (let level = 0; level < levels; level++) value = level % 2 === 0 ? [value] : { a: value };
      return value;
    };
    expect(roundTrip(nested(999))).toEqual(nested(999));
    expect(() => codec.encode(nested(1001))).toThrow(TypeError);
    expect(() => decode(Buffer.alloc(1001, 0x91), 0xc0)).toThrow(/more than 1000 arrays and maps/);
    expect(() => decode(Buffer.alloc(1_000_000, 0x91))).toThrow(/more than 1000 arrays and maps/);
  });

  it("refuses a key __proto__ in every form of a string", () => {
    const name = Buffer.from("__proto__");
    for (const head of [
      crafted(0xa9),
      crafted(0xd9, 9),
      crafted(0xda, 0, 9),
      crafted(0xdb, u32(9)),
      crafted(0xc4, 9),
    ])
      expect(() => decode(0x91, 0x81, head, name, 0x80)).toThrow('a key is "__proto__"');
    expect(decode(0x92, 0xa9, name, 0x81, 0xa1, 0x61, 0xa9, name)).toEqual(["__proto__", { a: "__proto__" }]);
  });

  it("takes keys that __proto__ is only a part of", () => {
    for (const key of [
      "x__proto__",
      " __proto__",
      "12345__proto__",
      "\u0000__proto__",
      "__proto__x",
      "___proto__",
    ])
      expect(roundTrip({ [key]: { [key]: 1 } })).toEqual({ [key]: { [key]: 1 } });
  });

  it("refuses a key of which a lenient library makes __proto__", () => {
    const library = {
      encode: () => Buffer.alloc(0),
      decode: () => expect.unreachable("the library was given the bytes"),
    };
    const lenient = msgpack(undefined, { library });
    const name = crafted(0xa9, Buffer.from("__proto__"));
    for (const key of [
      crafted(0x91, name),
      crafted(0xdc, 0, 1, 0xdd, u32(1), name),
      crafted(0xc7, 9, 5, name.subarray(1)),
    ])
      expect(() => lenient.decode(crafted(0x81, key, 1))).toThrow('a key is "__proto__"');
  });

  it.each([
    ["nothing", [], /cut off/],
    ["bytes behind the value", [0xc0, 0xc0], /1 bytes follow/],
    ["a head that is never used", [0xc1], /unknown kind \(0xc1\)/],
    ["a string that is no UTF-8", [0xa1, 0xff], /not valid UTF-8/],
    ["a long one", [0xd9, 40, Buffer.alloc(39, 0x61), 0xff], /not valid UTF-8/],
    ["an integer that a number cannot hold", [0xcf, u32(2 ** 21), u32(1)], /beyond 2 \*\* 53/],
    ["a negative one", [0xd3, u32(2 ** 31), u32(0)], /beyond 2 \*\* 53/],
    ["an unknown extension", [0xd4, 5, 1], /extension type 5/],
    ["a timestamp of 2 bytes", [0xd5, 0xff, 1, 1], /timestamp of 2 bytes/],
    ["a time beyond the end", [0xc7, 12, 0xff, u32(0), u32(2 ** 30), u32(0)], /no Date can hold/],
    ["a map as a key", [0x81, 0x80, 1], /key must be string or number/],
  ])("refuses %s", (_what, bytes, text) => {
    expect(() => decode(...bytes)).toThrow(text);
  });

  it("gives a value or throws an Error, whatever comes", () => {
    const heads = fc.constantFrom(
      ...Array.from({ length: 64 }, (_, index) => 0xc0 + index),
      0x81,
      0x92,
      0xa3,
    );
    const hostile = fc.array(fc.oneof(heads, fc.integer({ min: 0, max: 255 })), { maxLength: 64 });
    fc.assert(
      fc.property(hostile, (bytes) => {
        try {
          codec.decode(Buffer.from(bytes));
        } catch (error) {
          expect(error).toBeInstanceOf(Error);
        }
      }),
      { numRuns: 5000 },
    );
  });

  it("refuses every message that is cut short, and survives each that has a byte changed", () => {
    fc.assert(
      fc.property(anyValue, fc.nat(), fc.integer({ min: 0, max: 255 }), (message, at, byte) => {
        const encoded = Buffer.from(codec.encode(message));
        if (encoded.length > 1)
          expect(() => codec.decode(encoded.subarray(0, at % encoded.length))).toThrow(Error);
        encoded[at % encoded.length] = byte;
        try {
          codec.decode(encoded);
        } catch (error) {
          expect(error).toBeInstanceOf(Error);
        }
      }),
      { numRuns: 1000 },
    );
  });
});
