import { describe, expect, test } from "vitest";
import { Mutex, SharedBuffer } from "sluice";
import { ask, isSettled, newMemory, startHolder } from "./support.js";

const coded = (code: string): object => expect.objectContaining({ code }) as object;

describe("a mutex in one process", () => {
  test("is held by one lease at a time, until the end of its block", async () => {
    using memory = newMemory();
    const mutex = memory.mutex(0);
    {
      using lease = await mutex.acquire();
      expect([lease.isHeld, lease.ownerDied]).toEqual([true, false]);
      expect(mutex.tryAcquire()).toBeUndefined();
      await expect(mutex.acquire({ timeout: 0 })).rejects.toEqual(coded("ERR_TIMEOUT"));
    }
    {
      await using lease = mutex.acquireSync();
      expect(lease.isHeld).toBe(true);
    }
    const last = mutex.tryAcquire();
    last?.release();
    last?.release();
    expect(last?.isHeld).toBe(false);
    expect(mutex.tryAcquire()?.isHeld).toBe(true);
  });

  test("is given to those who wait in the order in which they came", async () => {
    using memory = newMemory();
    const mutex = memory.mutex(64);
    const order: number[] = [];
    const first = await mutex.acquire();
    const waiting = Array.from({ length: 100 }, async (_, index) => {
      using _lease = await mutex.acquire();
      order.push(index);
      await Promise.resolve();
      order.push(index);
    });
    expect(await isSettled(Promise.race(waiting))).toBe(false);
    first.release();
    await Promise.all(waiting);
    expect(order).toEqual(Array.from({ length: 200 }, (_, index) => index >> 1));
  });

  test("excludes two maps of the same memory from each other, each of which is an owner", async () => {
    using memory = newMemory();
    using other = SharedBuffer.open(memory.name);
    const lease = memory.mutex(0).acquireSync();
    expect(other.mutex(0).tryAcquire()).toBeUndefined();
    const waiting = other.mutex(0).acquire();
    expect(await isSettled(waiting)).toBe(false);
    lease.release();
    expect((await waiting).ownerDied).toBe(false);
  });

  test("works in anonymous memory", async () => {
    using memory = SharedBuffer.create({ size: 100 });
    using _lease = await memory.mutex(0).acquire();
    expect(memory.mutex(0).tryAcquire()).toBeUndefined();
  });

  test("goes to the next, with ownerDied, when the SharedBuffer of its owner is closed", async () => {
    using memory = newMemory();
    const other = SharedBuffer.open(memory.name);
    const lost = await other.mutex(0).acquire();
    const waiting = memory.mutex(0).acquire();
    other.close();
    const lease = await waiting;
    expect([lease.ownerDied, lost.isHeld]).toEqual([true, false]);
    lost.release();
    expect(memory.mutex(0).tryAcquire()).toBeUndefined();
    lease.markConsistent();
    lease.release();
    expect(memory.mutex(0).tryAcquire()?.ownerDied).toBe(false);
  });

  test("rejects whoever waits when its SharedBuffer is closed, and refuses all afterwards", async () => {
    using memory = newMemory();
    const other = SharedBuffer.open(memory.name);
    using _lease = memory.mutex(0).acquireSync();
    const mutex = other.mutex(0);
    const waiting = mutex.acquire();
    other.close();
    await expect(waiting).rejects.toEqual(coded("ERR_CHANNEL_CLOSED"));
    expect(() => mutex.tryAcquire()).toThrow(TypeError);
    expect(() => mutex.acquireSync()).toThrow(TypeError);
    await expect(mutex.acquire()).rejects.toThrow(TypeError);
    expect(() => other.mutex(0)).toThrow("closed");
  });

  test("refuses to let a thread wait, blocked, for itself", () => {
    using memory = newMemory();
    using _lease = memory.mutex(0).acquireSync();
    expect(() => memory.mutex(0).acquireSync()).toThrow(TypeError);
    expect(() => memory.mutex(0).acquireSync({ timeout: 10 })).toThrow("itself");
  });

  test("is in use by nobody who gave up waiting", async () => {
    using memory = newMemory();
    const mutex = memory.mutex(0);
    const lease = mutex.acquireSync();
    const controller = new AbortController();
    const aborted = mutex.acquire({ signal: controller.signal });
    const late = mutex.acquire({ timeout: 5 });
    const patient = mutex.acquire();
    controller.abort(new Error("enough"));
    await expect(aborted).rejects.toThrow("enough");
    await expect(late).rejects.toEqual(coded("ERR_TIMEOUT"));
    lease.release();
    expect((await patient).isHeld).toBe(true);
  });
});

