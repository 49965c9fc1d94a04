import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { EAGAIN, ENOENT, ETIMEDOUT, Poll, READABLE } from "../../src/native/binding.js";
import { core, Descriptors } from "./kernel.js";

const NOBODY = [-1, 0] as const;

function shared(fds: Descriptors): {
  readonly fd: number;
  readonly words: Int32Array;
  readonly map: ArrayBuffer;
} {
  const fd = fds.keep(core.createMemory(4096, "sleeps"));
  const map = core.mapMemory(fd, 0, 4096, true);
  if (typeof map === "number") throw new Error(`mapMemory failed with errno ${-map}`);
  return { fd, words: new Int32Array(map), map };
}

/** The numbers of the sleeps that end next. */
async function ended(bell: number): Promise<number[]> {
  await new Promise<void>((resolve) => {
    const poll = new Poll(bell, () => {
      poll.close();
      resolve();
    });
    poll.set(READABLE);
  });
  core.clearEvent(bell);
  const out = new Int32Array(8);
  return [...out.slice(0, core.sleepsEnded(out))];
}

test("futexWait() sleeps while a word is as expected, for so many milliseconds", () => {
  using fds = new Descriptors();
  const { words } = shared(fds);
  words[3] = 7;
  expect(core.futexWait(words, 3, 8, 1000)).toBe(-EAGAIN);
  expect(core.futexWait(words, 3, 7, 5)).toBe(-ETIMEDOUT);
  expect(core.futexWake(words, 3, 1)).toBe(0);
});

test("a byte is claimed by one open file, until that is closed and not mapped", () => {
  using fds = new Descriptors();
  const { fd, map } = shared(fds);
  const { O_RDWR = 0 } = core.constants;
  const other = fds.keep(core.open(`/proc/self/fd/${fd}`, O_RDWR, 0));
  const byte = 2 ** 40 + 5;
  const claimer = fds.keep(core.open(`/proc/self/fd/${fd}`, O_RDWR, 0));
  expect([
    core.isByteClaimed(other, byte),
    core.claimByte(claimer, byte),
    core.claimByte(claimer, byte),
  ]).toEqual([0, 0, 0]);
  expect([core.isByteClaimed(other, byte), core.isByteClaimed(claimer, byte)]).toEqual([1, 0]);
  expect([core.claimByte(other, byte), core.isByteClaimed(other, byte + 1)]).toEqual([-EAGAIN, 0]);
  fds.close(claimer);
  expect(core.isByteClaimed(other, byte)).toBe(0);
  // A map holds the open file as a descriptor does.
  core.claimByte(fd, byte);
  fds.close(fd);
  expect(core.isByteClaimed(other, byte)).toBe(1);
  core.unmapMemory(map);
  expect(core.isByteClaimed(other, byte)).toBe(0);
});

test("a sleep ends when the word is woken, and its number is told once", async () => {
  using fds = new Descriptors();
  const { words } = shared(fds);
  const bell = fds.keep(core.eventfd());
  const first = core.sleepBegin(words, 0, 0, 10_000, ...NOBODY, bell);
  const second = core.sleepBegin(words, 1, 0, 10_000, ...NOBODY, bell);
  expect(second).not.toBe(first);
  while (core.futexWake(words, 1, 1) === 0) await new Promise(setImmediate);
  expect(await ended(bell)).toEqual([second]);
  expect(core.sleepsEnded(new Int32Array(8))).toBe(0);
  // The thread that has nothing to do is used again.
  words[1] = 5;
  expect(core.sleepBegin(words, 1, 0, 10_000, ...NOBODY, bell)).toBe(second);
  expect(await ended(bell)).toEqual([second]);
  expect(core.sleepCancel(first)).toBe(0);
});

