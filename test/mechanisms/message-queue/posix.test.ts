import { describe, expect, it } from "vitest";
import { json, MessageQueue, text } from "sluice";
import { compiled, startPeer, startProgram } from "../../support/child.js";
import { codeOf, useName } from "./support.js";

const name = useName("posix");
const codec = text();

describe("POSIX queues", () => {
  it("give the highest priority first, and keep the order within one", async () => {
    await using queue = await MessageQueue.open(name(), { create: true, codec });
    await queue.send("first");
    await queue.send("urgent", { priority: 32_767 });
    await queue.sendMany(["soon", "soon too"], { priority: 5 });
    await queue.send("second");
    const { message, priority } = await queue.receiveEnvelope();
    expect([message, priority]).toEqual(["urgent", 32_767]);
    expect(await queue.receiveMany()).toEqual(["soon", "soon too", "first", "second"]);
    await queue.send("plain");
    expect((await queue.receiveEnvelope()).priority).toBe(0);
  });

  it("refuse a priority that is none", async () => {
    await using queue = await MessageQueue.open(name(), { create: true, codec });
    for (const priority of [-1, 32_768, 1.5, Number.NaN])
      await expect(queue.send("x", { priority })).rejects.toThrow(/options\.priority must be .*0 to 32767/);
    await expect(queue.sendMany(["x"], { priority: "5" as unknown as number })).rejects.toThrow(TypeError);
    expect(queue.stat().messages).toBe(0);
  });

  it("are made with the limits and exactly the mode that were asked for, and open again with them", async () => {
    const umask = process.umask(0o077);
    try {
      await using made = await MessageQueue.open(name(), {
        create: true,
        mode: 0o666,
        maxMessages: 3,
        maxMessageSize: 100,
      });
      expect(made.traits).toMatchObject({
        mechanism: "message-queue",
        direction: "both",
        maxMessageSize: 100,
        persistent: true,
        peerIdentity: "none",
      });
      expect(made.stat()).toEqual({
        messages: 0,
        bytes: 0,
        maxMessages: 3,
        maxBytes: 300,
        maxMessageSize: 100,
        lastSender: undefined,
        lastReceiver: undefined,
      });
    } finally {
      process.umask(umask);
    }
    if (process.getuid?.() === 0) {
      await using stranger = startPeer("message-queue/send", ["posix", name(), "hello", "root"], {
        uid: 65_534,
        gid: 65_534,
      });
      expect(await stranger.nextLine()).toBe("sent");
    }
    await using again = await MessageQueue.open(name(), { create: true, maxMessages: 2 });
    expect(again.traits.maxMessageSize).toBe(100);
    expect(await codeOf(MessageQueue.open(name(), { create: true, exclusive: true }))).toBe(
      "ERR_ADDRESS_IN_USE",
    );
    await expect(MessageQueue.open(name(), { create: true, maxMessages: 4 })).rejects.toThrow(
      /maxMessages 3 instead of 4/,
    );
    await expect(MessageQueue.open(name(), { maxMessageSize: 101 })).rejects.toMatchObject({
      code: "ERR_ADDRESS_IN_USE",
    });
  });

  it("are not there until somebody makes them", async () => {
    await expect(MessageQueue.open(name())).rejects.toThrow(/"\/sluice-test-.*\{ create: true \}/);
    expect(await codeOf(MessageQueue.open(name()))).toBe("ERR_NO_PEER");
    expect(() => MessageQueue.unlink(name())).toThrow(expect.objectContaining({ code: "ERR_NO_PEER" }));
  });

  it("name the limits of the system that refuse an option", async () => {
    // Some users may go beyond the first limit, nobody beyond the kernel's own of 65,536 messages.
    await expect(MessageQueue.open(name(), { create: true, maxMessages: 65_537 })).rejects.toMatchObject({
      code: "ERR_ACCESS_DENIED",
      message: expect.stringMatching(
        /maxMessages 65537.*fs\.mqueue\.msg_max is \d+, fs\.mqueue\.msgsize_max is \d+/,
      ) as string,
    });
  });

  it("name the limit of the user's bytes for all queues, or of their number, when there are too many", async () => {
    // With a limit of its own, for one queue of this size: what the user has is shared by all tests that run.
    const program = `
      const { MessageQueue } = await import(${JSON.stringify(compiled("src/index.ts"))});
      const [name] = process.argv.slice(1);
      const open = [];
      try {
        for (let index = 0; index < 1000; index++) {
          const options = { create: true, maxMessages: 10, maxMessageSize: 8192 };
          open.push(await MessageQueue.open(name + "-" + index, options));
        }
      } catch ({ code, message }) {
        console.log(JSON.stringify({ code, message }));
      }
      for (const [index, queue] of open.entries()) {
        await queue.close();
        MessageQueue.unlink(name + "-" + index);
      }`;
    await using peer = startProgram("bash", [
      "-c",
      'ulimit -q 100000; exec "$0" --input-type=module -e "$1" "$2"',
      process.execPath,
      program,
      name(),
    ]);
    const failure = JSON.parse(await peer.nextLine()) as unknown;
    expect(failure).toMatchObject({
      code: "ERR_SYSTEM",
      message: expect.stringMatching(/RLIMIT_MSGQUEUE|fs\.mqueue\.queues_max is \d+/) as string,
    });
    expect((await peer.exit).code).toBe(0);
  });

  it("go on without their name until the last channel closes", async () => {
    await using queue = await MessageQueue.open(name(), { create: true, codec });
    await queue.send("still there");
    MessageQueue.unlink(name());
    expect(await codeOf(MessageQueue.open(name()))).toBe("ERR_NO_PEER");
    expect(await queue.receive()).toBe("still there");
  });

  it("may be opened for one direction, which the other side's right to the queue does not need", async () => {
    await using both = await MessageQueue.open(name(), { create: true, codec });
    await using sender = await MessageQueue.open(name(), { direction: "send", codec });
    await using receiver = await MessageQueue.open(name(), { direction: "receive", codec });
    await sender.send("one way");
    expect(sender.stat()).toMatchObject({ messages: 1, bytes: undefined });
    expect(await receiver.receive()).toBe("one way");
    expect([sender.traits.direction, receiver.traits.direction]).toEqual(["send", "receive"]);
    await both.send("to itself");
    expect(await both.receive()).toBe("to itself");
  });

  it("tell of what they hold, and refuse after close", async () => {
    const queue = await MessageQueue.open(name(), { create: true });
    await queue.sendMany([Buffer.alloc(10), Buffer.alloc(20)]);
    expect(queue.stat()).toMatchObject({ messages: 2, bytes: 30 });
    await queue.close();
    expect(() => queue.stat()).toThrow(expect.objectContaining({ code: "ERR_CHANNEL_CLOSED" }));
  });

  it("leave to the others what a channel has not received when it closes", async () => {
    await using keeper = await MessageQueue.open(name(), { create: true, codec });
    for (let round = 0; round < 20; round++) {
      const leaving = await MessageQueue.open(name(), { codec });
      const controller = new AbortController();
      const aborted = codeOf(leaving.receive({ signal: controller.signal }));
      const waiting = leaving.receive();
      const closing = leaving.receive();
      await keeper.sendMany(["a", "b", "c", "d"]);
      controller.abort("gone");
      const taken = [await aborted, await waiting].filter((message) => message !== "gone");
      const last = codeOf(closing);
      await leaving.close();
      if ((await last) !== "ERR_CHANNEL_CLOSED") taken.push(await last);
      while (taken.length < 4) taken.push(await keeper.receive());
      expect(taken).toEqual(["a", "b", "c", "d"]);
      expect(keeper.tryReceive()).toBeUndefined();
    }
  });

  it("report a message that the codec refuses, and have taken nothing after it", async () => {
    await using raw = await MessageQueue.open(name(), { create: true });
    const jobs = await MessageQueue.open(name(), { codec: json<number>() });
    for (const message of ["1", "no json", "2"]) await raw.send(Buffer.from(message));
    expect(await jobs.receiveMany()).toEqual([1]);
    await jobs.close();
    expect(String(await raw.receive())).toBe("2");
  });
});

describe("arguments", () => {
  it("names that are none", async () => {
    const wrong: [unknown, ErrorConstructor][] = [
      ["jobs", TypeError],
      ["/", TypeError],
      ["", TypeError],
      ["/a/b", TypeError],
      ["/..", TypeError],
      ["/a\0b", TypeError],
      [undefined, TypeError],
      [5, TypeError],
      [`/${"x".repeat(256)}`, RangeError],
    ];
    for (const [bad, type] of wrong) {
      await expect(MessageQueue.open(bad as string, { create: true })).rejects.toThrow(type);
      await expect(MessageQueue.open(bad as string)).rejects.toThrow(/^name must/);
      expect(() => MessageQueue.unlink(bad as string)).toThrow(/^name must/);
    }
  });

  it("options that are wrong are named with their value", async () => {
    const wrong: Record<string, unknown[]> = {
      kind: ["POSIX", 1],
      direction: ["in", true],
      create: ["yes", 1],
      exclusive: [1],
      mode: [-1, 0o1000, "600"],
      maxMessages: [0, 1.5, "10"],
      maxMessageSize: [0, -1, "8192"],
      allow: ["me", {}, () => true],
      codec: [{}, "json"],
      sendQueue: [{ messages: 0 }, 5],
      receiveQueue: [{ bytes: "1" }],
      projectId: [0, 256, "a", 7],
    };
    for (const [option, values] of Object.entries(wrong)) {
      for (const value of values) {
        const opening = MessageQueue.open(name(), { create: true, [option]: value });
        const error = await opening.then(
          () => undefined,
          (reason: unknown) => reason,
        );
        expect(error instanceof TypeError || error instanceof RangeError, `${option}: ${String(value)}`).toBe(
          true,
        );
        expect(String(error)).toContain(`options.${option}`);
      }
    }
    await expect(MessageQueue.open(name(), { exclusive: true })).rejects.toThrow(/options\.create/);
    await expect(MessageQueue.open(name(), 5 as unknown as object)).rejects.toThrow(/options.*5/);
    expect(await codeOf(MessageQueue.open(name()))).toBe("ERR_NO_PEER");
  });

  it("MessageQueue has no instances", () => {
    expect(() => Reflect.construct(MessageQueue, []) as unknown).toThrow(/MessageQueue\.open/);
  });
});
