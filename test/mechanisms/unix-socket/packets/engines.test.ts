import { setImmediate as turn } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { UnixSocket } from "../../../../src/index.js";
import { startPeer } from "../../../support/child.js";
import { codeOf, combinations, meet, receiveAll } from "./support.js";
import { openDescriptors } from "../../../support/open-descriptors.js";

describe.each(combinations)("$type by engine $engine", ({ type, engine }) => {
  const pair = (options = {}) => UnixSocket.pair({ type, engine, ...options });

  it("keeps 10,000 messages from another process whole and in order", async () => {
    let peer!: ReturnType<typeof startPeer>;
    await using channel = await meet(type, engine, (path) => {
      peer = startPeer("unix-packets/peer", ["send-numbered", type, engine, path, "10000"]);
    });
    await using sender = peer;
    for (let number = 0; number < 10_000; number++) {
      const message = await channel.receive({ timeout: 10_000 });
      if (message.length !== 64 || message.readUInt32LE() !== number || message[63] !== (number & 0xff))
        throw new Error(`message ${number} is ${message.length} bytes and number ${message.readUInt32LE()}`);
    }
    await sender.expectLine("sent");
    expect(await sender.exit).toEqual({ code: 0, signal: null });
    if (type === "seqpacket") expect(await codeOf(channel.receive())).toBe("ERR_END_OF_CHANNEL");
  });

  it("carries messages of every size up to the limit unharmed", async () => {
    const [left, right] = pair();
    const sizes = [1, 511, 4096, 65_535, 65_536, 65_537, 100_000, 200_000, left.traits.maxMessageSize];
    const messages = [...sizes, ...sizes].map((size, index) => Buffer.alloc(size, index + 1));
    const sending = left.sendMany(messages);
    for (const message of messages) expect((await right.receive()).equals(message)).toBe(true);
    await sending;
    await left.close();
    await right.close();
  });

  it("refuses a message over the limit before a byte leaves, and goes on", async () => {
    const [left, right] = pair();
    expect(await codeOf(left.send(Buffer.alloc(left.traits.maxMessageSize + 1)))).toBe(
      "ERR_MESSAGE_TOO_LARGE",
    );
    await left.send(Buffer.from("next"));
    expect(String(await right.receive())).toBe("next");
    await left.close();
    await right.close();
  });

  it("carries larger messages when maxMessageSize asks for them", async () => {
    const [left, right] = pair({ maxMessageSize: 400_000 });
    const message = Buffer.alloc(400_000, 7);
    const sending = left.sendMany([message, message, message]);
    for (let index = 0; index < 3; index++) expect((await right.receive()).equals(message)).toBe(true);
    await sending;
    await left.close();
    await right.close();
  });

  it("refuses a maxMessageSize that the kernel refuses, when it is opened, and closes what it opened", async () => {
    const before = openDescriptors();
    expect(await codeOf((async () => pair({ maxMessageSize: 900_000_000 }))())).toBe("ERR_UNSUPPORTED");
    expect(openDescriptors()).toBe(before);
  });

  it("gives what a message is to be kept: received Buffers do not change", async () => {
    const [left, right] = pair();
    const kept: Buffer[] = [];
    const sending = left.sendMany(
      Array.from({ length: 3000 }, (_, index) => Buffer.alloc(100, index & 0xff)),
    );
    while (kept.length < 3000) kept.push(...(await right.receiveMany()));
    await sending;
    kept.forEach((message, index) => {
      if (!message.equals(Buffer.alloc(100, index & 0xff))) throw new Error(`message ${index} has changed`);
    });
    await left.close();
    await right.close();
  });

  it("has a bounded queue: trySend says false while nobody reads, and everything accepted still arrives", async () => {
    const [left, right] = pair({ receiveQueue: { messages: 10 }, sendQueue: { messages: 20 } });
    let accepted = 0;
    for (let idle = 0; idle < 50; idle++) {
      await turn();
      while (left.trySend(Buffer.from(String(accepted)))) (accepted++, (idle = 0));
    }
    expect(accepted).toBeGreaterThan(20);
    expect(accepted).toBeLessThan(2000);
    const closing = left.close();
    const { messages, code } = await receiveAll(right);
    expect(messages).toEqual(Array.from({ length: accepted }, (_, index) => String(index)));
    expect(code).toBe("ERR_END_OF_CHANNEL");
    await closing;
  });

  it("delivers what the peer sent before it closed without reading", async () => {
    const [left, right] = pair();
    await left.sendMany([Buffer.from("unread"), Buffer.from("unread")]);
    await right.sendMany([Buffer.from("a"), Buffer.from("b")]);
    await right.close();
    expect(await receiveAll(left)).toEqual({ messages: ["a", "b"], code: "ERR_END_OF_CHANNEL" });
  });

  it("fails a send after the peer has closed with ERR_PEER_DIED", async () => {
    const [left, right] = pair();
    await right.close();
    await turn();
    expect(await codeOf(left.send(Buffer.from("late")))).toMatch(/ERR_PEER_DIED|ERR_CHANNEL_CLOSED/);
    await left.closed.then(() => undefined, undefined);
  });

  it("wakes a sender that waits for room when the peer closes", async () => {
    const [left, right] = pair({ receiveQueue: { messages: 1 }, sendQueue: { messages: 1 } });
    let waiting: Promise<void>;
    do {
      waiting = left.send(Buffer.alloc(1000));
    } while (
      (await Promise.race([waiting.then(() => "sent"), turn("waits")])) === "sent" ||
      left.trySend(Buffer.alloc(1))
    );
    right.destroy();
    const outcome = await Promise.race([
      codeOf(waiting),
      new Promise((resolve) => setTimeout(resolve, 5000, "hangs")),
    ]);
    expect(["ERR_PEER_DIED", "none"]).toContain(outcome);
    await left.closed;
  });

  it("keeps the memory of both processes while one floods and the other does not read", async () => {
    let peer!: ReturnType<typeof startPeer>;
    await using channel = await meet(
      type,
      engine,
      (path) => {
        peer = startPeer("unix-packets/peer", ["flood", type, engine, path]);
      },
      { receiveQueue: { bytes: 100_000 } },
    );
    await using flooder = peer;
    await flooder.expectLine("flooding");
    await flooder.write("");
    const [hers, ours] = [Number(await flooder.nextLine()), process.memoryUsage.rss()];
    const until = performance.now() + 1500;
    while (performance.now() < until) await turn();
    await flooder.write("");
    expect(Number(await flooder.nextLine()) - hers).toBeLessThan(32 * 1024 * 1024);
    expect(process.memoryUsage.rss() - ours).toBeLessThan(32 * 1024 * 1024);
    expect((await channel.receive()).readUInt32LE()).toBe(0);
    channel.destroy();
  });

  it("leaves no descriptor open after 2,000 pairs with messages in them", async () => {
    const before = openDescriptors();
    for (let round = 0; round < 2000; round++) {
      const [left, right] = pair();
      left.trySend(Buffer.from("x"));
      if (round % 2 === 0) left.destroy();
      else await left.close();
      right.destroy();
      await Promise.all([left.closed, right.closed]);
    }
    await turn();
    expect(openDescriptors()).toBe(before);
  });

  it("gives both directions at once", async () => {
    const [left, right] = pair();
    const messages = Array.from({ length: 2000 }, (_, index) => Buffer.alloc(300, index & 0xff));
    const read = async (channel: typeof left): Promise<number> => {
      let count = 0;
      while (count < messages.length) count += (await channel.receiveMany()).length;
      return count;
    };
    await Promise.all([left.sendMany(messages), right.sendMany(messages), read(left), read(right)]);
    await left.close();
    await right.close();
  });
});
