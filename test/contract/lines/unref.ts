import { describe, expect, it } from "vitest";
import type { Subject } from "../subject.js";
import { within } from "../subject.js";
import { compose, type Plan, receivePlan, sendPlan } from "../traffic.js";
import { openAcross } from "./across.js";

const CYCLES = 10;
/** Few enough that a UDP socket has room for all of them, and loses none while the other process does not read yet. */
const COUNT = 100;
const LATE_BYTES = 77;

/**
 * What does not keep its process alive works all the same while something else does. The other process does nothing but wait: whoever relies on turns of its event
 * loop waits for ever.
 */
export function lateMessageLines(subject: Subject): void {
  const { maker, way } = subject;
  const answers = maker.ways.length === 2;

  describe("an unref'ed channel whose process lives for another reason", () => {
    it(`is told of a message after ${COUNT} others and a pause`, async () => {
      await using across = await openAcross({ maker, way }, "near sends", {}, {}, { guarded: false });
      const { near, far } = across;
      for (let cycle = 0; cycle < CYCLES; cycle++) {
        const late = far.call("receiveUnref", { count: COUNT, answers });
        const asleep = far.asleep();
        for (let sequence = 0; sequence < COUNT; sequence++) {
          await near.send(compose(sequence, 64));
          if (answers) await near.receive();
        }
        await within("the process to sleep", asleep);
        await near.send(compose(0, LATE_BYTES));
        expect(await within("the late message", late)).toBe(LATE_BYTES);
      }
    });
  });
}

/** The same, for channels that lose nothing. */
export function unrefLines(subject: Subject): void {
  lateMessageLines(subject);

  describe("an unref'ed channel whose process lives for another reason", () => {
    for (const role of ["near sends", "far sends"] as const) {
      it(`carries as much as any other (${role})`, async () => {
        await using across = await openAcross(subject, role, {}, {}, { guarded: false });
        const { near, far } = across;
        const most = Math.min(near.traits.maxMessageSize, 64 * 1024);
        const plan: Plan = { seed: 5, least: 1, usual: 2000, most };
        const run = { plan, from: 0, to: 5000, manner: "many at once" } as const;
        await far.call("unref", {});
        const done =
          role === "near sends"
            ? [far.call("receive", run), sendPlan(near, plan, 0, run.to, run.manner)]
            : [far.call("send", run), receivePlan(near, plan, 0, run.to, run.manner)];
        await within(`${run.to} messages`, Promise.all(done), 55_000);
      });
    }
  });
}
