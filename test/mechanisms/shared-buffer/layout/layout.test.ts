import { execFileSync } from "node:child_process";
import { describe, expect, expectTypeOf, test } from "vitest";
import { layout, SharedBuffer } from "sluice";

const coded = (code: string): object => expect.objectContaining({ code }) as object;
const stats = layout({
  flag: "bool",
  count: "i64",
  temperature: "f64",
  name: "utf8(32)",
  samples: "f32[3]",
  id: "bytes(4)",
  hits: "u32",
  small: "i8",
});

describe("a layout", () => {
  test("lies as a struct of C does, behind 64 bytes of header", () => {
    using memory = SharedBuffer.create({ size: 4096 });
    const { values } = stats.over(memory, 64);
    values.flag = true;
    values.count = -5n;
    values.temperature = 36.6;
    values.name = "Zoë";
    values.samples = Float32Array.of(0.5, 1.5, 2.5);
    values.id = Uint8Array.of(1, 2, 3, 4);
    values.hits = 4_000_000_000;
    values.small = -1;
    const data = Buffer.from(memory.bytes.subarray(128, 128 + stats.size));
    const format = "@?qd32s3f4sIb";
    const script = `import struct, sys; print(struct.calcsize("${format}"), struct.unpack("${format}", bytes.fromhex(sys.argv[1])[:struct.calcsize("${format}")]))`;
    const seen = execFileSync("python3", ["-c", script, data.toString("hex")], { encoding: "utf8" }).trim();
    expect(seen).toBe(
      `77 (True, -5, 36.6, b'Zo\\xc3\\xab${"\\x00".repeat(28)}', 0.5, 1.5, 2.5, b'\\x01\\x02\\x03\\x04', 4000000000, -1)`,
    );
    expect(stats.size).toBe(80);
    expect(stats.places.samples).toEqual({ type: "f32[3]", offset: 56, size: 12 });
  });

  test("gives typed values, which another map of the memory sees", () => {
    using memory = SharedBuffer.create({ name: `/sluice-layout-${process.pid}`, size: 4096 });
    using other = SharedBuffer.open(memory.name ?? "");
    const [here, there] = [stats.over(memory).values, stats.over(other).values];
    here.name = "a name of exactly 32 bytes, yes!";
    here.count = 2n ** 63n - 1n;
    here.samples[1] = 7;
    expect([there.name, there.count, there.samples[1], there.flag]).toEqual([
      here.name,
      here.count,
      7,
      false,
    ]);
    here.name = "";
    expect({ ...there, samples: [...there.samples], id: [...there.id] }).toEqual({
      flag: false,
      count: 2n ** 63n - 1n,
      temperature: 0,
      name: "",
      samples: [0, 7, 0],
      id: [0, 0, 0, 0],
      hits: 0,
      small: 0,
    });
    expectTypeOf(here.flag).toEqualTypeOf<boolean>();
    expectTypeOf(here.count).toEqualTypeOf<bigint>();
    expectTypeOf(here.temperature).toEqualTypeOf<number>();
    expectTypeOf(here.name).toEqualTypeOf<string>();
    expectTypeOf(here.samples).toEqualTypeOf<Float32Array<ArrayBuffer>>();
    expectTypeOf(here.id).toEqualTypeOf<Uint8Array<ArrayBuffer>>();
  });

  test("has atomic operations on integers", () => {
    using memory = SharedBuffer.create({ size: 4096 });
    const view = stats.over(memory);
    expect([view.add("count", 5n), view.sub("count", 2n), view.exchange("count", 9n)]).toEqual([0n, 5n, 3n]);
    expect([
      view.compareExchange("hits", 1, 2),
      view.compareExchange("hits", 0, 2),
      view.values.hits,
    ]).toEqual([0, 0, 2]);
    expect([view.add("small", 127), view.add("small", 1), view.values.small]).toEqual([0, 127, -128]);
    // @ts-expect-error -- a floating-point number has no atomic operations
    expect(() => view.add("temperature", 1)).toThrow(TypeError);
    // @ts-expect-error -- a bigint is asked for
    expect(() => view.add("count", 1)).toThrow(TypeError);
    expect(() => view.add("hits", -1)).toThrow(RangeError);
    // @ts-expect-error -- there is no such field
    expect(() => view.add("none", 1)).toThrow("none");
  });

  test("is refused where there is another one, another version or something else", () => {
    using memory = SharedBuffer.create({ size: 4096 });
    const fields = { count: "i64" } as const;
    layout(fields, { version: 2 }).over(memory);
    layout(fields, { version: 2 }).over(memory);
    for (const other of [layout(fields), layout({ count: "u64" }), layout({ total: "i64" })]) {
      expect(() => other.over(memory)).toThrow(coded("ERR_INVALID_MESSAGE"));
      expect(() => other.over(memory)).toThrow("version 2, 8 bytes");
    }
    memory.mutex(1024);
    expect(() => layout(fields).over(memory, 1024)).toThrow("a mutex");
    expect(() => layout(fields).over(memory, 8)).toThrow(RangeError);
    expect(() => layout({ many: "f64[1000]" }).over(memory)).toThrow("room");
    expect(() => layout(fields).over({} as never)).toThrow("SharedBuffer");
    memory.close();
    expect(() => layout(fields).over(memory)).toThrow("closed");
  });

  test.each<[string, unknown]>([
    ["fields", undefined],
    ["fields", []],
    ["fields", {}],
    ["fields.a", { a: "i128" }],
    ["fields.a", { a: "utf8" }],
    ["fields.a", { a: "utf8(0)" }],
    ["fields.a", { a: "utf8[3]" }],
    ["fields.a", { a: "f32(3)" }],
    ["fields.a", { a: "f32[1.5]" }],
    ["fields.a", { a: 5 }],
    ["fields.a", { a: "toString" }],
  ])("refuses wrong %s: %j", (name, fields) => {
    expect(() => layout(fields as never)).toThrow(TypeError);
    expect(() => layout(fields as never)).toThrow(name);
    // @ts-expect-error -- no type of a field
    expect(() => layout({ a: "i7" })).toThrow(TypeError);
    expect(() => layout({ a: "i8" }, { version: -1 })).toThrow(RangeError);
  });

  test.each<[string, unknown]>([
    ["flag", 1],
    ["count", 1],
    ["count", 2n ** 63n],
    ["temperature", "1"],
    ["name", 5],
    ["name", "é".repeat(17)],
    ["name", "a\0b"],
    ["samples", [1, 2]],
    ["samples", 1],
    ["samples", [1, 2, "3"]],
    ["id", [1, 2, 3, 4]],
    ["id", new Uint8Array(5)],
    ["hits", 2 ** 32],
    ["hits", 1.5],
    ["small", 128],
  ])("refuses to put a wrong value into %s: %o", (name, value) => {
    using memory = SharedBuffer.create({ size: 4096 });
    const { values } = stats.over(memory);
    expect(() => {
      (values as Record<string, unknown>)[name] = value;
    }).toThrow(name);
  });
});
