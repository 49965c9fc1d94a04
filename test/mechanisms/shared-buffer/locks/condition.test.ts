import { describe, expect, test } from "vitest";
import { ask, isSettled, newMemory, startHolder } from "./support.js";

const coded = (code: string): object => expect.objectContaining({ code }) as object;

describe("a condition", () => {
  test("lets go of the mutex while somebody waits, and gives it back", async () => {
    using memory = newMemory();
    const [mutex, condition] = [memory.mutex(0), memory.condition(64)];
    const lease = await mutex.acquire();
    const waiting = condition.wait(lease);
    const other = await mutex.acquire();
    expect(lease.isHeld).toBe(false);
    condition.notify();
    expect(await isSettled(waiting)).toBe(false);
    other.release();
    await waiting;
    expect([lease.isHeld, mutex.tryAcquire()]).toEqual([true, undefined]);
  });

  test("wakes one of those who wait, or all", async () => {
    using memory = newMemory();
    const [mutex, condition] = [memory.mutex(0), memory.condition(64)];
    const woken: number[] = [];
    const waiting = [0, 1, 2].map(async (index) => {
      using lease = await mutex.acquire();
      await condition.wait(lease);
      woken.push(index);
    });
    // Each has the mutex in turn; when it is free again, all wait.
    (await mutex.acquire()).release();
    condition.notify();
    await waiting[0];
    expect(woken).toEqual([0]);
    condition.notifyAll();
    await Promise.all(waiting);
    expect(woken).toEqual([0, 1, 2]);
    condition.notify();
  });

  test("between processes: no notification is lost", { timeout: 60_000 }, async () => {
    using memory = newMemory();
    await using holder = await startHolder(memory);
    const [mutex, condition] = [memory.mutex(0), memory.condition(64)];
    for (let round = 0; round < 50; round++) {
      await ask(holder, "acquire mutex 0", "acquired");
      await holder.write("wait mutex 0 64");
      // Whoever gets the mutex now gets it from one who waits already.
      using lease = await mutex.acquire();
      condition.notify();
      lease.release();
      await holder.expectLine("notified");
      await ask(holder, "release mutex 0", "released");
    }
    using lease = await mutex.acquire();
    const waiting = condition.wait(lease);
    await ask(holder, "acquire mutex 0", "acquired");
    await ask(holder, "notify condition 64", "told");
    holder.kill("SIGKILL");
    await waiting;
    expect(lease.ownerDied).toBe(true);
  });

  test("is waited for as long as was said, and the lease holds the mutex then too", async () => {
    using memory = newMemory();
    const [mutex, condition] = [memory.mutex(0), memory.condition(64)];
    using lease = await mutex.acquire();
    await expect(condition.wait(lease, { timeout: 5 })).rejects.toEqual(coded("ERR_TIMEOUT"));
    await expect(condition.wait(lease, { timeout: 0 })).rejects.toEqual(coded("ERR_TIMEOUT"));
    const controller = new AbortController();
    const waiting = condition.wait(lease, { signal: controller.signal });
    controller.abort(new Error("enough"));
    await expect(waiting).rejects.toThrow("enough");
    expect(lease.isHeld).toBe(true);
    await expect(condition.wait(lease, { timeout: -1 })).rejects.toThrow(RangeError);
  });

  test("takes only a lease of a mutex that is held and in order", async () => {
    using memory = newMemory();
    const condition = memory.condition(64);
    const lease = memory.mutex(0).acquireSync();
    lease.release();
    await expect(condition.wait(lease)).rejects.toThrow("held");
    await expect(condition.wait(memory.rwlock(256).write.acquireSync())).rejects.toThrow(TypeError);
    await expect(condition.wait(undefined as never)).rejects.toThrow("lease must be");
    await using holder = await startHolder(memory);
    await ask(holder, "acquire mutex 0", "acquired");
    holder.kill("SIGKILL");
    await holder.exit;
    using second = await memory.mutex(0).acquire();
    await expect(condition.wait(second)).rejects.toThrow("markConsistent");
  });

  test("lets nobody wait when its SharedBuffer is closed", async () => {
    using locks = newMemory();
    const memory = newMemory();
    const condition = memory.condition(0);
    using lease = await locks.mutex(0).acquire();
    const waiting = condition.wait(lease);
    memory.close();
    await expect(waiting).rejects.toEqual(coded("ERR_CHANNEL_CLOSED"));
    expect(lease.isHeld).toBe(true);
    expect(() => condition.notify()).toThrow(TypeError);
    await expect(condition.wait(lease)).rejects.toThrow(TypeError);
  });
});
