// The record that one writes and many read: its steps in every order, and those of SharedRecord compared with them.
import { describe, expect, test } from "vitest";
import { READS_EACH_TIME } from "../../../src/mechanisms/shared-buffer/memory-order.js";
import { SEQUENCE } from "../../../src/mechanisms/shared-buffer/layout/record-protocol.js";
import { layout, SharedBuffer } from "../../../src/index.js";
import { atLength } from "../../support/campaign.js";
import type { Explored } from "../../support/model/explore.js";
import { checked } from "../../support/model/figures.js";
import type { Order } from "../../support/model/memory.js";
import {
  inSequence,
  RECORD_WORDS,
  recordAt,
  recordCode,
  recordReader,
  recordWriter,
} from "../../support/model/record.js";
import type { Changes } from "../../support/model/variant.js";

const timeout = 1_200_000;
/** Sequences are signed numbers of 32 bits: soon after this one they wrap. */
const BEGIN = 0x7fff_fffe;

interface Setting {
  readonly writes: number;
  /** Of each reader: how often it reads. */
  readonly reads: readonly number[];
  readonly order?: Order;
  readonly deaths?: number;
}

async function check(what: string, setting: Setting, faults: Changes[string] = []): Promise<Explored> {
  const { writes, reads, order = "sequential", deaths = 0 } = setting;
  const code = await recordCode(order !== "arm64", faults);
  return checked(`record: ${what}`, {
    words: RECORD_WORDS,
    initial: recordAt(BEGIN),
    processes: [recordWriter(code, writes), ...reads.map((count) => recordReader(code, count))],
    specification: inSequence(reads.length + 1, BEGIN),
    mortal: [1],
    order,
    deaths,
  });
}

const short: readonly (readonly [string, Setting])[] = [
  ["three writes and a reader", { writes: 3, reads: [2] }],
  ["a writer who may die", { writes: 3, reads: [2], deaths: 1 }],
  ["two readers", { writes: 2, reads: [1, 1] }],
  ["stores that arrive late (x64)", { writes: 2, reads: [1], order: "x64" }],
];

const long: readonly (readonly [string, Setting])[] = [
  ["two readers who read twice", { writes: 2, reads: [2, 2] }],
  ["three writes on x64", { writes: 3, reads: [2], order: "x64" }],
  ["stores that arrive late, loads that are early (arm64)", { writes: 2, reads: [1], order: "arm64" }],
];

describe("a record, in every order of the steps, is read whole and never goes back, with", () => {
  test.each(atLength ? [...short, ...long] : short)("%s", { timeout }, async (what, setting) => {
    const { states } = await check(what, setting);
    expect(states).toBeGreaterThan(100);
  });
});

describe("the check of the record finds the fault when", () => {
  test.each([
    ["a reader does not look a second time", "return words[SEQUENCE] === sequence;", "return true;", /torn/],
    [
      "the sequence is stored where the writer begins",
      "return Atomics.load(words, SEQUENCE);",
      "return Atomics.add(words, SEQUENCE, 1);",
      /torn/,
    ],
  ])("%s", { timeout }, async (what, from, to, error) => {
    await expect(check(what, { writes: 3, reads: [1] }, [[from, to]])).rejects.toThrow(error);
  });

  // The fences that only this CPU needs.
  test.each([
    [
      "the second look may come before the fields are read",
      "if (!READS_IN_ORDER) Atomics.store(fence, 0, 0);",
      "",
    ],
    [
      "a write may begin before the last one is seen",
      "return Atomics.load(words, SEQUENCE);",
      "return words[SEQUENCE] ?? 0;",
    ],
  ])("%s (arm64)", { timeout }, async (what, from, to) => {
    const setting: Setting = { writes: 2, reads: [1], order: "arm64" };
    await expect(check(what, setting, [[from, to]])).rejects.toThrow(/torn/);
  });
});

test("SharedRecord does the steps of the model, in the model's order", () => {
  using memory = SharedBuffer.create({ size: 4096 });
  const record = memory.record(layout({ first: "i32", second: "i32" }));
  record.write({ first: 1, second: 2 });
  const words = memory.view(Int32Array, 0, 1024);
  const steps: string[] = [];
  const { load, store } = Atomics;
  const fields = (): string => [16, 17, 32, 33].map((index) => words[index]).join();
  // What the copies hold at each look at the sequence, and at each change of it.
  Atomics.load = ((array: Int32Array, index: number) => {
    if (index === SEQUENCE) steps.push(`loads ${load(array, index)} at ${fields()}`);
    return load(array, index);
  }) as typeof Atomics.load;
  Atomics.store = ((array: Int32Array, index: number, value: number) => {
    if (index === SEQUENCE) steps.push(`stores ${value} at ${fields()}`);
    return store(array, index, value);
  }) as typeof Atomics.store;
  try {
    record.write({ second: 3 });
    expect(record.read()).toEqual({ first: 1, second: 3 });
  } finally {
    Object.assign(Atomics, { load, store });
  }
  expect(steps.slice(0, 2)).toEqual(["loads 1 at 0,0,1,2", "stores 2 at 1,3,1,2"]);
  // On x64 both looks of a reader are plain reads: that he looks again, and when, the next test shows.
  const looks = READS_EACH_TIME ? [] : ["loads 2 at 1,3,1,2", "loads 2 at 1,3,1,2"];
  expect(steps.slice(2)).toEqual(looks);
});

test("a reader of SharedRecord looks at the sequence before the fields and after them", () => {
  using memory = SharedBuffer.create({ size: 4096 });
  const record = memory.record(layout({ first: "i32", second: "i32" }));
  record.write({ first: 1, second: 1 });
  const seen: string[] = [];
  const result = record.read((values) => {
    const { first } = values;
    // What another process might do here: it comes round to the copy that is being read.
    for (let write = 2; seen.length === 0 && write <= 3; write++)
      record.write({ first: write, second: write });
    seen.push(`${first} and ${values.second}`);
    return values.second;
  });
  expect(seen).toEqual(["1 and 3", "3 and 3"]);
  expect(result).toBe(3);
});
