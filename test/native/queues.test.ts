import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  EAGAIN,
  EBADF,
  EBUSY,
  EIDRM,
  EINTR,
  ENOMSG,
  MESSAGE_GRADE,
  MESSAGE_LENGTH,
  MESSAGE_OFFSET,
  MESSAGE_STRIDE,
  MSG_MESSAGES,
  MSG_STATUS_LENGTH,
  MSG_WAIT_BUSY,
  MSG_WAIT_DONE,
  MSG_WAIT_EXITED,
  MSG_WAIT_TOOK_EMPTY,
  type NativeMessageWait,
} from "../../src/native/binding.js";
import { startPeer } from "../support/child.js";
import { bytes, core, Descriptors } from "./kernel.js";
import { openDescriptors } from "../support/open-descriptors.js";

const info = new Int32Array(16 * MESSAGE_STRIDE);
const memory = Buffer.allocUnsafeSlow(4096);
const { O_RDWR = 0, O_WRONLY = 0, O_CREAT = 0, O_EXCL = 0, IPC_CREAT = 0 } = core.constants;

function received(count: number): [text: string, grade: number][] {
  return Array.from({ length: count }, (_, index) => {
    const record = index * MESSAGE_STRIDE;
    const start = info[record + MESSAGE_OFFSET]!;
    return [
      memory.toString("latin1", start, start + info[record + MESSAGE_LENGTH]!),
      info[record + MESSAGE_GRADE]!,
    ];
  });
}

describe("POSIX queues", () => {
  const name = `/sluice-native-${process.pid}`;
  afterEach(() => {
    core.mqUnlink(name);
  });

  test("mqSend() and mqReceive() carry several messages a call, the highest priority first", () => {
    using fds = new Descriptors();
    const fd = fds.keep(core.mqOpen(name, O_RDWR | O_CREAT | O_EXCL, 0o600, 4, 64));
    expect(core.isCloseOnExec(fd)).toBe(1);
    expect(core.mqSend(fd, [bytes("a"), bytes("b"), bytes("skipped")], 0, 2, 0)).toBe(2);
    expect(core.mqSend(fd, [bytes("urgent"), bytes(""), bytes("one too many")], 0, 3, 9)).toBe(2);
    expect(core.mqSend(fd, [bytes("x")], 0, 1, 0)).toBe(-EAGAIN);
    expect(core.mqBytes(fd)).toBe(8);
    const attributes = new BigInt64Array(3);
    expect(core.mqAttributes(fd, attributes)).toBe(0);
    expect([...attributes]).toEqual([4n, 4n, 64n]);
    expect(core.mqReceive(fd, memory, 64, 3, info)).toBe(3);
    expect(received(3)).toEqual([
      ["urgent", 9],
      ["", 9],
      ["a", 0],
    ]);
    expect(core.mqReceive(fd, memory, 64, 16, info)).toBe(1);
    expect(core.mqReceive(fd, memory, 64, 16, info)).toBe(-EAGAIN);
    expect(core.mqBytes(fd)).toBe(0);
  });

  test("mqBytes() cannot tell on a queue that is open for writing only", () => {
    using fds = new Descriptors();
    fds.keep(core.mqOpen(name, O_RDWR | O_CREAT, 0o600, 4, 64));
    expect(core.mqBytes(fds.keep(core.mqOpen(name, O_WRONLY, 0, 0, 0)))).toBe(-EBADF);
  });

  test("mqReceive() reads as many as there is room for", () => {
    using fds = new Descriptors();
    const fd = fds.keep(core.mqOpen(name, O_RDWR | O_CREAT, 0o600, 4, 64));
    core.mqSend(fd, [bytes("1"), bytes("2")], 0, 2, 0);
    expect(core.mqReceive(fd, memory.subarray(0, 64), 64, 16, info)).toBe(1);
    expect(core.mqReceive(fd, memory.subarray(0, 65), 64, 16, info)).toBe(1);
  });
});

