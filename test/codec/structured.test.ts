import { deserialize, serialize } from "node:v8";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { structured } from "../../src/codec/index.js";

const codec = structured();
const encode = (message: unknown): Buffer => Buffer.from(codec.encode(message));
const roundTrip = (message: unknown): unknown => codec.decode(encode(message));

/** A number as V8's format writes it. */
function varint(number: number): number[] {
  const bytes: number[] = [];
  for (; number > 0x7f; number = Math.floor(number / 128)) bytes.push((number % 128) | 0x80);
  return [...bytes, number];
}

/** A message of these bytes, behind the head of V8's format. */
const crafted = (...bytes: number[]): Buffer => Buffer.from([0xff, 15, ...bytes]);
const tag = (character: string): number => character.charCodeAt(0);
const holes = (length: number): number[] => [tag("a"), ...varint(length), tag("@"), 0, ...varint(length)];

/** All that decode does with hostile bytes: it gives a value or throws an Error. */
function decodesOrThrows(bytes: Buffer): void {
  try {
    codec.decode(bytes);
  } catch (error) {
    expect(error).toBeInstanceOf(Error);
  }
}

const anyValue = fc.anything({
  maxDepth: 4,
  withBigInt: true,
  withDate: true,
  withMap: true,
  withSet: true,
  withSparseArray: true,
  withTypedArray: true,
  stringUnit: "binary",
  withBoxedValues: true,
});

/** fast-check makes arrays with holes of any length, and properties of any name: what is refused of them has tests of its own. */
function encodable(message: unknown): boolean {
  try {
    codec.encode(message);
    return true;
  } catch (error) {
    expect(String(error)).toMatch(/arrays with holes|a property is called "__proto__"/);
    return false;
  }
}

