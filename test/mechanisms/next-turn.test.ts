import { expect, test } from "vitest";
import { NextTurn } from "../../src/mechanisms/next-turn.js";
import { immediates } from "../support/immediates.js";

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test("acts once at the next turn, however often it is asked, and again when it is asked again", async () => {
  let acts = 0;
  const turn = new NextTurn(() => {
    acts++;
  });
  turn.ask();
  turn.ask();
  expect(acts).toBe(0);
  await nextTurn();
  await nextTurn();
  expect(acts).toBe(1);
  turn.ask();
  await nextTurn();
  expect(acts).toBe(2);
});

test("may be asked again while it acts, and does not act when it was cancelled", async () => {
  let acts = 0;
  const turn: NextTurn = new NextTurn(() => {
    if (++acts < 3) turn.ask();
  });
  turn.ask();
  while (acts < 3) await nextTurn();
  turn.ask();
  turn.cancel();
  turn.setRef(false);
  turn.ask();
  turn.cancel();
  // Longer than its timer takes.
  await new Promise((resolve) => setTimeout(resolve, 3));
  expect(acts).toBe(3);
});

test("where it must not keep the process alive it acts all the same, once", async () => {
  const before = immediates();
  let acts = 0;
  const turn = new NextTurn(() => {
    acts++;
  });
  turn.ask();
  expect(immediates()).toBe(before + 1);
  turn.setRef(false);
  expect(immediates()).toBe(before);
  turn.setRef(true);
  expect(immediates()).toBe(before + 1);
  turn.setRef(false);
  await new Promise((resolve) => setTimeout(resolve, 3));
  expect(acts).toBe(1);
  turn.ask();
  expect(immediates()).toBe(before);
  while (acts < 2) await nextTurn();
  await new Promise((resolve) => setTimeout(resolve, 3));
  expect(acts).toBe(2);
});