describe("System V queues", () => {
  let id = -1;
  beforeEach(() => {
    id = core.msgGet(0, IPC_CREAT | 0o600);
    expect(id).toBeGreaterThanOrEqual(0);
  });
  afterEach(() => {
    core.msgRemove(id);
  });

  const messages = (): number => {
    const status = new BigInt64Array(MSG_STATUS_LENGTH);
    return core.msgStatus(id, status) < 0 ? -1 : Number(status[MSG_MESSAGES]);
  };

  test("msgSend() and msgReceive() carry several messages a call, and select by type", () => {
    for (const type of [5, 3, 7, 3]) expect(core.msgSend(id, [bytes(`type ${type}`)], 0, 1, type)).toBe(1);
    expect(core.msgReceive(id, memory, 64, 16, info, 7)).toBe(1);
    expect(received(1)).toEqual([["type 7", 7]]);
    expect(core.msgReceive(id, memory, 64, 16, info, -4)).toBe(2);
    expect(core.msgReceive(id, memory, 64, 16, info, -4)).toBe(-ENOMSG);
    expect(core.msgReceive(id, memory, 64, 16, info, 0)).toBe(1);
    expect(received(1)).toEqual([["type 5", 5]]);
  });

  test("msgReceive() cuts a message that is longer than the room, and leaves those after it", () => {
    core.msgSend(id, [bytes("short"), bytes("much too long"), bytes("later")], 0, 3, 1);
    expect(core.msgReceive(id, memory, 8, 16, info, 0)).toBe(2);
    expect(received(2).map(([text]) => text)).toEqual(["short", "much too"]);
    expect(messages()).toBe(1);
  });

  test("msgReceive() stays within a memory whose length is no multiple of 8", () => {
    core.msgSend(id, [bytes("twelve bytes"), bytes("later")], 0, 2, 1);
    memory.fill("-");
    // Rounded up, the first message ends behind these 21 bytes.
    expect(core.msgReceive(id, memory.subarray(0, 21), 13, 16, info, 0)).toBe(1);
    expect(memory.toString("latin1", 20, 40)).toBe("-".repeat(20));
    expect(messages()).toBe(1);
  });

  /** A wait and the eventfd that tells of it, in a scope of their own. */
  class Wait implements Disposable {
    readonly #fds = new Descriptors();
    readonly event = this.#fds.keep(core.eventfd());
    readonly thread: NativeMessageWait;
    readonly out = new Int32Array(3);
    #ended = false;

    constructor() {
      const thread = core.msgWaitOpen(this.event);
      if (typeof thread === "number") throw new Error(`msgWaitOpen failed with errno ${-thread}`);
      this.thread = thread;
    }

    /** Asks until the thread has something to tell. */
    async outcome(): Promise<number> {
      for (;;) {
        const state = core.msgWaitResult(this.thread, this.out);
        if (state === MSG_WAIT_EXITED) this.#ended = true;
        if (state !== MSG_WAIT_BUSY) return state;
        await new Promise((resolve) => setImmediate(resolve));
      }
    }

    async end(): Promise<void> {
      while (!this.#ended) {
        core.msgWaitClose(this.thread);
        await new Promise((resolve) => setImmediate(resolve));
        const state = core.msgWaitResult(this.thread, this.out);
        if (state === MSG_WAIT_EXITED) this.#ended = true;
      }
    }

    [Symbol.dispose](): void {
      this.#fds[Symbol.dispose]();
    }
  }

  test("a wait tells of a message of its type and leaves it in the queue", async () => {
    using wait = new Wait();
    expect(core.msgWaitMessage(wait.thread, id, 7)).toBe(0);
    expect(core.msgWaitMessage(wait.thread, id, 8)).toBe(-EBUSY);
    core.msgSend(id, [bytes("other")], 0, 1, 3);
    expect(core.msgWaitResult(wait.thread, wait.out)).toBe(MSG_WAIT_BUSY);
    core.msgSend(id, [bytes("mine")], 0, 1, 7);
    expect(await wait.outcome()).toBe(MSG_WAIT_DONE);
    expect(wait.out[0]).toBe(0);
    expect(messages()).toBe(2);
    await wait.end();
  });

  test("a wait takes an empty message, which nothing but a receive can tell of, and tells its type", async () => {
    using wait = new Wait();
    core.msgWaitMessage(wait.thread, id, 0);
    core.msgSend(id, [new Uint8Array(0)], 0, 1, 2 ** 33 + 5);
    expect(await wait.outcome()).toBe(MSG_WAIT_DONE);
    expect([...wait.out]).toEqual([MSG_WAIT_TOOK_EMPTY, 5, 2]);
    expect(messages()).toBe(0);
    await wait.end();
  });

  test("a wait sends a message as soon as there is room, of a copy of its bytes", async () => {
    using wait = new Wait();
    const block = Buffer.alloc(4000);
    while (core.msgSend(id, [block], 0, 1, 1) === 1);
    const message = Buffer.alloc(4000, "m");
    expect(core.msgWaitSend(wait.thread, id, 9, message)).toBe(0);
    message.fill("x");
    const before = messages();
    expect(core.msgReceive(id, memory, 4000, 1, info, 1)).toBe(1);
    expect(await wait.outcome()).toBe(MSG_WAIT_DONE);
    expect(wait.out[0]).toBe(0);
    expect(messages()).toBe(before);
    expect(core.msgReceive(id, memory, 4000, 1, info, 9)).toBe(1);
    expect(received(1)[0]![0]).toBe("m".repeat(4000));
    await wait.end();
  });

  test("a wait ends with EIDRM when the queue is removed, and with EINTR when it is closed", async () => {
    using removed = new Wait();
    using closed = new Wait();
    const other = core.msgGet(0, IPC_CREAT | 0o600);
    core.msgWaitMessage(removed.thread, other, 0);
    core.msgWaitMessage(closed.thread, id, 0);
    core.msgRemove(other);
    expect(await removed.outcome()).toBe(MSG_WAIT_DONE);
    // Removed before the thread had come to wait, it is EINVAL.
    expect([-EIDRM, -22]).toContain(removed.out[0]);
    await Promise.all([removed.end(), closed.end()]);
    expect(closed.out[0]).toBe(-EINTR);
    expect(() => core.msgWaitClose(closed.thread)).toThrow(TypeError);
  });

  test("500 waits that are closed in the moment of a message lose none, and leave no thread or descriptor", async () => {
    const before = openDescriptors();
    for (let round = 0; round < 500; round++) {
      using wait = new Wait();
      core.msgWaitMessage(wait.thread, id, 0);
      core.msgSend(id, [bytes(String(round))], 0, 1, 1);
      await wait.end();
      expect(core.msgReceive(id, memory, 64, 16, info, 0)).toBe(1);
      expect(received(1)[0]![0]).toBe(String(round));
    }
    expect(openDescriptors()).toBe(before);
  });

  test("handlers of SIGURG are not told of interruptions, and hear of other senders", async () => {
    let heard = 0;
    const listen = (): void => {
      heard++;
    };
    process.on("SIGURG", listen);
    using wait = new Wait();
    core.msgWaitMessage(wait.thread, id, 0);
    await wait.end();
    expect(heard).toBe(0);
    const told = new Promise((resolve) => process.once("SIGURG", resolve));
    process.kill(process.pid, "SIGURG");
    await told;
    expect(heard).toBe(1);
    process.off("SIGURG", listen);
  });

  test("a waiting thread takes none of the process's signals, and lets setuid(2) through", async () => {
    await using peer = startPeer("native/message-wait");
    const masks = JSON.parse(await peer.nextLine()) as string[];
    // All but SIGURG (23), SIGKILL (9), SIGSTOP (19) and those that C libraries use among their own threads (32 to 34).
    const expected = (~((1n << 22n) | (1n << 8n) | (1n << 18n) | (7n << 31n)) & 0xffffffffffffffffn)
      .toString(16)
      .padStart(16, "0");
    expect(masks).toContain(expected);
    await peer.expectLine("uid changed, and back");
    expect(await peer.exit, peer.stderr).toEqual({ code: 0, signal: null });
  });
});