describe("a mutex between processes", () => {
  test("excludes them, and wakes whoever waits", async () => {
    using memory = newMemory();
    await using holder = await startHolder(memory);
    await ask(holder, "acquire mutex 0", "acquired");
    const mutex = memory.mutex(0);
    expect(mutex.tryAcquire()).toBeUndefined();
    expect(() => mutex.acquireSync({ timeout: 30 })).toThrow(coded("ERR_TIMEOUT"));
    await expect(mutex.acquire({ timeout: 30 })).rejects.toEqual(coded("ERR_TIMEOUT"));
    const waiting = mutex.acquire();
    await ask(holder, "release mutex 0", "released");
    const lease = await waiting;
    expect(lease.ownerDied).toBe(false);
    await holder.write("acquire mutex 0");
    lease.release();
    await holder.expectLine("acquired");
  });

  test("goes to the next, with ownerDied, when its owner is killed", async () => {
    using memory = newMemory();
    await using holder = await startHolder(memory);
    await ask(holder, "acquire mutex 0", "acquired");
    const waiting = memory.mutex(0).acquire();
    expect(await isSettled(waiting)).toBe(false);
    holder.kill("SIGKILL");
    await holder.exit;
    const started = performance.now();
    using lease = await waiting;
    expect(performance.now() - started).toBeLessThan(1000);
    expect(lease.ownerDied).toBe(true);
    lease.markConsistent();
  });

  test.each(["tryAcquire", "acquire", "acquireSync"] as const)(
    "that belongs to the dead is got by %s",
    async (how) => {
      using memory = newMemory();
      await using holder = await startHolder(memory);
      await ask(holder, "acquire mutex 0", "acquired");
      holder.kill("SIGKILL");
      await holder.exit;
      const lease = await memory.mutex(0)[how]();
      expect(lease?.ownerDied).toBe(true);
    },
  );

  test("is refused to all once it was released without a repair, until somebody recovers it", async () => {
    using memory = newMemory();
    const mutex = memory.mutex(0);
    expect(mutex.recover()).toBeUndefined();
    await using holder = await startHolder(memory);
    await using waiter = await startHolder(memory);
    await ask(holder, "acquire mutex 0", "acquired");
    const waiting = mutex.acquire();
    await isSettled(waiting);
    await waiter.write("acquire mutex 0");
    holder.kill("SIGKILL");
    const line = waiter.nextLine();
    const first = await Promise.race([waiting, line]);
    if (typeof first === "string") {
      expect(first).toBe("acquired from the dead");
      await ask(waiter, "release mutex 0", "released");
      await expect(waiting).rejects.toEqual(coded("ERR_OWNER_DIED"));
    } else {
      expect(first.ownerDied).toBe(true);
      first.release();
      expect(await line).toBe("ERR_OWNER_DIED");
    }
    expect(() => mutex.tryAcquire()).toThrow(coded("ERR_OWNER_DIED"));
    expect(() => mutex.acquireSync()).toThrow(coded("ERR_OWNER_DIED"));
    await expect(mutex.acquire()).rejects.toEqual(coded("ERR_OWNER_DIED"));
    const lease = mutex.recover();
    expect(lease?.ownerDied).toBe(true);
    lease?.markConsistent();
    lease?.release();
    await ask(waiter, "acquire mutex 0", "acquired");
  });

  test("counts a worker thread that was terminated among the dead", async () => {
    using memory = newMemory();
    await using holder = await startHolder(memory, true);
    await ask(holder, "acquire mutex 0", "acquired");
    const waiting = memory.mutex(0).acquire();
    await ask(holder, "terminate", "terminated");
    expect((await waiting).ownerDied).toBe(true);
  });

  test("lets a worker be terminated, and a process end, while they wait", async () => {
    using memory = newMemory();
    using _lease = memory.mutex(0).acquireSync();
    await using holder = await startHolder(memory, true);
    await holder.write("acquire mutex 0");
    await ask(holder, "terminate", "terminated");
    holder.end();
    expect(await holder.exit).toEqual({ code: 0, signal: null });
  });
});

describe("a mutex", () => {
  test("is found only where one is, or where nothing was", () => {
    using memory = newMemory();
    memory.rwlock(0);
    expect(() => memory.mutex(0)).toThrow(coded("ERR_INVALID_MESSAGE"));
    expect(() => memory.mutex(0)).toThrow("a rwlock");
    memory.bytes[600] = 1;
    expect(() => memory.mutex(576)).toThrow("other data");
    expect(memory.mutex(512)).toBe(memory.mutex(512));
  });

  test.each<[unknown, typeof TypeError | typeof RangeError]>([
    ["0", TypeError],
    [undefined, TypeError],
    [-64, RangeError],
    [32, RangeError],
    [4096, RangeError],
    [4096 - 63, RangeError],
    [1.5, RangeError],
  ])("is refused at offset %j", (offset, kind) => {
    using memory = newMemory();
    expect(() => memory.mutex(offset as number)).toThrow(kind);
    expect(() => memory.mutex(offset as number)).toThrow("offset");
  });

  test.each<[unknown, typeof TypeError | typeof RangeError]>([
    [5, TypeError],
    [{ timeout: -1 }, RangeError],
    [{ timeout: "1" }, TypeError],
    [{ signal: {} }, TypeError],
  ])("refuses the options %j", async (options, kind) => {
    using memory = newMemory();
    await expect(memory.mutex(0).acquire(options as never)).rejects.toThrow(kind);
  });

  test("has 64 bytes", () => {
    expect(Mutex.BYTES).toBe(64);
  });
});
