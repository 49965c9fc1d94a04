import { describe, expect, test } from "vitest";
import { type Lease, RwLock, SharedBuffer } from "sluice";
import { ask, isSettled, newMemory, startHolder } from "./support.js";

const coded = (code: string): object => expect.objectContaining({ code }) as object;

describe("a rwlock", () => {
  test("lets many read, or one write", async () => {
    using memory = newMemory();
    using other = SharedBuffer.open(memory.name);
    const [here, there] = [memory.rwlock(0), other.rwlock(0)];
    const readers = [here.read.acquireSync(), await there.read.acquire(), await here.read.acquire()];
    expect(here.write.tryAcquire()).toBeUndefined();
    expect(there.write.tryAcquire()).toBeUndefined();
    expect(() => there.write.acquireSync()).toThrow("itself");
    const writing = there.write.acquire();
    expect(await isSettled(writing)).toBe(false);
    for (const reader of readers) reader.release();
    const writer = await writing;
    expect(here.read.tryAcquire()).toBeUndefined();
    expect(here.write.tryAcquire()).toBeUndefined();
    const reading = Promise.all([here.read.acquire(), there.read.acquire()]);
    expect(await isSettled(reading)).toBe(false);
    writer.release();
    expect((await reading).map(({ isHeld }) => isHeld)).toEqual([true, true]);
  });

  test("lets no reader pass a writer who waits, and lets them in again when it gives up", async () => {
    using memory = newMemory();
    const { read, write } = memory.rwlock(0);
    const first = await read.acquire();
    const controller = new AbortController();
    const writing = write.acquire({ signal: controller.signal });
    expect(read.tryAcquire()).toBeUndefined();
    const reading = read.acquire();
    expect(await isSettled(reading)).toBe(false);
    controller.abort();
    await expect(writing).rejects.toThrow("aborted");
    expect((await reading).isHeld).toBe(true);
    expect(() => write.acquireSync({ timeout: 0 })).toThrow();
    first.release();
  });

  test("between processes: readers share, a writer excludes them", async () => {
    using memory = newMemory();
    await using holder = await startHolder(memory);
    const lock = memory.rwlock(512);
    await ask(holder, "acquire read 512", "acquired");
    const reader = lock.read.tryAcquire();
    expect(reader?.isHeld).toBe(true);
    reader?.release();
    const writing = lock.write.acquire();
    expect(await isSettled(writing)).toBe(false);
    await ask(holder, "release read 512", "released");
    const writer = await writing;
    await holder.write("acquire read 512");
    writer.release();
    await holder.expectLine("acquired");
  });

  test("forgets a reader who was killed, also one of several", async () => {
    using memory = newMemory();
    await using first = await startHolder(memory);
    await using second = await startHolder(memory);
    await ask(first, "acquire read 0", "acquired");
    await ask(second, "acquire read 0", "acquired");
    const writing = memory.rwlock(0).write.acquire();
    await isSettled(writing);
    first.kill("SIGKILL");
    await first.exit;
    expect(await isSettled(writing)).toBe(false);
    second.kill("SIGKILL");
    expect((await writing).ownerDied).toBe(false);
  });

  test("refuses readers after a writer was killed, until another has repaired the data", async () => {
    using memory = newMemory();
    await using holder = await startHolder(memory);
    const { read, write } = memory.rwlock(0);
    await ask(holder, "acquire write 0", "acquired");
    const reading = read.acquire();
    await isSettled(reading);
    holder.kill("SIGKILL");
    await expect(reading).rejects.toEqual(coded("ERR_OWNER_DIED"));
    expect(() => read.tryAcquire()).toThrow(coded("ERR_OWNER_DIED"));
    const writer = write.acquireSync();
    expect(writer.ownerDied).toBe(true);
    writer.markConsistent();
    writer.release();
    expect(read.acquireSync().isHeld).toBe(true);
  });

  test("minds nothing when a writer is killed who still waited for readers", async () => {
    using memory = newMemory();
    await using holder = await startHolder(memory);
    const { read } = memory.rwlock(0);
    const first = read.acquireSync();
    await holder.write("acquire write 0");
    // The writer stands in line once it keeps new readers out.
    for (let lease: Lease | undefined = first; lease !== undefined;) {
      lease = read.tryAcquire();
      lease?.release();
      await new Promise(setImmediate);
    }
    const reading = read.acquire();
    holder.kill("SIGKILL");
    expect((await reading).ownerDied).toBe(false);
    first.release();
  });

  test("goes to nobody after a write lease that repaired nothing, until somebody recovers it", async () => {
    using memory = newMemory();
    const other = SharedBuffer.open(memory.name);
    other.rwlock(0).write.acquireSync();
    other.close();
    const { read, write } = memory.rwlock(0);
    write.acquireSync().release();
    await expect(read.acquire()).rejects.toEqual(coded("ERR_OWNER_DIED"));
    await expect(write.acquire()).rejects.toEqual(coded("ERR_OWNER_DIED"));
    const lease = write.recover();
    lease?.markConsistent();
    lease?.release();
    expect(lease?.ownerDied).toBe(true);
    expect(() => lease?.markConsistent()).toThrow(TypeError);
    expect(write.recover()).toBeUndefined();
    expect(write.tryAcquire()?.ownerDied).toBe(false);
  });

  test("makes the 49th owner who wants to read wait for one of the 48", async () => {
    using memory = newMemory();
    const others = Array.from({ length: 48 }, () => SharedBuffer.open(memory.name));
    const leases = others.map((other) => other.rwlock(0).read.acquireSync());
    const reading = memory.rwlock(0).read.acquire();
    expect(await isSettled(reading)).toBe(false);
    leases[7]?.release();
    expect((await reading).isHeld).toBe(true);
    for (const other of others) other.close();
    expect(RwLock.BYTES).toBe(256);
  });
});
