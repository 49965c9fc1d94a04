import { execFileSync } from "node:child_process";
import { randomInt } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Peer, startPeer, startProgram } from "../../../support/child.js";
import { newMemory } from "./support.js";

const PROCESSES = 8;
const SECTIONS = 100_000;
const KILLS = 24;

const folder = mkdtempSync(join(tmpdir(), "sluice-"));
const program = join(folder, "mutex");
beforeAll(() => {
  const source = fileURLToPath(new URL("../../../support/peers/shared-buffer/mutex.c", import.meta.url));
  execFileSync("cc", ["-O2", "-Wall", "-Wextra", "-Werror", "-o", program, source]);
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

test(
  "a mutex excludes 8 processes of 100,000 critical sections each, which are killed at random and begin anew",
  { timeout: 120_000 },
  async () => {
    using memory = newMemory();
    const totals = memory.view(Float64Array, 64, 2);
    const counts = memory.view(Float64Array, 128, PROCESSES);
    memory.mutex(0);
    const running = new Map<number, Peer>();
    let ended = 0;
    let failure: string | undefined;
    const all = new EventTarget();
    const start = (index: number): void => {
      const how = index % 2 === 0 ? "sync" : "async";
      const args = [memory.name, String(index), String(SECTIONS), how];
      const peer = startPeer("shared-buffer/lock-stress", args);
      running.set(index, peer);
      void peer.exit.then(({ code, signal }) => {
        running.delete(index);
        if (signal === "SIGKILL") start(index);
        else if (code !== 0) failure = peer.stderr;
        else ended++;
        if (ended === PROCESSES || failure !== undefined) all.dispatchEvent(new Event("ended"));
      });
    };
    const done = once(all, "ended");
    for (let index = 0; index < PROCESSES; index++) start(index);
    // Each kill comes at a random number of sections, so in the middle of the traffic however fast it is.
    const total = PROCESSES * SECTIONS;
    const moments = Array.from({ length: KILLS }, () => randomInt(total)).sort((left, right) => left - right);
    while (ended < PROCESSES && failure === undefined) {
      const isDue = moments[0] !== undefined && (totals[0] ?? 0) >= moments[0];
      if (isDue) {
        moments.shift();
        const victims = [...running.values()];
        victims[randomInt(victims.length)]?.kill("SIGKILL");
      }
      await (moments.length > 0 ? new Promise(setImmediate) : done);
    }
    expect(failure).toBeUndefined();
    expect([...counts]).toEqual(Array.from({ length: PROCESSES }, () => SECTIONS));
    using lease = memory.mutex(0).acquireSync();
    if (!lease.ownerDied) expect([...totals]).toEqual([total, total]);
    else lease.markConsistent();
  },
);

test("a mutex excludes a C program that follows its description, and each wakes the other", async () => {
  using memory = newMemory();
  const mutex = memory.mutex(0);
  const totals = memory.view(Float64Array, 64, 2);
  await using peer = startProgram(program, [memory.name, "100000"]);
  for (let section = 0; section < 100_000; section++) {
    using _lease = section % 2 === 0 ? mutex.acquireSync() : await mutex.acquire();
    if (totals[0] !== totals[1]) throw new Error("two were in at a time");
    totals[0] = (totals[0] ?? 0) + 1;
    totals[1] = (totals[1] ?? 0) + 1;
  }
  expect(await peer.exit).toEqual({ code: 0, signal: null });
  expect([...totals]).toEqual([200_000, 200_000]);
});

test("a mutex goes from a C program that was killed to Node, and the other way round", async () => {
  using memory = newMemory();
  const mutex = memory.mutex(0);
  const totals = memory.view(Float64Array, 64, 2);
  await using first = startProgram(program, [memory.name, "0", "die"]);
  await first.expectLine("locked");
  const waiting = mutex.acquire();
  first.kill("SIGKILL");
  const lease = await waiting;
  expect([lease.ownerDied, totals[0], totals[1]]).toEqual([true, 1, 0]);
  totals.fill(0);
  lease.markConsistent();
  await using second = startProgram(program, [memory.name, "0", "die"]);
  lease.release();
  await second.expectLine("locked");
  expect(mutex.tryAcquire()).toBeUndefined();
});
