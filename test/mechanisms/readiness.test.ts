import { setImmediate as turn } from "node:timers/promises";
import { afterEach, expect, test, vi } from "vitest";
import { Readiness, type ReadinessHooks } from "../../src/mechanisms/readiness.js";
import { loadCore, READABLE, SOCK_STREAM, WRITABLE } from "../../src/native/binding.js";
import { isWatched } from "../support/watched.js";

const core = loadCore();
const opened: (() => void)[] = [];

afterEach(() => {
  for (const close of opened.splice(0)) close();
});

/** A socket with a Readiness that wants to read, the other end, and what `ready` was told. */
function watchedSocket(hooks: Partial<ReadinessHooks> = {}): {
  readiness: Readiness;
  fd: number;
  other: number;
  told: number[];
} {
  const pair = new Int32Array(2);
  expect(core.socketPair(SOCK_STREAM, pair)).toBe(0);
  const [fd = -1, other = -1] = pair;
  const told: number[] = [];
  const readiness = new Readiness(fd, {
    wanted: () => READABLE,
    mayAsk: () => true,
    ready: (_status, events) => told.push(events),
    look: () => false,
    ...hooks,
  });
  opened.push(() => {
    readiness.close();
    core.close(fd);
    core.close(other);
  });
  readiness.update();
  return { readiness, fd, other, told };
}

/** Waits until so much has come about; each turn of the event loop is one in which something may be asked. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await turn();
}

test("watches, and after many messages asks at each turn, unwatched, until nothing has come for a while", async () => {
  const { readiness, fd, told } = watchedSocket();
  await until(() => isWatched([String(fd)]));
  expect(told).toEqual([]);
  readiness.found(64);
  readiness.settle();
  expect(readiness.isAsked).toBe(true);
  expect(isWatched([String(fd)])).toBe(false);
  await until(() => !readiness.isAsked);
  expect(told.length).toBeGreaterThan(0);
  expect(told.every((events) => events === READABLE)).toBe(true);
  await until(() => isWatched([String(fd)]));
});

test("is watched at once where asking would not do, also in the middle", async () => {
  let mayAsk = true;
  let wanted = READABLE;
  const { readiness, fd, told } = watchedSocket({ mayAsk: () => mayAsk, wanted: () => wanted });
  readiness.found(64);
  readiness.settle();
  await until(() => told.length > 0);
  mayAsk = false;
  wanted = 0;
  const before = told.length;
  for (let turns = 0; turns < 20; turns++) await turn();
  // Not even once more: it may have been paused.
  expect(told.length).toBe(before);
  expect(readiness.isAsked).toBe(false);
  wanted = WRITABLE;
  readiness.update();
  // The kernel, which has room, tells.
  await until(() => told.length > before);
  expect(isWatched([String(fd)])).toBe(true);
  readiness.found(64);
  readiness.settle();
  expect(readiness.isAsked).toBe(false);
});

test("is told of nothing but events once it is only watched", async () => {
  const { readiness, other, told } = watchedSocket();
  readiness.found(64);
  readiness.settle();
  await until(() => told.length > 0);
  readiness.watchOnly(READABLE);
  const before = told.length;
  readiness.found(64);
  readiness.settle();
  for (let turns = 0; turns < 20; turns++) await turn();
  expect(told.length).toBe(before);
  core.write(other, Buffer.from("x"), 0, 1);
  await until(() => told.length > before);
});

test("nobody watches while answers come before anybody sleeps, and from the next turn of the event loop somebody does", async () => {
  // Gives nobody the processor: who computes beside the tests would decide how long an offer takes.
  const offers = vi.spyOn(core, "yieldProcessor").mockReturnValue(0);
  try {
    const { readiness, fd } = watchedSocket({ look: () => true });
    await until(() => isWatched([String(fd)]));
    let sent = 0;
    const isUnwatched = (): boolean => {
      for (let answers = 0; answers < 100; answers++) readiness.beforeWait(++sent);
      return !isWatched([String(fd)]);
    };
    // Where this process is interrupted meanwhile it takes another turn.
    await until(isUnwatched);
    expect(offers).toHaveBeenCalled();
    await until(() => isWatched([String(fd)]));
  } finally {
    offers.mockRestore();
  }
});

test("does not look again after a look that has closed it: the descriptor's number may be somebody else's", () => {
  let looks = 0;
  const { readiness }: { readiness: Readiness } = watchedSocket({
    look: () => {
      looks++;
      readiness.close();
      return false;
    },
  });
  readiness.beforeWait(1);
  expect(looks).toBe(1);
  // Nothing of it throws afterwards.
  readiness.update();
  readiness.settle();
  readiness.close();
});

test("a receiver who has sent nothing does not look, and one who has looks twice where nothing comes", () => {
  let looks = 0;
  const { readiness } = watchedSocket({
    look: () => {
      looks++;
      return false;
    },
  });
  readiness.beforeWait(0);
  expect(looks).toBe(0);
  readiness.beforeWait(1);
  expect(looks).toBe(2);
});
