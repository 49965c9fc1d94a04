import { describe, expect, test } from "vitest";
import { Semaphore, SharedBuffer } from "sluice";
import { ask, isSettled, newMemory, startHolder } from "./support.js";

const coded = (code: string): object => expect.objectContaining({ code }) as object;

describe("a semaphore", () => {
  test("has as many leases as permits, in all processes together", async () => {
    using memory = newMemory();
    await using holder = await startHolder(memory);
    const semaphore = memory.semaphore(0, 2);
    expect([semaphore.permits, semaphore.available]).toEqual([2, 2]);
    await ask(holder, "acquire semaphore 0", "acquired");
    const lease = semaphore.acquireSync();
    expect([semaphore.available, semaphore.tryAcquire()]).toEqual([0, undefined]);
    await expect(semaphore.acquire({ timeout: 30 })).rejects.toEqual(coded("ERR_TIMEOUT"));
    const waiting = semaphore.acquire();
    expect(await isSettled(waiting)).toBe(false);
    await ask(holder, "release semaphore 0", "released");
    const second = await waiting;
    expect(() => semaphore.acquireSync()).toThrow("itself");
    await holder.write("acquire semaphore 0");
    lease.release();
    await holder.expectLine("acquired");
    second.release();
    expect(semaphore.available).toBe(1);
  });

  test("gives a permit of the dead to whoever needs it, and says so", async () => {
    using memory = newMemory();
    await using holder = await startHolder(memory);
    const semaphore = memory.semaphore(0, 2);
    await ask(holder, "acquire semaphore 0", "acquired");
    const first = await semaphore.acquire();
    const waiting = semaphore.acquire();
    holder.kill("SIGKILL");
    const second = await waiting;
    expect([first.ownerDied, second.ownerDied]).toEqual([false, true]);
    second.release();
    expect(semaphore.tryAcquire()?.ownerDied).toBe(false);
  });

  test("has the number of permits with which it was made", () => {
    using memory = newMemory();
    using other = SharedBuffer.open(memory.name);
    memory.semaphore(64, 3);
    expect(() => memory.semaphore(64, 2)).toThrow(coded("ERR_INVALID_MESSAGE"));
    expect(() => other.semaphore(64, 4)).toThrow("made with 3");
    expect(() => memory.semaphore(0, 0)).toThrow(RangeError);
    expect(() => memory.semaphore(0, 4097)).toThrow("permits");
    expect(() => memory.semaphore(0, "2" as never)).toThrow(TypeError);
    expect([Semaphore.bytes(1), Semaphore.bytes(16), Semaphore.bytes(17)]).toEqual([128, 128, 192]);
    expect(() => memory.semaphore(4096 - 128, 17)).toThrow("room");
  });
});
