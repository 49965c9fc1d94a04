import { describe, expect, test } from "vitest";
import { Courtesy } from "../../src/mechanisms/courtesy.js";
import { loadCore, type NativeCore } from "../../src/native/binding.js";

/** How many of so many waits, each after something was sent, were worth an offer. */
function offersIn(courtesy: Courtesy, waits: number, sent: { count: number }): number {
  let offers = 0;
  for (let wait = 0; wait < waits; wait++) {
    if (!courtesy.isFitting(++sent.count)) continue;
    courtesy.offer();
    offers++;
  }
  return offers;
}

/** Gives nobody the processor: who computes beside the tests would decide how long an offer takes. */
const alone = { yieldProcessor: () => 0 } as unknown as NativeCore;

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Offers until it takes the answers for a conversation; where the processor is gone for long meanwhile it takes another turn. */
async function converse(courtesy: Courtesy, sent: { count: number }): Promise<void> {
  for (;;) {
    offersIn(courtesy, 8, sent);
    for (let offers = 0; offers < 240 && !courtesy.converses; offers++) offersIn(courtesy, 1, sent);
    if (courtesy.converses) return;
    await nextTurn();
    await nextTurn();
  }
}

describe("Courtesy", () => {
  test("offers the processor only to who may be about to answer: something was sent since the last wait", () => {
    const courtesy = new Courtesy(loadCore(), () => true);
    expect(courtesy.isFitting(0)).toBe(false);
    expect(courtesy.isFitting(1)).toBe(true);
    expect(courtesy.isFitting(1)).toBe(false);
    expect(courtesy.isFitting(2)).toBe(true);
  });

  test("looks again after each offer, and says whether something has come", () => {
    let looks = 0;
    const courtesy = new Courtesy(loadCore(), () => ++looks === 2);
    expect(courtesy.offer()).toBe(true);
    expect(looks).toBe(2);
    expect(courtesy.offer()).toBe(false);
    expect(looks).toBe(4);
  });

  test("passes more and more waits over while nobody answers", () => {
    const courtesy = new Courtesy(loadCore(), () => false);
    const sent = { count: 0 };
    expect(offersIn(courtesy, 17, sent)).toBe(1);
    expect(offersIn(courtesy, 33, sent)).toBe(1);
    expect(offersIn(courtesy, 65, sent)).toBe(1);
    // At most once in 4096.
    offersIn(courtesy, 100_000, sent);
    expect(offersIn(courtesy, 40_970, sent)).toBe(10);
  });

  test("passes waits over where the processor is gone for long, also after it was not", async () => {
    let milliseconds = 0;
    const courtesy = new Courtesy(loadCore(), () => {
      for (const end = performance.now() + milliseconds; performance.now() < end;);
      return true;
    });
    const sent = { count: 0 };
    milliseconds = 0.3;
    expect(offersIn(courtesy, 17, sent)).toBe(1);
    milliseconds = 0;
    expect(offersIn(courtesy, 100, sent)).toBeGreaterThan(0);
    await new Promise((resolve) => setImmediate(resolve));
    await new Promise((resolve) => setImmediate(resolve));
    milliseconds = 0.3;
    expect(offersIn(courtesy, 17, sent)).toBeLessThanOrEqual(1);
  });

  test("lets the event loop turn after 256 answers", async () => {
    const courtesy = new Courtesy(loadCore(), () => true);
    const sent = { count: 0 };
    expect(offersIn(courtesy, 1000, sent)).toBeLessThanOrEqual(256);
    await new Promise((resolve) => setImmediate(resolve));
    await new Promise((resolve) => setImmediate(resolve));
    expect(offersIn(courtesy, 1000, sent)).toBeGreaterThan(0);
  });

  test("says that nobody need watch once several answers have come in one turn of the event loop, until the next turn", async () => {
    const told: boolean[] = [];
    const courtesy: Courtesy = new Courtesy(
      alone,
      () => true,
      () => {
        told.push(courtesy.converses);
      },
    );
    const sent = { count: 0 };
    offersIn(courtesy, 7, sent);
    expect(courtesy.converses).toBe(false);
    await converse(courtesy, sent);
    expect(told.at(-1)).toBe(true);
    await nextTurn();
    await nextTurn();
    expect(courtesy.converses).toBe(false);
    expect(told.at(-1)).toBe(false);
    expect(told.every((converses, index) => converses === (index % 2 === 0))).toBe(true);
  });

  test("has somebody watch after an offer in vain, and for the rest of the turn", async () => {
    let comes = true;
    const courtesy = new Courtesy(alone, () => comes);
    const sent = { count: 0 };
    await converse(courtesy, sent);
    comes = false;
    offersIn(courtesy, 1, sent);
    expect(courtesy.converses).toBe(false);
    comes = true;
    expect(offersIn(courtesy, 5000, sent)).toBeGreaterThan(0);
    expect(courtesy.converses).toBe(false);
  });

  test("notices within a few offers that the processor is gone for long, also where nobody watches", async () => {
    let milliseconds = 0;
    const courtesy = new Courtesy(alone, () => {
      for (const end = performance.now() + milliseconds; performance.now() < end;);
      return true;
    });
    const sent = { count: 0 };
    await converse(courtesy, sent);
    milliseconds = 0.3;
    expect(offersIn(courtesy, 17, sent)).toBeLessThanOrEqual(8);
    expect(courtesy.converses).toBe(false);
  });
});