test("a sleep goes on while its time is over and a byte is claimed, and ends with the claim", async () => {
  using fds = new Descriptors();
  const { fd, words } = shared(fds);
  const bell = fds.keep(core.eventfd());
  const { O_RDWR = 0 } = core.constants;
  const other = fds.keep(core.open(`/proc/self/fd/${fd}`, O_RDWR, 0));
  const claimer = fds.keep(core.open(`/proc/self/fd/${fd}`, O_RDWR, 0));
  core.claimByte(claimer, 100);
  const watched = core.sleepBegin(words, 0, 0, 1, other, 100, bell);
  const short = core.sleepBegin(words, 0, 0, 1, ...NOBODY, bell);
  expect(await ended(bell)).toEqual([short]);
  fds.close(claimer);
  expect(await ended(bell)).toEqual([watched]);
});

test("a wake-up that comes for a sleep nobody wants goes to another", async () => {
  using fds = new Descriptors();
  const { words } = shared(fds);
  const bell = fds.keep(core.eventfd());
  const unwanted = core.sleepBegin(words, 0, 0, 10_000, ...NOBODY, bell);
  const wanted = core.sleepBegin(words, 0, 0, 10_000, ...NOBODY, bell);
  expect(core.sleepCancel(unwanted)).toBe(0);
  expect(core.sleepCancel(unwanted)).toBe(-ENOENT);
  // Until both of them sleep, a wake-up finds nobody or the wrong one.
  while (core.futexWake(words, 0, 1) === 0) await new Promise(setImmediate);
  const waking = setInterval(() => core.futexWake(words, 0, 1), 1);
  expect(await ended(bell)).toEqual([wanted]);
  clearInterval(waking);
});

test("a sleep outlives the map of its word", async () => {
  using fds = new Descriptors();
  const { words, map } = shared(fds);
  const bell = fds.keep(core.eventfd());
  const sleep = core.sleepBegin(words, 0, 0, 20, ...NOBODY, bell);
  core.unmapMemory(map);
  expect(await ended(bell)).toEqual([sleep]);
});

test("the threads that sleep take no signals", async () => {
  using fds = new Descriptors();
  const { words } = shared(fds);
  const bell = fds.keep(core.eventfd());
  const sleeps = Array.from({ length: 12 }, () => core.sleepBegin(words, 0, 0, 10_000, ...NOBODY, bell));
  const nameOf = (task: string): string => readFileSync(`/proc/self/task/${task}/comm`, "latin1").trim();
  const sleepers = readdirSync("/proc/self/task").filter((task) => nameOf(task) === "sluice-sleeper");
  expect(sleepers.length).toBeGreaterThan(0);
  for (const task of sleepers) {
    const mask = /SigBlk:\s*([0-9a-f]+)/.exec(readFileSync(`/proc/self/task/${task}/status`, "latin1"))?.[1];
    // Bit n - 1 is signal n: all but SIGKILL and SIGSTOP, and 32 and 33, which the C library keeps for itself.
    expect(BigInt(`0x${mask ?? "0"}`) & 0x1_ffff_ffffn).toBe(0x7ffb_feffn);
  }
  for (const sleep of sleeps) core.sleepCancel(sleep);
});

test.each<[string, () => unknown, string]>([
  ["futexWait", () => core.futexWait(new Uint8Array(4) as never, 0, 0, 0), "argument 1"],
  ["futexWait", () => core.futexWait(new Int32Array(4), 4, 0, 0), "argument 2"],
  ["futexWake", () => core.futexWake(new Int32Array(0), 0, 1), "argument 2"],
  ["sleepBegin", () => core.sleepBegin(new Int32Array(1), 0, 0, -1, -1, 0, 0), "argument 4"],
  ["sleepsEnded", () => core.sleepsEnded([] as never), "argument 1"],
  ["claimByte", () => core.claimByte(0, -1), "argument 2"],
])("%s() refuses a wrong argument by name", (name, call, argument) => {
  expect(call).toThrow(name);
  expect(call).toThrow(argument);
  expect(core.sleepCancel(1000)).toBeLessThan(0);
});
