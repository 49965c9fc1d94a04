import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Deque } from "../../src/core/deque.js";

type Step =
  | { readonly kind: "push" | "pushAll" | "shiftMany"; readonly value: number }
  | { readonly kind: "shift" | "clear" };

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("push" as const), value: fc.integer() }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("pushAll" as const), value: fc.nat(64) }) },
  { weight: 5, arbitrary: fc.constant<Step>({ kind: "shift" }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("shiftMany" as const), value: fc.nat(20) }) },
  { weight: 1, arbitrary: fc.constant<Step>({ kind: "clear" }) },
);

describe("Deque", () => {
  it("does what an array does, whatever the order of calls", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const deque = new Deque<number>();
        const model: number[] = [];
        for (const each of steps) {
          if (each.kind === "push") {
            deque.push(each.value);
            model.push(each.value);
          } else if (each.kind === "pushAll") {
            const slots = Array.from({ length: 64 }, (_, index) => (index < each.value ? index : undefined));
            model.push(...Array.from({ length: each.value }, (_, index) => index));
            const empty = deque.pushAll(slots, each.value);
            expect([0, 2 ** Math.round(Math.log2(empty.length))]).toContain(empty.length);
            expect(empty.every((slot) => slot === undefined)).toBe(true);
          } else if (each.kind === "shift") expect(deque.shift()).toBe(model.shift());
          else if (each.kind === "shiftMany") {
            const count = Math.min(each.value, model.length);
            expect(deque.shiftMany(count)).toEqual(model.splice(0, count));
          } else {
            deque.clear();
            model.length = 0;
          }
          expect(deque.length).toBe(model.length);
          expect([0, 1, model.length - 1, model.length].map((index) => deque.at(Math.max(0, index)))).toEqual(
            [0, 1, model.length - 1, model.length].map((index) => model[Math.max(0, index)]),
          );
        }
      }),
    );
  });

  it("keeps the order when it grows while its contents lie across the end of the ring", () => {
    const deque = new Deque<number>();
    for (let value = 0; value < 16; value++) deque.push(value);
    for (let value = 0; value < 10; value++) expect(deque.shift()).toBe(value);
    for (let value = 16; value < 60; value++) deque.push(value);
    for (let value = 10; value < 60; value++) expect(deque.shift()).toBe(value);
    expect(deque.shift()).toBeUndefined();
  });

  it("leaves to the taker what he has taken, also when that was all", () => {
    const deque = new Deque<number>();
    const taken: number[][] = [];
    for (let round = 0; round < 100; round++) {
      for (let value = 0; value < round; value++) deque.push(value);
      taken.push(deque.shiftMany(round));
    }
    taken[40]?.push(-1);
    expect(taken.map((list) => list.length)).toEqual(
      Array.from({ length: 100 }, (_, round) => round + (round === 40 ? 1 : 0)),
    );
    expect(taken.every((list, round) => list.slice(0, round).every((value, index) => value === index))).toBe(
      true,
    );
    expect(deque.length).toBe(0);
  });

  it("lets go of what was taken", async () => {
    const deque = new Deque<object>();
    const kept: WeakRef<object>[] = [];
    for (let index = 0; index < 100; index++) {
      const element = { index };
      kept.push(new WeakRef(element));
      deque.push(element);
      deque.shift();
    }
    const { setFlagsFromString } = await import("node:v8");
    const { runInNewContext } = await import("node:vm");
    setFlagsFromString("--expose-gc");
    const collect = runInNewContext("gc") as () => void;
    // A WeakRef holds its target until the end of the turn in which it was made or read.
    await new Promise((resolve) => setImmediate(resolve));
    collect();
    expect(kept.filter((reference) => reference.deref() !== undefined).length).toBeLessThan(5);
    expect(deque.length).toBe(0);
  });
});
