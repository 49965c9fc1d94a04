import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect } from "vitest";
import { UnixSocket } from "sluice";
import { createClient } from "sluice/rpc";
import { type Cast, describeKills, type Scenario } from "./support/campaign.js";
import { type Victim, within } from "./support/victims.js";

const PROMPT = 8000;

interface Methods {
  run(id: string): number;
}

const base = mkdtempSync(join(tmpdir(), "sluice-kills-"));
let number = 0;
afterAll(() => {
  rmSync(base, { recursive: true });
});

interface Setting {
  readonly folder: string;
  readonly calls: string;
}

function freshSetting(): Setting {
  const setting = { folder: join(base, `daemon-${++number}`), calls: join(base, `calls-${number}`) };
  writeFileSync(setting.calls, "");
  return setting;
}

/** Calls until somebody answers, for as long as that may take. Each answer is of a call that was done once. */
async function call({ folder, calls }: Setting, id: string): Promise<number> {
  const end = performance.now() + PROMPT;
  for (let attempt = 0; ; attempt++) {
    try {
      const timeout = Math.max(1, end - performance.now());
      const channel = await UnixSocket.connect(join(folder, "control.sock"), { timeout });
      try {
        const pid = await within(PROMPT, createClient<Methods>(channel).run(`${id}.${attempt}`), "an answer");
        const done = readFileSync(calls, "utf8").split("\n");
        expect(done.filter((line) => line === `${id}.${attempt}`)).toHaveLength(1);
        return pid;
      } finally {
        channel.destroy();
      }
    } catch (error) {
      const { code } = error as { readonly code?: string };
      if (!["ERR_NO_PEER", "ERR_PEER_DIED", "ERR_END_OF_CHANNEL"].includes(code ?? "")) throw error;
      if (performance.now() > end) throw error;
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}

/** A daemon is started as after any crash: it serves, and leaves nothing when it ends. */
async function startsAgain(cast: Cast, setting: Setting): Promise<void> {
  const next = await cast.another().play({ role: "daemon", args: { ...setting } });
  expect(await within(PROMPT, next.says("started"), "the next start")).toBe(true);
  expect(await call(setting, "next")).toBe(next.pid);
  expect(Number(readFileSync(join(setting.folder, "victim.pid"), "utf8"))).toBe(next.pid);
  await next.say("stop");
  await next.ended();
  leavesNothing(setting);
}

/** A folder that somebody has made who was killed stays, empty: whose it is, nobody knows any more. */
function leavesNothing({ folder }: Setting): void {
  expect(existsSync(folder) ? readdirSync(folder) : []).toEqual([]);
}

const successor: Scenario = {
  name: "a daemon whose successor is killed",
  async run(cast) {
    const setting = freshSetting();
    const first = await cast.another().play({ role: "daemon", args: { ...setting } });
    expect(await first.says("started")).toBe(true);
    const victim = await cast.play("daemon", { ...setting });
    // One of the two serves, at every moment.
    const started = victim.says("started");
    await serveUntil(setting, [first, victim], started);
    if (await started) await victim.say("stop");
    // One that had not taken the place leaves it to the first, which goes on; else the first ends in order.
    if (await victim.ended()) {
      const served = call(setting, "after").catch(() => undefined);
      await Promise.race([first.over, served]);
    }
    await startsAgain(cast, setting);
    expect(await first.ended()).toBe(false);
  },
};

const predecessor: Scenario = {
  name: "a daemon that is killed while its successor starts",
  async run(cast) {
    const setting = freshSetting();
    const victim = await cast.play("daemon", { ...setting });
    const started = await victim.says("started");
    const second = await cast.another().play({ role: "daemon", args: { ...setting } });
    if (started) await serveUntil(setting, [victim, second], second.says("started"));
    // One that fails says why at its end.
    if (!(await within(PROMPT, second.says("started"), "the successor's start"))) {
      throw new Error(`the successor ended without having started, killed: ${await second.ended()}`);
    }
    await victim.ended();
    expect(await call(setting, "successor")).toBe(second.pid);
    await second.say("stop");
    await second.ended();
    leavesNothing(setting);
    await startsAgain(cast, setting);
  },
};

const lifetime: Scenario = {
  name: "a daemon that is killed between its start and its end",
  async run(cast) {
    const setting = freshSetting();
    const victim = await cast.play("daemon", { ...setting });
    if (await victim.says("started")) await victim.say("stop");
    await victim.ended();
    await startsAgain(cast, setting);
  },
};

/** Until then each call is answered by one of these. One that is under way at that moment has lost its right to an answer: the victim may have died as the only server. */
async function serveUntil(
  setting: Setting,
  expected: readonly Victim[],
  over: Promise<unknown>,
): Promise<void> {
  const done = over.then(() => "over" as const);
  for (let count = 0; ; count++) {
    const answer = call(setting, String(count)).catch((error: unknown) => error);
    const first = await Promise.race([done, answer]);
    if (first === "over") return;
    if (typeof first !== "number") throw first;
    expect(expected.map(({ pid }) => pid)).toContain(first);
  }
}

describeKills("hand-over", [successor, predecessor, lifetime], { short: 3, long: 500 });
