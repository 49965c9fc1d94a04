import { spawnSync } from "node:child_process";
import { statSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { MessageQueue, type MessageQueueOptions, text } from "sluice";
import { codeOf, untilThreadsWait, useName } from "./support.js";

const name = useName("sysv");
const options = { kind: "sysv", create: true, codec: text() } as const satisfies MessageQueueOptions<
  string,
  string
>;

describe("System V queues", () => {
  it("give the messages of the type that is asked for: one type, any, the lowest up to one", async () => {
    await using queue = await MessageQueue.open(name(), options);
    for (const type of [5, 3, 9, 3, 7]) await queue.send(`of ${type}`, { type });
    expect(await queue.receive({ type: 9 })).toBe("of 9");
    expect((await queue.receiveEnvelope({ type: -4 })).type).toBe(3);
    expect(await queue.receive()).toBe("of 5");
    expect(await queue.receiveMany({ type: 3 })).toEqual(["of 3"]);
    expect(await codeOf(queue.receive({ type: -6, timeout: 0 }))).toBe("ERR_TIMEOUT");
    expect(queue.tryReceive()).toBe("of 7");
    await queue.send("plain");
    expect((await queue.receiveEnvelope()).type).toBe(1);
  });

  it("serve receives that wait for different types at the same time, each with its own", async () => {
    await using queue = await MessageQueue.open(name(), options);
    const waits = [7, 8, 9, 7, 0].map((type) => queue.receive({ type }));
    await untilThreadsWait(4);
    await queue.send("seven", { type: 7 });
    await queue.send("nine", { type: 9 });
    await queue.send("any", { type: 33 });
    await queue.send("eight", { type: 8 });
    await queue.send("seven again", { type: 7 });
    expect(await Promise.all(waits)).toEqual(["seven", "eight", "nine", "seven again", "any"]);
  });

  it("carry types of more than 32 bits, and refuse what is none", async () => {
    await using queue = await MessageQueue.open(name(), options);
    await queue.send("large", { type: 2 ** 52 + 1 });
    expect((await queue.receiveEnvelope({ type: 2 ** 52 + 1 })).type).toBe(2 ** 52 + 1);
    for (const type of [0, -1, 1.5, 2 ** 53])
      await expect(queue.send("x", { type })).rejects.toThrow(/options\.type/);
    for (const type of [1.5, 2 ** 53, Number.NaN])
      await expect(queue.receive({ type })).rejects.toThrow(/options\.type.*within 2 \*\* 53/);
    await expect(queue.receive({ type: "7" as unknown as number })).rejects.toThrow(TypeError);
  });

  it("keep the threads of abandoned waits no longer than they are wanted", async () => {
    await using queue = await MessageQueue.open(name(), options);
    for (let type = 1; type <= 40; type++)
      expect(await codeOf(queue.receive({ type, timeout: 3 }))).toBe("ERR_TIMEOUT");
    const waiting = queue.receive({ type: 1000 });
    await untilThreadsWait(1);
    await queue.send("after all", { type: 1000 });
    expect(await waiting).toBe("after all");
    await queue.close();
    await untilThreadsWait(0);
  });

  it("give an empty message that came for an aborted receive to the next, or back to the queue at close", async () => {
    await using sender = await MessageQueue.open(name(), { ...options, direction: "send" });
    const receiver = await MessageQueue.open(name(), { ...options, direction: "receive" });
    const controller = new AbortController();
    const aborted = codeOf(receiver.receive({ signal: controller.signal }));
    await untilThreadsWait(1);
    await sender.send("", { type: 5 });
    controller.abort("enough");
    expect(["enough", ""]).toContain(await aborted);
    if ((await aborted) === "enough") expect(await receiver.receive({ type: 5 })).toBe("");
    const last = codeOf(receiver.receive({ type: 6 }));
    await untilThreadsWait(1);
    await Promise.all([sender.send("", { type: 6 }), receiver.close()]);
    if ((await last) === "ERR_CHANNEL_CLOSED") expect(sender.stat().messages).toBe(1);
  });

  it("end when they are removed: what waits is told, and so is who comes later", async () => {
    const queue = await MessageQueue.open(name(), options);
    const other = await MessageQueue.open(name(), options);
    const waits = [queue.receive(), queue.receive({ type: 7 })].map(codeOf);
    const looped = (async () => {
      for await (const _ of other) throw new Error("there was a message");
    })();
    await untilThreadsWait(3);
    MessageQueue.unlink(name(), { kind: "sysv" });
    expect(await Promise.all(waits)).toEqual(["ERR_END_OF_CHANNEL", "ERR_END_OF_CHANNEL"]);
    await looped;
    await Promise.all([queue.closed, other.closed]);
    expect(await codeOf(queue.send("late"))).toBe("ERR_PEER_DIED");
    expect(await codeOf(MessageQueue.open(name(), { kind: "sysv" }))).toBe("ERR_NO_PEER");
  });

  it("fail with ERR_PEER_DIED when they are removed under messages that did not leave", async () => {
    const queue = await MessageQueue.open(name(), {
      ...options,
      direction: "send",
      sendQueue: { messages: 3 },
    });
    while (queue.trySend("x".repeat(4000)));
    const waiting = codeOf(queue.send("waits"));
    await untilThreadsWait(1);
    MessageQueue.unlink(name(), { kind: "sysv" });
    expect(await waiting).toBe("ERR_PEER_DIED");
    await expect(queue.flush()).rejects.toThrow(/messages did not leave.*removed/);
  });

  it("are found by the key that ftok(3) makes, and by the key itself", async () => {
    await using queue = await MessageQueue.open(name(), { ...options, projectId: 0x41 });
    const { ino, dev } = statSync(name(), { bigint: true });
    const key = Number((0x41n << 24n) | ((dev & 0xffn) << 16n) | (ino & 0xffffn));
    await queue.send("by path");
    await using same = await MessageQueue.open(key, { kind: "sysv", codec: text() });
    expect(await same.receive()).toBe("by path");
    const python = "import sys,ctypes;print(ctypes.CDLL(None).ftok(sys.argv[1].encode(),0x41))";
    const { stdout } = spawnSync("python3", ["-c", python, name()], { encoding: "utf8" });
    expect(Number(stdout)).toBe(key | 0);
    MessageQueue.unlink(key | 0, { kind: "sysv" });
  });

  it("tell what they hold and who used them last", async () => {
    await using queue = await MessageQueue.open(name(), options);
    expect(queue.stat()).toMatchObject({ messages: 0, bytes: 0, lastSender: 0, lastReceiver: 0 });
    await queue.sendMany(["12345", "123"]);
    expect(queue.stat()).toMatchObject({
      messages: 2,
      bytes: 8,
      lastSender: process.pid,
      maxMessageSize: 8192,
    });
    await queue.receive();
    expect(queue.stat().lastReceiver).toBe(process.pid);
  });

  it("get room for as many of the largest messages as were asked for, or name the limit", async () => {
    const limits = { maxMessages: 4, maxMessageSize: 1000 };
    await using queue = await MessageQueue.open(name(), { ...options, ...limits });
    expect(queue.stat()).toMatchObject({ maxBytes: 4000, maxMessageSize: 1000 });
    expect(await codeOf(MessageQueue.open(name(), { ...options, ...limits, maxMessages: 5 }))).toBe(
      "ERR_ADDRESS_IN_USE",
    );
    const huge = { ...options, maxMessageSize: 2 ** 30 };
    await expect(MessageQueue.open(name(), huge)).rejects.toMatchObject({
      code: "ERR_ACCESS_DENIED",
      message: expect.stringMatching(
        /options\.maxMessageSize is 1073741824.*kernel\.msgmax is \d+/,
      ) as string,
    });
  });

  it("refuse keys and paths that are none", async () => {
    for (const bad of [0, 1.5, 2 ** 32, -(2 ** 31) - 1, Number.NaN])
      await expect(MessageQueue.open(bad, { kind: "sysv" })).rejects.toThrow(RangeError);
    for (const bad of ["", "a\0b", undefined, {}])
      await expect(MessageQueue.open(bad as string, { kind: "sysv" })).rejects.toThrow(TypeError);
    await expect(MessageQueue.open(5, { kind: "sysv", projectId: 1 })).rejects.toThrow(
      /projectId goes with a path/,
    );
    await expect(MessageQueue.open("/nowhere/at/all", { kind: "sysv" })).rejects.toMatchObject({
      code: "ERR_NO_PEER",
      syscall: "stat",
      message: expect.stringContaining("must exist") as string,
    });
  });
});
