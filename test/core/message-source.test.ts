import { describe, expect, it } from "vitest";
import { sourceOf } from "../../src/core/message-source.js";

const encode = (message: unknown): Uint8Array => {
  if (typeof message !== "number") throw new TypeError(`no message: ${String(message)}`);
  return Uint8Array.of(message);
};

function all(messages: Iterable<unknown>): number[] {
  const { next } = sourceOf(messages, encode);
  const seen: number[] = [];
  for (let bytes = next(); bytes !== undefined; bytes = next()) seen.push(bytes[0] ?? -1);
  return seen;
}

describe("the messages of sendMany", () => {
  it("come in the order of their iterable", () => {
    expect(all([1, 2, 3])).toEqual([1, 2, 3]);
    expect(all(new Set([3, 2, 1]))).toEqual([3, 2, 1]);
    expect(all([])).toEqual([]);
  });

  it("are asked for one at a time, so that an array that grows or shrinks meanwhile is seen as its iterator sees it", () => {
    const list = [1, 2];
    const { next } = sourceOf(list, encode);
    expect(next()).toEqual(Uint8Array.of(1));
    list.push(3);
    expect([next(), next(), next()]).toEqual([Uint8Array.of(2), Uint8Array.of(3), undefined]);
    const shrinking = [4, 5, 6];
    const rest = sourceOf(shrinking, encode);
    rest.next();
    shrinking.length = 1;
    expect(rest.next()).toBeUndefined();
  });

  it("are those of an array's own iterator, if it has one", () => {
    class Doubled extends Array<number> {
      override *[Symbol.iterator](): ArrayIterator<number> {
        for (let index = 0; index < this.length; index++) yield 2 * (this[index] ?? 0);
      }
    }
    expect(all(Doubled.of(1, 2, 3))).toEqual([2, 4, 6]);
    const own = Object.assign([1, 2], { [Symbol.iterator]: () => [7][Symbol.iterator]() });
    expect(all(own)).toEqual([7]);
  });

  it("are undefined where an array has holes, which no codec takes for the end", () => {
    const { next } = sourceOf([1, , 3], encode);
    next();
    expect(() => next()).toThrow("no message: undefined");
    expect(next()).toEqual(Uint8Array.of(3));
  });

  it("can be left, where the iterable is told", () => {
    let left = 0;
    function* generate(): Generator<number> {
      try {
        yield 1;
        yield 2;
      } finally {
        left++;
      }
    }
    const { next, leave } = sourceOf(generate(), encode);
    next();
    leave?.();
    expect(left).toBe(1);
    expect(next()).toBeUndefined();
    expect(sourceOf([1], encode).leave).toBeUndefined();
  });

  it("are refused where there is nothing to iterate over", () => {
    for (const wrong of [undefined, null, 5, {}, { [Symbol.iterator]: 1 }])
      expect(() => sourceOf(wrong as never, encode)).toThrow(
        /messages must be an iterable of messages, received/,
      );
  });
});
