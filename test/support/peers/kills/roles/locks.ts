import { ChannelError, type ExclusiveLease, layout, type Lock, SharedBuffer } from "sluice";
import { reached } from "../../../../../src/core/step.js";
import { type Arguments, numberOf, type Role, textOf } from "./plan.js";

/** Where the locks of the scenarios lie, and the data that they guard. */
export const PLACES = {
  mutex: 0,
  rwlock: 0,
  semaphore: 0,
  condition: 64,
  secondSemaphore: 256,
  totals: 512,
  record: 1024,
} as const;
/** Permits of the semaphore. */
export const PERMITS = 2;
/** What is written in one step, so that a reader sees a write that is half done. */
export const recordLayout = layout({ x: "f64", y: "f64", text: "utf8(32)" });

/** Adds to two numbers, one after the other: a death in between leaves them different. */
export function section(totals: Float64Array): void {
  totals[0] = (totals[0] ?? 0) + 1;
  reached("section: half done");
  totals[1] = (totals[1] ?? 0) + 1;
}

/** Makes the data whole where somebody has died with it. Throws where it is not whole, and nobody was said to have died. */
export function repair(lease: ExclusiveLease, totals: Float64Array): void {
  if (lease.ownerDied) {
    totals[1] = totals[0] ?? 0;
    lease.markConsistent();
  } else if (totals[0] !== totals[1]) {
    throw new Error(`the data is half done (${totals[0]}, ${totals[1]}), and no lease has told of a death`);
  }
}

/** The locks of one kind, by a process that takes, holds, waits for and gives up each in every way. */
export const lockRoles: Readonly<Record<string, Role>> = {
  mutex: (args) =>
    withMemory(args, async (memory, totals) => {
      const mutex = memory.mutex(PLACES.mutex);
      await exclusively(args, mutex, totals);
      // Somebody has died with it, and this one does not repair: nobody gets it before it is recovered.
      const dying = SharedBuffer.open(textOf(args, "name"));
      await dying.mutex(PLACES.mutex).acquire();
      dying.close();
      const lost = await mutex.acquire().catch(lostLock);
      lost?.release();
      const recovered = mutex.recover();
      if (recovered !== undefined) {
        repair(recovered, totals);
        recovered.release();
      }
    }),
  "rwlock writer": (args, stage) =>
    withMemory(args, async (memory, totals) => {
      const { read, write } = memory.rwlock(PLACES.rwlock);
      await exclusively(args, write, totals);
      // Gives up while readers are in: once more where it was the other side, who competes, that stood before the readers, and this one behind it.
      do {
        using reading = SharedBuffer.open(textOf(args, "name"));
        using _reader = await reading.rwlock(PLACES.rwlock).read.acquire();
        await write.acquire({ timeout: 5 }).then((lease) => {
          lease.release();
        }, ignoreTimeout);
      } while (stage.timesAt("rwlock: claim given up") === 0);
      await read.acquire().then((lease) => {
        lease.release();
      }, lostLock);
    }),
  "rwlock reader": (args) =>
    withMemory(args, async (memory, totals) => {
      const { read } = memory.rwlock(PLACES.rwlock);
      for (let round = 0; round < numberOf(args, "rounds"); round++) {
        using _lease = await (round % 2 === 0 ? read.acquire() : Promise.resolve(read.acquireSync()));
        if (totals[0] !== totals[1]) throw new Error("a reader sees data that is half written");
        if (round % 4 === 0) await new Promise((resolve) => setImmediate(resolve));
      }
    }),
  semaphore: (args) =>
    withMemory(args, async (memory) => {
      const semaphore = memory.semaphore(PLACES.semaphore, PERMITS);
      for (let round = 0; round < numberOf(args, "rounds"); round++) {
        using _first = await semaphore.acquire();
        using _second = semaphore.tryAcquire();
        if (round % 2 === 0) await new Promise((resolve) => setImmediate(resolve));
      }
    }),
  "condition waiter": (args) =>
    withMemory(args, async (memory, totals) => {
      const mutex = memory.mutex(PLACES.mutex);
      const changed = memory.condition(PLACES.condition);
      const lease = await mutex.acquire();
      repair(lease, totals);
      console.log("waits");
      for (let round = 0; round < numberOf(args, "rounds"); round++) {
        await changed.wait(lease);
        repair(lease, totals);
        section(totals);
      }
      lease.release();
    }),
  "condition notifier": (args, stage) =>
    withMemory(args, async (memory, totals) => {
      const mutex = memory.mutex(PLACES.mutex);
      const changed = memory.condition(PLACES.condition);
      console.log("open");
      for (let round = 0; round < numberOf(args, "rounds"); round++) {
        await stage.nextLine();
        using lease = await mutex.acquire();
        repair(lease, totals);
        section(totals);
        changed.notify();
      }
    }),
  "locks first": (args) =>
    withMemory(args, async (memory) => {
      memory.semaphore(PLACES.secondSemaphore, PERMITS);
      memory.record(recordLayout, PLACES.record);
      (await memory.mutex(PLACES.mutex).acquire()).release();
    }),
  "record writer": async (args) => {
    using memory = SharedBuffer.open(textOf(args, "name"));
    const record = memory.record(recordLayout, PLACES.record);
    console.log("open");
    for (let round = 1; round <= numberOf(args, "rounds"); round++) {
      record.write({ x: round, y: -round, text: String(round).padEnd(30, "x") });
      if (round % 8 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
  },
};

async function withMemory(
  args: Arguments,
  work: (memory: SharedBuffer, totals: Float64Array) => Promise<void>,
): Promise<void> {
  using memory = SharedBuffer.open(textOf(args, "name"));
  await work(memory, memory.view(Float64Array, PLACES.totals, 2));
}

/** Takes a lock in each way, with others about: without waiting, waiting with and without blocking, from the dead, and in vain. */
async function exclusively(args: Arguments, lock: Lock<ExclusiveLease>, totals: Float64Array): Promise<void> {
  for (let round = 0; round < numberOf(args, "rounds"); round++) {
    let lease: ExclusiveLease | undefined;
    if (round % 4 === 0) lease = lock.tryAcquire();
    else if (round % 4 === 1) lease = lock.acquireSync();
    else if (round % 4 === 2) lease = await lock.acquire({ timeout: 1 }).catch(ignoreTimeout);
    else lease = await lock.acquire();
    if (lease === undefined) continue;
    repair(lease, totals);
    section(totals);
    if (round % 8 === 7) await new Promise((resolve) => setImmediate(resolve));
    lease.release();
  }
}

function ignoreTimeout(error: unknown): undefined {
  if (!(error instanceof ChannelError) || error.code !== "ERR_TIMEOUT") throw error;
}

function lostLock(error: unknown): undefined {
  if (!(error instanceof ChannelError) || error.code !== "ERR_OWNER_DIED") throw error;
}
