import { openSync, closeSync } from "node:fs";
import { expect, test } from "vitest";
import { ChannelError } from "../../src/core/errors.js";
import {
  DISCONNECT,
  EAGAIN,
  EBADF,
  EEXIST,
  EPERM,
  Poll,
  READABLE,
  SOCK_SEQPACKET,
  SOCK_STREAM,
  WRITABLE,
} from "../../src/native/binding.js";
import { startPeer } from "../support/child.js";
import { bytes, core, Descriptors } from "./kernel.js";
import { openDescriptors } from "../support/open-descriptors.js";

/** Collects what a Poll tells, and waits for it. */
class Watch implements Disposable {
  readonly poll: Poll;
  readonly seen: [status: number, events: number][] = [];
  #wake: () => void = () => undefined;

  constructor(fd: number, each: () => void = () => undefined) {
    this.poll = new Poll(fd, (status, events) => {
      this.seen.push([status, events]);
      each();
      this.#wake();
    });
  }

  async next(): Promise<[number, number]> {
    while (this.seen.length === 0) await new Promise<void>((resolve) => (this.#wake = resolve));
    return this.seen.shift()!;
  }

  [Symbol.dispose](): void {
    this.poll.close();
  }
}

async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise(setImmediate);
}

test("a Poll tells readiness as long as it lasts, and stops when told", async () => {
  using fds = new Descriptors();
  const [left, right] = fds.pair(SOCK_STREAM);
  using watch = new Watch(right);
  watch.poll.set(READABLE);
  core.write(left, bytes("x"), 0, 1);
  expect(await watch.next()).toEqual([0, READABLE]);
  // Level-triggered: nobody has read.
  expect(await watch.next()).toEqual([0, READABLE]);
  watch.poll.set(0);
  watch.seen.length = 0;
  await turns(5);
  expect(watch.seen).toEqual([]);
  watch.poll.set(READABLE | WRITABLE);
  expect(await watch.next()).toEqual([0, READABLE | WRITABLE]);
});

test("a Poll tells that the peer is gone", async () => {
  using fds = new Descriptors();
  const [left, right] = fds.pair(SOCK_SEQPACKET);
  using watch = new Watch(right);
  watch.poll.set(DISCONNECT);
  await turns(3);
  expect(watch.seen).toEqual([]);
  fds.close(left);
  expect((await watch.next())[1] & DISCONNECT).toBe(DISCONNECT);
});

test("a pipe without readers is an error state that stops the Poll, and a write tells why", async () => {
  using fds = new Descriptors();
  const [reader, writer] = fds.pipe();
  core.write(writer, new Uint8Array(65_536), 0, 65_536);
  using watch = new Watch(writer);
  watch.poll.set(WRITABLE);
  await turns(3);
  expect(watch.seen).toEqual([]);
  fds.close(reader);
  expect(await watch.next()).toEqual([-EBADF, 0]);
  await turns(3);
  expect(watch.seen).toEqual([]);
});

test("a Poll may be closed in its own callback, and its descriptor right after", async () => {
  const before = openDescriptors();
  for (let i = 0; i < 200; i++) {
    using fds = new Descriptors();
    const [left, right] = fds.pair(SOCK_STREAM);
    core.write(left, bytes("x"), 0, 1);
    await new Promise<void>((resolve) => {
      const poll = new Poll(right, () => {
        poll.close();
        poll.close();
        fds.close(right);
        resolve();
      });
      poll.set(READABLE);
    });
  }
  expect(openDescriptors()).toBe(before);
});

test("after close() the callback is not called, even for what had already happened", async () => {
  using fds = new Descriptors();
  const [left, right] = fds.pair(SOCK_STREAM);
  let calls = 0;
  const first = new Poll(right, () => calls++);
  const other = new Poll(left, () => calls++);
  first.set(READABLE);
  other.set(WRITABLE);
  core.write(left, bytes("x"), 0, 1);
  first.close();
  other.close();
  expect(first.isClosed).toBe(true);
  await turns(5);
  expect(calls).toBe(0);
  expect(() => first.set(READABLE)).toThrow(TypeError);
  expect(first.ref().unref()).toBe(first);
});

test("a descriptor number that is used again gets only its own events", async () => {
  for (let i = 0; i < 50; i++) {
    using fds = new Descriptors();
    const [left, right] = fds.pair(SOCK_STREAM);
    using watch = new Watch(right);
    watch.poll.set(READABLE);
    core.write(left, bytes("x"), 0, 1);
    watch.poll.close();
    fds.close(right);
    const [newLeft, newRight] = fds.pair(SOCK_STREAM);
    expect([newLeft, newRight]).toContain(right);
    using again = new Watch(right);
    again.poll.set(READABLE);
    await turns(2);
    expect(watch.seen).toEqual([]);
    expect(again.seen).toEqual([]);
  }
});

test("a second Poll on a descriptor is refused with the way out", () => {
  using fds = new Descriptors();
  const [reader] = fds.pipe();
  using first = new Watch(reader);
  first.poll.set(READABLE);
  const attempt = (): Poll => new Poll(reader, () => undefined);
  expect(attempt).toThrow(ChannelError);
  expect(attempt).toThrow(/another Poll of this thread watches it; close that one first/);
  first.poll.set(0);
  const second = attempt();
  second.set(READABLE);
  expect(() => {
    first.poll.set(READABLE);
  }).toThrow(expect.objectContaining({ code: "ERR_SYSTEM", errno: EEXIST }) as Error);
  second.close();
});

test("files on disk and closed descriptors cannot be watched, and the errors say so", () => {
  const file = openSync("/etc/passwd", "r");
  try {
    expect(() => new Poll(file, () => undefined)).toThrow(/always ready/);
    expect(() => new Poll(file, () => undefined)).toThrow(expect.objectContaining({ errno: EPERM }) as Error);
  } finally {
    closeSync(file);
  }
  expect(() => new Poll(1_000_000, () => undefined)).toThrow(
    expect.objectContaining({ errno: EBADF }) as Error,
  );
  expect(() => new Poll(1.5, () => undefined)).toThrow(RangeError);
  expect(() => new Poll(0, undefined as never)).toThrow(TypeError);
});

test("promises and nextTick that a callback starts run before the next event", async () => {
  using fds = new Descriptors();
  const [left, right] = fds.pair(SOCK_STREAM);
  const order: string[] = [];
  core.write(left, bytes("x"), 0, 1);
  using watch = new Watch(right, () => {
    order.push("event");
    void Promise.resolve().then(() => order.push("promise"));
    process.nextTick(() => order.push("tick"));
  });
  watch.poll.set(READABLE);
  while (order.length < 6) await watch.next();
  expect(order.slice(0, 6)).toEqual(["event", "tick", "promise", "event", "tick", "promise"]);
});

test("Polls that nobody holds go on working, and closed ones are collected", async () => {
  await using peer = startPeer("native/poll-garbage", [], { execArgv: ["--expose-gc"] });
  await peer.expectLine("events 100");
  await peer.expectLine("closed");
  expect(await peer.exit).toEqual({ code: 0, signal: null });
});

test("an open Poll keeps the process alive only while it watches and is referenced", async () => {
  for (const [mode, expected] of [
    ["watching", "timeout"],
    ["unref", "exit"],
    ["stopped", "exit"],
    ["closed", "exit"],
    ["unref-ref", "timeout"],
  ] as const) {
    await using peer = startPeer("native/poll-alive", [mode]);
    expect([mode, await peer.nextLine()]).toEqual([mode, expected]);
    expect((await peer.exit).code).toBe(0);
  }
});

test("a throw in the callback is an ordinary uncaught exception", async () => {
  await using plain = startPeer("native/poll-throw", ["plain"]);
  expect(await plain.exit).toEqual({ code: 1, signal: null });
  expect(plain.stderr).toContain("Error: thrown in a callback");
  await using handled = startPeer("native/poll-throw", ["handled"]);
  for (let i = 0; i < 3; i++) await handled.expectLine("uncaught: thrown in a callback");
  expect(await handled.exit).toEqual({ code: 0, signal: null });
});

test(
  "10,000 Polls opened and closed leave no descriptor and little memory behind",
  { timeout: 60_000 },
  async () => {
    using fds = new Descriptors();
    const [reader, writer] = fds.pipe();
    core.write(writer, bytes("x"), 0, 1);
    const before = openDescriptors();
    const cycle = async (count: number): Promise<void> => {
      for (let i = 0; i < count; i++) {
        await new Promise<void>((resolve) => {
          const poll = new Poll(reader, () => {
            poll.close();
            resolve();
          });
          poll.set(READABLE);
        });
      }
    };
    await cycle(1000);
    const resident = process.memoryUsage.rss();
    await cycle(10_000);
    expect(openDescriptors()).toBe(before);
    expect(process.memoryUsage.rss() - resident).toBeLessThan(20 * 2 ** 20);
    expect(core.read(reader, new Uint8Array(2), 0, 2)).toBe(1);
    expect(core.read(reader, new Uint8Array(2), 0, 2)).toBe(-EAGAIN);
  },
);