describe("structured()", () => {
  it("gives back every value that structured clone can copy", () => {
    fc.assert(
      fc.property(anyValue.filter(encodable), (message) => {
        expect(roundTrip(message)).toEqual(structuredClone(message));
      }),
      { numRuns: 500 },
    );
  });

  it("keeps what JSON loses", () => {
    const message = {
      none: undefined,
      big: -(2n ** 70n),
      when: new Date(5),
      pattern: /a+\u20ac/giu,
      numbers: [Number.NaN, -0, Infinity, [, 1]],
      wide: "\u20ac\ud800",
      map: new Map<unknown, unknown>([[{ key: 1 }, new Set(["a"])]]),
      boxed: [Object(true), Object(7), Object(7n), Object("s")] as unknown[],
    };
    expect(roundTrip(message)).toEqual(message);
  });

  it("takes an array that loses an element while it is encoded", () => {
    const shrinking: unknown[] = [
      {
        get last(): boolean {
          shrinking.length = 1;
          return true;
        },
      },
      2,
    ];
    const received = roundTrip(shrinking) as unknown[];
    expect(received).toHaveLength(2);
    expect(received[0]).toEqual({ last: true });
    expect(1 in received).toBe(false);
  });

  it("keeps cycles and shared references", () => {
    const shared = { name: "shared" };
    const message: { list: unknown[]; self?: unknown } = { list: [shared, shared] };
    message.self = message;
    const received = roundTrip(message) as typeof message;
    expect(received.self).toBe(received);
    expect(received.list[0]).toBe(received.list[1]);
  });

  it("keeps errors with their class, message and stack", () => {
    const sent = new RangeError("too far");
    const received = roundTrip(sent);
    expect(received).toBeInstanceOf(RangeError);
    expect(received).toMatchObject({ message: "too far", stack: sent.stack });
  });

  it("keeps the cause of an error, down to the first", () => {
    const received = roundTrip(
      new Error("outer", { cause: new TypeError("inner", { cause: { code: 7 } }) }),
    ) as Error;
    expect(received.cause).toBeInstanceOf(TypeError);
    expect((received.cause as Error).cause).toEqual({ code: 7 });
  });

  it("keeps views of every kind, in memory of their own", () => {
    const kinds: (new (memory: ArrayBuffer, byteOffset: number, length: number) => ArrayBufferView)[] = [
      Int8Array,
      Uint8Array,
      Uint8ClampedArray,
      Int16Array,
      Uint16Array,
      Int32Array,
      Uint32Array,
      Float32Array,
      Float64Array,
      DataView,
      BigInt64Array,
      BigUint64Array,
    ];
    for (const Kind of kinds) {
      const memory = Uint8Array.from({ length: 32 }, (_, index) => index).buffer;
      const length = 16 / new Kind(memory, 8, 1).byteLength;
      const received = roundTrip([new Kind(memory, 8, length)]) as ArrayBufferView[];
      expect(received[0]).toBeInstanceOf(Kind);
      expect(received[0]!.byteOffset).toBe(0);
      expect(Buffer.from(received[0]!.buffer as ArrayBuffer)).toEqual(Buffer.from(memory, 8, 16));
    }
  });

  it("gives a Buffer that shows nothing of the memory that its message came in", () => {
    const encoded = encode({ data: Buffer.from("mine") });
    const slab = Buffer.concat([Buffer.from("another's"), encoded, Buffer.from("another's")]);
    const { data } = codec.decode(slab.subarray(9, 9 + encoded.length)) as { data: Buffer };
    expect(Buffer.isBuffer(data)).toBe(true);
    expect(data.toString()).toBe("mine");
    expect(data.buffer.byteLength).toBe(4);
  });

  it("sends of a view only the bytes that it shows", () => {
    const secretive = Buffer.from("secret mine secret");
    expect(encode(secretive.subarray(7, 11)).includes("secret")).toBe(false);
  });

  it("reads what v8.serialize wrote in another program", () => {
    expect(codec.decode(serialize({ a: [1, "\u20ac"], b: new Map([[1, 2]]) }))).toEqual({
      a: [1, "\u20ac"],
      b: new Map([[1, 2]]),
    });
  });

  it.each([
    ["a function", () => 7, /could not be cloned/],
    ["a function within an object", { run: () => 7 }, /could not be cloned/],
    ["a symbol", Symbol("s"), /could not be cloned/],
    ["a promise", Promise.resolve(), /could not be cloned/],
    ["a WeakMap", new WeakMap(), /could not be cloned/],
    ["a Proxy", new Proxy({}, {}), /could not be cloned/],
    ["a SharedArrayBuffer", new SharedArrayBuffer(8), /could not be cloned/],
    ["an object of the host", new MessageChannel().port1, /Unserializable host object/],
    ["a getter that throws", { get broken(): never { throw new Error("no value"); } }, /no value/], // prettier-ignore
  ])("refuses %s with a TypeError", (_what, message, reason) => {
    expect(() => codec.encode(message)).toThrow(TypeError);
    expect(() => codec.encode(message)).toThrow(reason);
  });

  it("refuses a resizable ArrayBuffer", () => {
    const Resizable = ArrayBuffer as unknown as new (
      size: number,
      options: { maxByteLength: number },
    ) => ArrayBuffer;
    expect(() => codec.encode(new Resizable(8, { maxByteLength: 16 }))).toThrow(/resizable ArrayBuffer/);
  });

  it("takes a thousand objects within each other and refuses more, on either side", () => {
    const nested = (levels: number): unknown => {
      let value: unknown = null;
      for (let level = 0; level < levels; level++) value = [value];
      return value;
    };
    expect(roundTrip(nested(999))).toEqual(nested(999));
    expect(() => codec.encode(nested(1000))).toThrow(/more than 1000 objects within each other/);
    expect(() => codec.decode(serialize(nested(1000)))).toThrow(/more than 1000 objects/);
    expect(() => codec.encode(nested(100_000))).toThrow(TypeError);
    const opened = Buffer.concat([crafted(), Buffer.alloc(200_000, Buffer.of(tag("A"), 1))]);
    expect(() => codec.decode(opened)).toThrow(/1000 objects/);
  });

  it("refuses a property called __proto__ on either side, in every form in which V8 reads a string", () => {
    const poisoned: unknown = JSON.parse('[[1, {"a": {"__proto__": {"admin": true}}}]]');
    expect(() => codec.encode(poisoned)).toThrow('a property is called "__proto__"');
    expect(() => codec.decode(serialize(poisoned))).toThrow('a property is called "__proto__"');
    const listed = Object.defineProperty([1], "__proto__", { value: {}, enumerable: true });
    expect(() => codec.decode(serialize(listed))).toThrow('a property is called "__proto__"');
    const name = Buffer.from("__proto__");
    const wide = Buffer.from("__proto__", "utf16le");
    const keys = [
      [tag('"'), 9, ...name],
      [tag("S"), 9, ...name],
      [tag("c"), 18, ...wide],
      [0, tag("c"), 18, ...wide],
      // A length of two bytes where one would do.
      [tag('"'), 0x89, 0, ...name],
    ];
    for (const key of keys)
      expect(() => codec.decode(crafted(tag("o"), ...key, tag("_"), tag("{"), 1))).toThrow("__proto__");
  });

  it("takes the text __proto__ where it is no name of a property", () => {
    const message = [
      "__proto__",
      { key: "__proto__", __proto: 1 },
      new Map([["__proto__", new Set(["__proto__"])]]),
    ];
    expect(roundTrip(message)).toEqual(message);
  });
});

