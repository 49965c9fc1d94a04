import { afterAll, expect } from "vitest";
import { ChannelError, type ExclusiveLease, type Lock, SharedBuffer } from "sluice";
import { PERMITS, PLACES, recordLayout, repair, section } from "../../support/peers/kills/roles/locks.js";
import { type Cast, describeKills, type Scenario } from "./support/campaign.js";
import { within } from "./support/victims.js";

const ROUNDS = 32;
/** A death is noticed within 20 ms; the rest is for a machine that is busy. */
const PROMPT = 3000;

let number = 0;
const names: string[] = [];
afterAll(() => {
  expect(names.filter(isThere), "segments that are left").toEqual([]);
});

function isThere(name: string): boolean {
  try {
    SharedBuffer.open(name).close();
    return true;
  } catch (error) {
    if (error instanceof ChannelError && error.code === "ERR_NO_PEER") return false;
    throw error;
  }
}

function freshMemory(): { memory: SharedBuffer; name: string; totals: Float64Array } {
  const name = `/sluice-kills-locks-${process.pid}-${++number}`;
  names.push(name);
  const memory = SharedBuffer.create({ name, size: 4096 });
  return { memory, name, totals: memory.view(Float64Array, PLACES.totals, 2) };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Takes an exclusive lock, whatever state a death has left it in, and makes the data whole. */
async function takeAndRepair(
  lock: Lock<ExclusiveLease> & { recover(): ExclusiveLease | undefined },
  totals: Float64Array,
): Promise<ExclusiveLease> {
  for (;;) {
    try {
      const lease = await lock.acquire({ timeout: PROMPT });
      repair(lease, totals);
      return lease;
    } catch (error) {
      if (!(error instanceof ChannelError) || error.code !== "ERR_OWNER_DIED") throw error;
      const lease = lock.recover();
      if (lease === undefined) continue; // the victim has recovered it meanwhile
      repair(lease, totals);
      return lease;
    }
  }
}

/** Competes with the victim until that has ended; then the lock must be had, and had again. */
async function compete(
  cast: Cast,
  lock: Lock<ExclusiveLease> & { recover(): ExclusiveLease | undefined },
  totals: Float64Array,
): Promise<void> {
  let last = false;
  let after = 0;
  while (after < 3) {
    last = cast.victim.isOver;
    const lease = await takeAndRepair(lock, totals);
    section(totals);
    if (!last) await turn();
    lease.release();
    if (!last) await turn();
    else after++;
  }
  expect(totals[0]).toBe(totals[1]);
}

const mutex: Scenario = {
  name: "a mutex one of whose users is killed",
  async run(cast) {
    const { memory, name, totals } = freshMemory();
    using _memory = memory;
    const victim = await cast.play("mutex", { name, rounds: ROUNDS });
    await compete(cast, memory.mutex(PLACES.mutex), totals);
    await victim.ended();
  },
};

const writer: Scenario = {
  name: "a rwlock with a writer that is killed",
  async run(cast) {
    const { memory, name, totals } = freshMemory();
    using _memory = memory;
    const { read, write } = memory.rwlock(PLACES.rwlock);
    await cast.play("rwlock writer", { name, rounds: ROUNDS });
    await compete(cast, write, totals);
    using _reader = await read.acquire({ timeout: PROMPT });
    expect(totals[0]).toBe(totals[1]);
  },
};

const reader: Scenario = {
  name: "a rwlock with a reader that is killed",
  async run(cast) {
    const { memory, name, totals } = freshMemory();
    using _memory = memory;
    await cast.play("rwlock reader", { name, rounds: ROUNDS });
    const { write } = memory.rwlock(PLACES.rwlock);
    await compete(cast, write, totals);
    using lease = await write.acquire({ timeout: PROMPT });
    // A reader has nothing to be repaired.
    expect(lease.ownerDied).toBe(false);
  },
};

const semaphore: Scenario = {
  name: "a semaphore one of whose users is killed",
  async run(cast) {
    const { memory, name } = freshMemory();
    using _memory = memory;
    const lock = memory.semaphore(PLACES.semaphore, PERMITS);
    {
      // A permit of somebody dead is there for the victim.
      const dying = SharedBuffer.open(name);
      await dying.semaphore(PLACES.semaphore, PERMITS).acquire();
      dying.close();
    }
    const victim = await cast.play("semaphore", { name, rounds: ROUNDS });
    while (!victim.isOver) {
      using _lease = await lock.acquire({ timeout: PROMPT });
      await turn();
    }
    // Every permit is there again.
    using _first = await lock.acquire({ timeout: PROMPT });
    using _second = await lock.acquire({ timeout: PROMPT });
    expect(lock.tryAcquire()).toBeUndefined();
  },
};

const waiter: Scenario = {
  name: "a condition with a waiter that is killed",
  async run(cast) {
    const { memory, name, totals } = freshMemory();
    using _memory = memory;
    const lock = memory.mutex(PLACES.mutex);
    const changed = memory.condition(PLACES.condition);
    const victim = await cast.play("condition waiter", { name, rounds: ROUNDS });
    while (!victim.isOver) {
      const lease = await takeAndRepair(lock, totals);
      section(totals);
      changed.notify();
      lease.release();
      await turn();
    }
    // Another who waits is notified all the same: here both are of this process.
    const lease = await takeAndRepair(lock, totals);
    const waiting = changed.wait(lease, { timeout: PROMPT });
    const notifier = await takeAndRepair(lock, totals);
    changed.notifyAll();
    notifier.release();
    await waiting;
    lease.release();
  },
};

const notifier: Scenario = {
  name: "a condition with a notifier that is killed",
  async run(cast) {
    const { memory, name, totals } = freshMemory();
    using _memory = memory;
    const lock = memory.mutex(PLACES.mutex);
    const changed = memory.condition(PLACES.condition);
    const victim = await cast.play("condition notifier", { name, rounds: ROUNDS });
    if (!(await victim.says("open"))) return;
    const lease = await takeAndRepair(lock, totals);
    for (let round = 0; round < ROUNDS && !victim.isOver; round++) {
      const before = totals[0];
      await victim.say("notify");
      const over = victim.over.then(() => "over");
      const waiting = changed.wait(lease, { timeout: PROMPT }).then(
        () => "notified",
        (error: unknown) => {
          if (error instanceof ChannelError && error.code === "ERR_TIMEOUT") return "timed out";
          throw error;
        },
      );
      const first = await Promise.race([waiting, over]);
      const outcome = first === "over" ? await waiting : first;
      if (lease.isHeld) repair(lease, totals);
      // What was changed before the sequence was is a notification, though nobody was left to ring for it.
      if (outcome === "timed out") {
        expect(victim.isOver).toBe(true);
        break;
      }
      expect(totals[0]).toBeGreaterThan(before ?? 0);
    }
    lease.release();
    await victim.ended();
  },
};

const record: Scenario = {
  name: "a record whose writer is killed",
  async run(cast) {
    const { memory, name } = freshMemory();
    using _memory = memory;
    const place = memory.record(recordLayout, PLACES.record);
    const victim = await cast.play("record writer", { name, rounds: ROUNDS });
    const check = (): number => {
      const { x, y, text } = place.read();
      expect([y, text]).toEqual([x === 0 ? 0 : -x, x === 0 ? "" : String(x).padEnd(30, "x")]);
      return x;
    };
    let latest = 0;
    while (!victim.isOver) {
      const seen = check();
      expect(seen).toBeGreaterThanOrEqual(latest);
      latest = seen;
      await turn();
    }
    check();
    place.write({ x: 1e6, y: -1e6, text: "1000000".padEnd(30, "x") });
    expect(check()).toBe(1e6);
  },
};

const creator: Scenario = {
  name: "shared memory in which the first to use a lock or record is killed",
  async run(cast) {
    const { memory, name } = freshMemory();
    using _memory = memory;
    const victim = await cast.play("locks first", { name });
    await victim.ended();
    using _mutex = await memory.mutex(PLACES.mutex).acquire({ timeout: PROMPT });
    const lock = memory.semaphore(PLACES.secondSemaphore, PERMITS);
    using _first = await within(PROMPT, lock.acquire(), "a permit");
    memory.record(recordLayout, PLACES.record).write({ x: 1 });
    expect(memory.record(recordLayout, PLACES.record).read()).toEqual({ x: 1, y: 0, text: "" });
  },
};

describeKills("locks", [mutex, writer, reader, semaphore, waiter, notifier, record, creator], {
  short: 16,
  long: 4000,
});
