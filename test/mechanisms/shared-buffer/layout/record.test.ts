import { rmSync } from "node:fs";
import { afterEach, describe, expect, test } from "vitest";
import { layout, SharedBuffer, SharedRecord } from "sluice";
import {
  beginRead,
  beginWrite,
  endRead,
  endWrite,
} from "../../../../src/mechanisms/shared-buffer/layout/record-protocol.js";
import { startPeer } from "../../../support/child.js";
import { explore, type ModelProcess } from "../../../support/model/explore.js";

const coded = (code: string): object => expect.objectContaining({ code }) as object;
const shape = layout({ first: "u32", second: "f64", many: "i32[100]", last: "i64" });
let number = 0;
const names: string[] = [];
function newMemory(): SharedBuffer & { readonly name: string } {
  const name = `/sluice-record-${process.pid}-${++number}`;
  names.push(name);
  return SharedBuffer.create({ name, size: 4096 }) as SharedBuffer & { readonly name: string };
}
afterEach(() => {
  for (const name of names.splice(0)) rmSync(`/dev/shm${name}`, { force: true });
});

describe("a record", () => {
  test("is read as the last write has left it", () => {
    using memory = newMemory();
    using other = SharedBuffer.open(memory.name);
    const [writer, reader] = [memory.record(shape), other.record(shape)];
    expect(reader.read()).toEqual({ first: 0, second: 0, many: new Int32Array(100), last: 0n });
    const many = Int32Array.from({ length: 100 }, (_, index) => index);
    writer.write({ first: 1, second: 1.5, many, last: -1n });
    const before = reader.read();
    writer.write({ last: 7n, first: undefined });
    expect(before).toEqual({ first: 1, second: 1.5, many, last: -1n });
    expect(reader.read()).toEqual({ first: 1, second: 1.5, many, last: 7n });
    expect(reader.read(({ first, many: [, second] }) => first + (second ?? 0))).toBe(2);
    expect([reader.sequence, reader.hasWriter, writer.hasWriter]).toEqual([2, true, true]);
    expect(SharedRecord.bytes(shape)).toBe(64 + 2 * 448);
  });

  test("keeps what it was when a write is refused", () => {
    using memory = newMemory();
    const record = memory.record(shape);
    record.write({ first: 5 });
    for (const wrong of [{ first: -1 }, { many: [1] }, { last: 5 }, { other: 1 }, 7, null]) {
      expect(() => {
        record.write(wrong as never);
      }).toThrow(/TypeError|RangeError|must/);
    }
    expect([record.read().first, record.sequence]).toEqual([5, 1]);
    expect(() =>
      record.read((values) => {
        (values as { first: number }).first = 6;
      }),
    ).toThrow(TypeError);
    expect(() =>
      record.read(() => {
        throw new Error("of the visitor");
      }),
    ).toThrow("of the visitor");
  });

  test("has one writer at a time, until it releases, closes or dies", async () => {
    using memory = newMemory();
    const other = SharedBuffer.open(memory.name);
    const record = memory.record(shape);
    other.record(shape).write({ first: 1 });
    expect(() => {
      record.write({ first: 2 });
    }).toThrow(coded("ERR_ADDRESS_IN_USE"));
    record.release();
    other.record(shape).release();
    record.write({ first: 2 });
    record.release();
    other.record(shape).write({ first: 3 });
    other.close();
    expect(record.hasWriter).toBe(false);
    record.write({ second: 4 });
    expect([record.read().first, record.read().second]).toEqual([3, 4]);
    record.release();
    await using writer = startPeer("shared-buffer/record-peer", [memory.name, "write"]);
    await writer.expectLine("ready");
    while (!record.hasWriter) await new Promise(setImmediate);
    writer.kill("SIGKILL");
    await writer.exit;
    record.write({ first: 1 });
    expect(record.read().first).toBe(1);
  });

  test(
    "is never seen in part, by readers in other processes, while writers write without a pause and are killed",
    { timeout: 60_000 },
    async () => {
      using memory = newMemory();
      const record = memory.record(shape);
      await using first = startPeer("shared-buffer/record-peer", [memory.name, "read"]);
      await using second = startPeer("shared-buffer/record-peer", [memory.name, "read"]);
      await Promise.all([first.expectLine("ready"), second.expectLine("ready")]);
      for (let round = 0; round < 4; round++) {
        await using writer = startPeer("shared-buffer/record-peer", [memory.name, "write"]);
        await writer.expectLine("ready");
        const before = record.sequence;
        while (record.sequence - before < 1000) await new Promise(setImmediate);
        writer.kill("SIGKILL");
        await writer.exit;
        // Whatever it was doing, its last whole write is there.
        const { first: value, second: same, last, many } = record.read();
        expect([same, last, many[99]]).toEqual([value, BigInt(value), value]);
      }
      await Promise.all([first.expectLine("many"), second.expectLine("many")]);
    },
  );

  test(
    "is read again where the writer came in between, also by code that V8 has compiled in full",
    { timeout: 60_000 },
    async () => {
      using memory = newMemory();
      const record = memory.record(shape);
      let visits = 0;
      const isWhole = ({ first, second, last }: { first: number; second: number; last: bigint }): boolean => {
        visits++;
        return second === first && last === BigInt(first);
      };
      // Nobody writes: each read is one visit, and is compiled as such.
      for (let reads = 0; reads < 200_000; reads++) if (!record.read(isWhole)) throw new Error("torn");
      expect(visits).toBe(200_000);
      await using writer = startPeer("shared-buffer/record-peer", [memory.name, "write"]);
      await writer.expectLine("ready");
      let reads = visits;
      let torn = 0;
      while (visits - reads < 100) {
        for (let count = 0; count < 100_000; count++) {
          if (!record.read(isWhole)) torn++;
          reads++;
        }
      }
      expect(torn).toBe(0);
    },
  );

  test("is refused with another layout, at other data, and after close", () => {
    using memory = newMemory();
    memory.record(shape, 1024);
    expect(() => memory.record(layout({ first: "u32" }), 1024)).toThrow(coded("ERR_INVALID_MESSAGE"));
    expect(() => memory.mutex(1024)).toThrow("a record");
    expect(() => memory.record({} as never)).toThrow("layout must be");
    expect(() => memory.record(shape, 3968)).toThrow(RangeError);
    const closed = newMemory();
    const record = closed.record(shape);
    let visits = 0;
    const closing = (): number => {
      closed.close();
      return ++visits;
    };
    expect(() => record.read(closing)).toThrow("closed");
    expect(visits).toBe(1);
    expect(() => record.read()).toThrow("closed");
    expect(() => {
      record.write({});
    }).toThrow("closed");
    record.release();
  });
});

