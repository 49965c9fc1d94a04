import { expect, test } from "vitest";
import { ReadAhead } from "../../src/mechanisms/read-ahead.js";
import { memory, PACKETS_A_READ, reserve } from "../../src/mechanisms/receive-memory.js";

/** A turn of one read, in which so many packets were there. */
function turn(ahead: ReadAhead, there: number): void {
  ahead.gave(Math.min(there, ahead.packets));
  ahead.endTurn();
}

test("a conversation is asked for one packet, and now and then for more", () => {
  const ahead = new ReadAhead();
  const asked: number[] = [];
  for (let message = 0; message < 20; message++) {
    asked.push(ahead.packets);
    turn(ahead, 1);
  }
  expect(asked.filter((packets) => packets === 1)).toHaveLength(18);
  expect(asked[8]).toBe(PACKETS_A_READ);
  expect(asked[17]).toBe(PACKETS_A_READ);
});

test("a stream is asked for as many as a read takes, until eight turns in a row brought one each", () => {
  const ahead = new ReadAhead();
  for (let message = 0; message < 8; message++) turn(ahead, 11);
  for (const there of [11, 2, 1, 1, 1, 1, 1, 1, 1, 2, 1, 0, 1, 0, 1, 0, 1]) {
    expect(ahead.packets).toBe(PACKETS_A_READ);
    turn(ahead, there);
  }
  turn(ahead, 1);
  expect(ahead.packets).toBe(1);
});

test("more is likely only after a read of several that got all it asked for", () => {
  const ahead = new ReadAhead();
  ahead.gave(1);
  expect(ahead.moreIsLikely).toBe(false);
  for (let message = 0; message < 8; message++) turn(ahead, 1);
  ahead.gave(PACKETS_A_READ);
  expect(ahead.moreIsLikely).toBe(true);
  ahead.gave(PACKETS_A_READ - 1);
  expect(ahead.moreIsLikely).toBe(false);
});

test("packets have slots where several small ones are read at once and each could be a large one", () => {
  expect(reserve(64, 65_536, 1)).toBe(0);
  expect(reserve(64, 65_536, 16)).toBe(128);
  expect(memory.scratch.length).toBeGreaterThanOrEqual(16 * 65_536);
  expect(reserve(1000, 65_536, 16)).toBe(1000);
  expect(reserve(10_000, 65_536, 16)).toBe(0);
  const before = memory.scratch.length;
  expect(reserve(64, 1024 * 1024, 16)).toBe(0);
  expect(memory.scratch.length).toBe(Math.max(before, 1024 * 1024));
});
