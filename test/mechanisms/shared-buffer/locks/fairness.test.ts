import { expect, test } from "vitest";
import type { Lease, Lock, SharedBuffer } from "sluice";
import { startPeer } from "../../../support/child.js";
import { newMemory } from "./support.js";

const ROUNDS = 50;

test.each<[string, string, (memory: SharedBuffer) => Lock<Lease>]>([
  ["mutex", "mutex", (memory) => memory.mutex(0)],
  ["rwlock's readers' side, while a writer does so,", "write", (memory) => memory.rwlock(0).read],
  ["rwlock's writers' side, while a reader does so,", "read", (memory) => memory.rwlock(0).write],
  ["rwlock's writers' side, while a writer does so,", "write", (memory) => memory.rwlock(0).write],
  ["semaphore", "semaphore", (memory) => memory.semaphore(0, 1)],
])(
  "a %s is got by whoever waits, though another process takes and gives it back without a pause",
  { timeout: 60_000 },
  async (_text, kind, lockIn) => {
    using memory = newMemory();
    const lock = lockIn(memory);
    await using hog = startPeer("shared-buffer/lock-hog", [memory.name, kind]);
    await hog.expectLine("hogs");
    for (let round = 0; round < ROUNDS; round++) {
      (await lock.acquire({ timeout: 5000 })).release();
      lock.acquireSync({ timeout: 5000 }).release();
    }
    expect(hog.process.exitCode).toBeNull();
  },
);