// The words of the data are read and written by steps of their own, as the CPU does.
const [EVEN, ODD] = [8, 10];

function write(process: ModelProcess): void {
  for (let value = 1; value <= 4; value++) {
    const sequence = beginWrite(process.words);
    const copy = (sequence & 1) === 0 ? ODD : EVEN;
    Atomics.store(process.words, copy, value);
    Atomics.store(process.words, copy + 1, value);
    endWrite(process.words, sequence);
    process.tell(`has written ${value}`);
  }
}

function read(process: ModelProcess): void {
  for (let attempt = 0; attempt < 3; attempt++) {
    const sequence = beginRead(process.words);
    const copy = (sequence & 1) === 0 ? EVEN : ODD;
    const values = [Atomics.load(process.words, copy), Atomics.load(process.words, copy + 1)];
    if (!endRead(process.words, sequence)) continue;
    process.tell(`has read ${values.join()}`);
    return;
  }
}

test("a record is never seen in part, in every order of the steps of a writer, who may die, and a reader", () => {
  const { states } = explore<{ written: number }>({
    words: 12,
    processes: [write, read],
    deaths: 1,
    specification: {
      facts: { written: 0 },
      event(facts, _id, event) {
        if (event.startsWith("has written")) return { written: Number(event.split(" ")[2]) };
        const [first, second] = (event.split(" ")[2] ?? "").split(",");
        if (first !== second) throw new Error(`torn: ${String(first)} and ${String(second)}`);
        return facts;
      },
      death: (facts) => facts,
    },
  });
  expect(states).toBeGreaterThan(100);
});
