import { getEventListeners } from "node:events";
import { describe, expect, it } from "vitest";
import { checkDuration, checkWaitOptions, describe as inWords, Wait, WaitList } from "../../src/core/wait.js";

const late = () => new Error("late");

describe("WaitList", () => {
  it("gives the waits in the order in which they joined, whoever has left", async () => {
    const list = new WaitList<Wait<number>>();
    const waits = [0, 1, 2, 3, 4].map(() => new Wait<number>());
    for (const wait of waits) wait.join(list);
    waits[0]!.fulfil(0);
    waits[2]!.fulfil(2);
    expect(list.size).toBe(3);
    for (const index of [1, 3, 4]) {
      expect(list.first()).toBe(waits[index]);
      waits[index]!.fulfil(index);
    }
    expect(list.first()).toBeUndefined();
    expect(await Promise.all(waits.map((wait) => wait.promise))).toEqual([0, 1, 2, 3, 4]);
  });

  it("tells once when the last has left", () => {
    let emptied = 0;
    const list = new WaitList<Wait<number>>(() => emptied++);
    const waits = [new Wait<number>(), new Wait<number>()];
    for (const wait of waits) wait.join(list);
    waits[1]!.fulfil(1);
    expect(emptied).toBe(0);
    waits[0]!.fulfil(0);
    waits[0]!.fulfil(0);
    expect(emptied).toBe(1);
  });

  it("rejects all, each with an error of its own", async () => {
    const list = new WaitList<Wait<number>>();
    const waits = [new Wait<number>(), new Wait<number>()];
    for (const wait of waits) wait.join(list);
    let errors = 0;
    list.rejectAll(() => new Error(String(errors++)));
    const outcomes = await Promise.allSettled(waits.map((wait) => wait.promise));
    expect(
      outcomes.map((outcome) => (outcome.status === "rejected" ? (outcome.reason as Error).message : "")),
    ).toEqual(["0", "1"]);
    expect(list.size).toBe(0);
  });
});

describe("Wait", () => {
  it("leaves its list, its timer and its signal however it ends", async () => {
    const endings: ((wait: Wait<number>, controller: AbortController) => void)[] = [
      (wait) => wait.fulfil(1),
      (wait) => wait.reject(new Error("rejected")),
      (_, controller) => controller.abort(),
    ];
    for (const end of endings) {
      const list = new WaitList<Wait<number>>();
      const controller = new AbortController();
      const wait = new Wait<number>();
      wait.join(list);
      wait.bound({ signal: controller.signal, timeout: 100_000 }, late);
      expect(getEventListeners(controller.signal, "abort")).toHaveLength(1);
      const timers = activeTimers();
      end(wait, controller);
      await wait.promise.catch(() => undefined);
      expect(list.size).toBe(0);
      expect(getEventListeners(controller.signal, "abort")).toHaveLength(0);
      expect(activeTimers()).toBe(timers - 1);
    }
  });

  it("shares one listener with all that wait under the same signal", async () => {
    const controller = new AbortController();
    const waits = Array.from({ length: 50 }, () => new Wait<number>());
    for (const wait of waits) wait.bound({ signal: controller.signal }, late);
    expect(getEventListeners(controller.signal, "abort")).toHaveLength(1);
    for (const wait of waits.slice(0, 49)) wait.fulfil(1);
    expect(getEventListeners(controller.signal, "abort")).toHaveLength(1);
    const reason = new Error("aborted");
    controller.abort(reason);
    await expect(waits[49]!.promise).rejects.toBe(reason);
    expect(getEventListeners(controller.signal, "abort")).toHaveLength(0);
  });

  it("watches a signal anew after all that waited under it have gone", async () => {
    const controller = new AbortController();
    for (let round = 0; round < 3; round++) {
      const wait = new Wait<number>();
      wait.bound({ signal: controller.signal }, late);
      wait.fulfil(round);
      expect(await wait.promise).toBe(round);
    }
    const last = new Wait<number>();
    last.bound({ signal: controller.signal }, late);
    controller.abort("the reason");
    await expect(last.promise).rejects.toBe("the reason");
  });

  it("sets no timer for a timeout of Infinity, and does not wait for one of 0", async () => {
    const timers = activeTimers();
    const endless = new Wait<number>();
    endless.bound({ timeout: Infinity }, late);
    expect(activeTimers()).toBe(timers);
    endless.fulfil(1);
    const atOnce = new Wait<number>();
    atOnce.bound({ timeout: 0 }, late);
    expect(activeTimers()).toBe(timers);
    await expect(atOnce.promise).rejects.toThrow("late");
  });

  it("moves to another list with its bounds", async () => {
    const from = new WaitList<Wait<number>>();
    const to = new WaitList<Wait<number>>();
    const controller = new AbortController();
    const wait = new Wait<number>();
    wait.join(from);
    wait.bound({ signal: controller.signal }, late);
    wait.join(to);
    expect([from.size, to.size]).toEqual([0, 1]);
    controller.abort(new Error("aborted"));
    await expect(wait.promise).rejects.toThrow("aborted");
    expect(to.size).toBe(0);
  });
});

describe("the bounds of a wait are checked", () => {
  it("takes what a timer of Node can take, and Infinity", () => {
    for (const timeout of [0, 1.5, 2 ** 31 - 1, Infinity])
      expect(() => checkDuration("timeout", timeout)).not.toThrow();
    for (const timeout of [-1, Number.NaN, 2 ** 31, -Infinity])
      expect(() => checkDuration("timeout", timeout)).toThrow(
        new RegExp(`options\\.timeout.*${String(timeout)}`),
      );
    expect(() => checkDuration("timeout", "5" as unknown as number)).toThrow(TypeError);
  });

  it("refuses options that are no object and signals that are none", () => {
    for (const options of [null, 5, "soon"])
      expect(() => checkWaitOptions(options as unknown as object)).toThrow(/options must be an object/);
    for (const signal of [null, {}, new EventTarget()])
      expect(() => checkWaitOptions({ signal: signal as unknown as AbortSignal })).toThrow(/options\.signal/);
  });

  it("describes any value in a few words", () => {
    class Job {}
    const described = [
      undefined,
      null,
      1,
      2n,
      true,
      "x".repeat(100),
      Symbol("s"),
      Job,
      new Job(),
      Object.create(null),
    ];
    expect(described.map(inWords)).toEqual([
      "undefined",
      "null",
      "1",
      "2n",
      "true",
      `"${"x".repeat(60)}…"`,
      "Symbol(s)",
      "a function Job",
      "an instance of Job",
      "an object",
    ]);
  });
});

function activeTimers(): number {
  return process.getActiveResourcesInfo().filter((name) => name === "Timeout").length;
}