describe("structured() and hostile bytes", () => {
  it("refuses an array of millions of holes without taking memory for it", () => {
    const before = process.memoryUsage().heapUsed;
    for (const length of [100_000, 30_000_000, 0xffff_ffff]) {
      expect(() => codec.decode(crafted(...holes(length)))).toThrow(/arrays with holes that are too long/);
    }
    const many = Array<number[]>(1000).fill(holes(60_000)).flat();
    expect(() =>
      codec.decode(crafted(tag("A"), ...varint(1000), ...many, tag("$"), 0, ...varint(1000))),
    ).toThrow(/with holes/);
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(8 * 1024 * 1024);
  });

  it.each([
    ["a number", [tag("I"), ...varint(2 * 999)]],
    ["a number of 32 bits", [tag("U"), ...varint(0xffff_fffe)]],
    ["a double", [tag("N"), ...Buffer.from(new Float64Array([999]).buffer)]],
    ["a string", [tag('"'), 10, ...Buffer.from("4294967294")]],
    ["a string of UTF-8", [tag("S"), 3, ...Buffer.from("999")]],
    ["a wide string", [tag("c"), 6, ...Buffer.from("999", "utf16le")]],
  ])(
    "refuses an element behind the end of its array, which would make it as long, where its key is %s",
    (_, key) => {
      const value = [tag("I"), 2];
      const sparse = crafted(tag("a"), 3, ...key, ...value, tag("@"), 1, 3);
      const dense = crafted(tag("A"), 1, ...value, ...key, ...value, tag("$"), 1, 1);
      for (const bytes of [sparse, dense]) {
        expect(deserialize(bytes), "V8 does not refuse it").toHaveProperty(
          "length",
          expect.toSatisfy((length) => length >= 1000),
        );
        expect(() => codec.decode(bytes)).toThrow(/has an element behind its end/);
      }
    },
  );

  it("takes the properties of an array that are no elements", () => {
    const names = { "07": 1, "-1": 2, "1.5": 3, "4294967295": 4, "99999999999": 5, "": 6, é9: 7, "９": 8 };
    for (const message of [Object.assign([1, 2], names), Object.assign([1, , 3], names), { 999: names }])
      expect(roundTrip(message)).toEqual(message);
  });

  it("still takes the arrays with holes that programs make", () => {
    const message = [new Array(60_000), Array.from(new Array<number>(5000), (_, index) => index)];
    expect(roundTrip(message)).toEqual(message);
    const filled = new Array<number>(200_000).fill(1);
    expect(roundTrip(filled)).toEqual(filled);
    const tooLong = new Array<number>(5_000_000);
    expect(() => codec.encode(tooLong)).toThrow(/arrays with holes .* length of 5000000/);
  });

  it.each([
    ["nothing", Buffer.alloc(0)],
    ["a head alone", crafted()],
    ["no head", Buffer.from("hello")],
    ["an old format", Buffer.from([0xff, 9, tag("0")])],
    ["a format to come", Buffer.from([0xff, 200, tag("0")])],
    ["bytes behind the value", crafted(tag("0"), tag("0"))],
    ["a string longer than the message", crafted(tag('"'), ...varint(0x7fffffff), 65)],
    ["a length of more than 32 bits", crafted(tag('"'), 0x80, 0x80, 0x80, 0x80, 0x10)],
    ["a length without end", crafted(tag('"'), 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff)],
    ["an ArrayBuffer longer than the message", crafted(tag("B"), ...varint(0xffffffff))],
    ["a resizable ArrayBuffer of 4 GiB", crafted(tag("~"), 0, ...varint(0xffffffff))],
    ["a SharedArrayBuffer by its number", crafted(tag("u"), 0)],
    ["a shared object by its number", crafted(tag("p"), 0)],
    ["a WebAssembly module by its number", crafted(tag("w"), 0)],
    ["a transferred ArrayBuffer by its number", crafted(tag("t"), 0)],
    ["V8's own kind of view", crafted(tag("B"), 4, 1, 2, 3, 4, tag("V"), tag("B"), 0, 4, 0)],
    ["a view of an unknown kind", crafted(tag("\\"), 99, 0)],
    ["a view longer than the message", crafted(tag("\\"), 10, ...varint(0x7fffffff))],
    ["a view with half an element", crafted(tag("\\"), 8, 4, 1, 2, 3, 4)],
    ["a reference to nothing", crafted(tag("^"), 7)],
    ["a RegExp with unknown flags", crafted(tag("R"), tag('"'), 1, 65, ...varint(0xffff))],
    ["a RegExp that cannot be parsed", crafted(tag("R"), tag('"'), 1, tag("("), 0)],
    ["an object that does not end", crafted(tag("o"), tag("I"), 2)],
    ["a wrong count of properties", crafted(tag("o"), tag("{"), 7)],
    ["an Error of unknown form", crafted(tag("r"), tag("?"))],
  ])("refuses %s", (_what, bytes) => {
    expect(() => codec.decode(bytes)).toThrow(Error);
  });

  it("refuses a length of more than 32 bits, of which V8 would see only a part", () => {
    expect(() => codec.decode(crafted(tag("A"), 0x80, 0x80, 0x80, 0x80, 0x10, tag("$"), 0, 0))).toThrow(
      /32 bits/,
    );
    expect(() => codec.decode(crafted(tag("U"), 0xff, 0xff, 0xff, 0xff, 0x1f))).toThrow(/32 bits/);
    expect(codec.decode(crafted(tag("U"), 0xff, 0xff, 0xff, 0xff, 0x0f))).toBe(0xffff_ffff);
  });

  it("refuses every message that is cut off or goes on", () => {
    const message = encode({
      text: "\u20ac",
      list: [1, , 2.5],
      view: Buffer.from("x"),
      error: new Error("e"),
      map: new Map([[1, /x/]]),
    });
    for (let length = 0; length < message.length; length++) {
      expect(() => codec.decode(message.subarray(0, length))).toThrow(Error);
    }
    expect(() => codec.decode(Buffer.concat([message, Buffer.of(0)]))).toThrow(/1 bytes follow/);
  });

  it("survives random bytes behind a right head", () => {
    const tags = fc.constantFrom(..."_0TFIUNDZS\"coa A{@$;:',Bryxnzs R^\\r.-~V".split("").map(tag));
    const noise = fc.array(fc.oneof(tags, fc.integer({ min: 0, max: 255 })), { maxLength: 60 });
    fc.assert(
      fc.property(noise, fc.integer({ min: 10, max: 16 }), (bytes, version) => {
        decodesOrThrows(Buffer.from([0xff, version, ...bytes]));
      }),
      { numRuns: 20_000 },
    );
  });

  it("survives good messages in which bytes were changed", () => {
    const changes = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), {
      minLength: 1,
      maxLength: 4,
    });
    fc.assert(
      fc.property(anyValue.filter(encodable), changes, (message, edits) => {
        const bytes = encode(message);
        for (const [at, byte] of edits) bytes[at % bytes.length] = byte;
        decodesOrThrows(bytes);
      }),
      { numRuns: 3000 },
    );
  });
});
