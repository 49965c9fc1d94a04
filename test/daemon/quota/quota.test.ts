import { describe, expect, test } from "vitest";
import { type FileHandle, MemoryChannel, UnixSocket } from "sluice";
import { type Quota, quota, QuotaError, type QuotaLimits } from "sluice/daemon";
import { publisher, subscriber } from "sluice/pubsub";
import { createClient, serve } from "sluice/rpc";
import { closeAll, freshPath, until } from "../../mechanisms/unix-socket/support.js";
import { openDescriptors } from "../../support/open-descriptors.js";

const key = `uid:${process.geteuid?.() ?? -1}`;

function gate(): { readonly opened: Promise<void>; open: () => void } {
  let open!: () => void;
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { opened, open };
}

describe("quota()", () => {
  test.each<[string, unknown, RegExp]>([
    ["an unknown limit", { conections: 1 }, /limits\.conections is unknown/],
    ["none at all", { connections: 0 }, /limits\.connections must be a whole number from 1/],
    ["a text", { callsInFlight: "8" }, /limits\.callsInFlight must be a number/],
    ["a negative time", { firstMessageTimeout: -1 }, /firstMessageTimeout/],
    ["no object", null, /options must be an object/],
  ])("refuses %s as limits", (_name, limits, text) => {
    expect(() => quota(limits as QuotaLimits)).toThrow(text);
  });

  test("counts connections by user, not by listener, until they are closed", async () => {
    const limits = quota({ connections: 2 });
    const [first, second] = [freshPath("1.sock"), freshPath("2.sock")];
    await using one = serve(await UnixSocket.listen(first), {}, { admit: limits.admit });
    await using other = publisher(await UnixSocket.listen(second), { admit: limits.admit });
    const held = [await UnixSocket.connect(first), await UnixSocket.connect(second)];
    await until(() => limits.users[0]?.connections === 2);
    const third = await UnixSocket.connect(first);
    await third.closed.catch(() => undefined);
    expect([limits.overflows.connections, one.peers, other.subscribers.length]).toEqual([1, 1, 1]);
    await held[0]?.close();
    await until(() => limits.users[0]?.connections === 1);
    held[0] = await UnixSocket.connect(second);
    await until(() => other.subscribers.length === 2);
    await closeAll(held);
    await until(() => limits.users.length === 0);
  });

  test("refuses by allow, before the first byte, who has as many connections as may be", async () => {
    const limits = quota({ connections: 1 });
    const path = freshPath();
    await using listener = await UnixSocket.listen(path, { allow: limits.allow });
    await using held = await UnixSocket.connect(path);
    expect(limits.admit(await listener.accept())).toBe(true);
    await using late = await UnixSocket.connect(path);
    await expect(late.receive()).rejects.toThrow();
    expect([listener.refused, limits.overflows.connections, held.state]).toEqual([1, 1, "open"]);
  });

  test("counts calls in flight over all connections of a user", async () => {
    const limits = quota({ callsInFlight: 2 });
    const path = freshPath();
    const { opened, open } = gate();
    const methods = {
      wait: () => opened,
      now: () => 7,
      async *ticks() {
        await opened;
        yield 1;
      },
    };
    await using _server = serve(await UnixSocket.listen(path), methods, { onCall: limits.onCall });
    await using one = createClient<typeof methods>(await UnixSocket.connect(path));
    await using two = createClient<typeof methods>(await UnixSocket.connect(path));
    const waits = [one.wait(), two.ticks()[Symbol.asyncIterator]().next()];
    await until(() => limits.users[0]?.callsInFlight === 2);
    await expect(two.now()).rejects.toMatchObject({
      name: "QuotaError",
      code: "ERR_QUOTA_EXCEEDED",
      data: { quota: "callsInFlight", limit: 2 },
    });
    open();
    await Promise.all(waits);
    expect(await two.now()).toBe(7);
    expect(limits.overflows.callsInFlight).toBe(1);
  });

  test("forgets calls that fail, that are unknown, and whose caller is gone", async () => {
    const limits = quota({ callsInFlight: 100 });
    const path = freshPath();
    const { opened, open } = gate();
    const methods = {
      fail: () => {
        throw new Error("no");
      },
      late: () => opened,
    };
    const options = { onCall: limits.onCall, callTimeout: 20 };
    await using _server = serve(await UnixSocket.listen(path), methods, options);
    const client = createClient<typeof methods & { none(): void }>(await UnixSocket.connect(path));
    await expect(client.fail()).rejects.toThrow("no");
    await expect(client.none()).rejects.toMatchObject({ code: "ERR_UNKNOWN_METHOD" });
    expect(limits.users).toEqual([]);
    await expect(client.late()).rejects.toMatchObject({ code: "ERR_TIMEOUT" });
    // It counts until its function has ended, so that such calls cannot pile up.
    expect(limits.users[0]?.callsInFlight).toBe(1);
    const orphan = expect(client.late()).rejects.toThrow();
    await until(() => limits.users[0]?.callsInFlight === 2);
    await client.close();
    await orphan;
    open();
    await until(() => limits.users.length === 0);
  });

  test("limits messages a second, unknown methods and notifications included, and cuts off who does not slow down", async () => {
    const limits = quota({ messagesPerSecond: 10 });
    const path = freshPath();
    const methods = { now: () => 7 };
    await using server = serve(await UnixSocket.listen(path), methods, { onCall: limits.onCall });
    const client = createClient<typeof methods & { none(): void }>(await UnixSocket.connect(path));
    for (let n = 0; n < 5; n++) void client.notify.now();
    const outcomes = await Promise.allSettled(
      Array.from({ length: 10 }, (_, n) => (n % 2 ? client.now() : client.none())),
    );
    const codes = outcomes.map((each) =>
      each.status === "rejected" ? (each.reason as { code: string }).code : "ok",
    );
    expect(codes.filter((code) => code === "ok" || code === "ERR_UNKNOWN_METHOD")).toHaveLength(5);
    expect(codes.filter((code) => code === "ERR_QUOTA_EXCEEDED")).toHaveLength(5);
    const more = await Promise.allSettled(Array.from({ length: 30 }, () => client.now()));
    expect(more.every(({ status }) => status === "rejected")).toBe(true);
    await until(() => server.peers === 0);
    await client.close();
    // Remembered as long as it makes a difference to the rate, and no longer.
    expect(limits.users).toHaveLength(1);
    await until(() => limits.users.length === 0);
  });

  test("counts inputs and messages that are refused before they become calls", async () => {
    const limits = quota({ messagesPerSecond: 10 });
    const told: string[] = [];
    const onCall: Quota["onCall"] = (context) => {
      told.push(context.method);
      return limits.onCall(context);
    };
    const options = { onCall, maxInputSize: 1000, onError: () => undefined };
    const methods = { take: (text: string) => text.length };
    const [left, right] = UnixSocket.pair();
    const server = serve(left, methods, options);
    const client = createClient<typeof methods>(right);
    const large = "x".repeat(2000);
    await expect(client.take(large)).rejects.toMatchObject({ code: "ERR_MESSAGE_TOO_LARGE" });
    await client.notify.take(large);
    await expect(client.take("small")).resolves.toBe(5);
    await client.close();
    await server.closed;

    const [sender, receiver] = UnixSocket.pair();
    const other = serve(receiver, methods, { ...options, protocol: "json-rpc" });
    const wrong = ["{", "[]", "7", "{}", '{"method":7}', '{"method":"take","params":7,"id":1}', `"${large}"`];
    await sender.sendMany([...wrong, ...wrong].map((text) => Buffer.from(text)));
    const answers: unknown[] = [];
    for (let n = 0; n < 14; n++) answers.push(JSON.parse(String(await sender.receive())));
    expect(answers[0]).toMatchObject({ id: null, error: { code: -32700 } });
    expect(answers[5]).toMatchObject({ id: 1, error: { code: -32600 } });
    expect(answers[13]).toMatchObject({ error: { data: { code: "ERR_QUOTA_EXCEEDED" } } });
    expect(limits.overflows.messagesPerSecond).toBe(7);
    const names = ["", "", "", "", "", "take", ""];
    expect(told).toEqual(["take", "take", "take", ...names, ...names]);
    await sender.close();
    await other.closed;
  });

  test("counts an address of IPv4 as one user, and a /64 of IPv6", () => {
    const limits = quota({ messagesPerSecond: 1 });
    const from = (host: string): boolean =>
      limits.allow({ remoteAddress: { host, port: 7 }, tls: undefined });
    expect(["2001:db8:1:2:3::4", "10.0.0.7", "fe80::1%lo"].map(from)).toEqual([true, true, true]);
    expect(["2001:db8:1:2::", "::ffff:10.0.0.7", "fe80::2"].map(from)).toEqual([false, false, false]);
    expect(["2001:db8:1:3:3::4", "10.0.0.8", "::1"].map(from)).toEqual([true, true, true]);
    expect(limits.users.map(({ user }) => user).slice(0, 4)).toEqual([
      "address:2001:db8:1:2::/64",
      "address:10.0.0.7",
      "address:fe80::/64",
      "address:2001:db8:1:3::/64",
    ]);
  });

  test("cuts off a channel whose first message does not come in time, and no other", async () => {
    const limits = quota({ firstMessageTimeout: 50 });
    const path = freshPath();
    await using listener = await UnixSocket.listen(path);
    const [talker, silent] = [await UnixSocket.connect(path), await UnixSocket.connect(path)];
    const [first, second] = [await listener.accept(), await listener.accept()];
    await talker.send(Buffer.from("hello"));
    expect(String(await first.receive())).toBe("hello");
    expect([limits.admit(first), limits.admit(second)]).toEqual([true, true]);
    await silent.closed.catch(() => undefined);
    await expect(second.receive()).rejects.toMatchObject({
      code: "ERR_ACCESS_DENIED",
      cause: { code: "ERR_QUOTA_EXCEEDED" },
    });
    expect([first.state, limits.overflows.firstMessageTimeout]).toEqual(["open", 1]);
    await closeAll([talker, silent, first, second]);
  });

  test("does not cut off a channel whose first message was in time, and was not read because this process is late", async () => {
    const limits = quota({ firstMessageTimeout: 5 });
    const path = freshPath();
    await using listener = await UnixSocket.listen(path);
    const talker = await UnixSocket.connect(path);
    const channel = await listener.accept();
    expect(limits.admit(channel)).toBe(true);
    await talker.send(Buffer.from("hello"));
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50);
    expect(String(await channel.receive())).toBe("hello");
    expect([channel.state, limits.overflows.firstMessageTimeout]).toEqual(["open", 0]);
    await closeAll([talker, channel]);
  });

  test("cuts off the channel with most in its queues when a user does not take what it has asked for", async () => {
    const limits = quota({ queuedBytes: 100_000 });
    const path = freshPath();
    await using listener = await UnixSocket.listen(path, { sendQueue: { bytes: 10_000_000 } });
    const [lazy, keen] = [
      await UnixSocket.connect(path, { receiveQueue: { messages: 1 } }),
      await UnixSocket.connect(path),
    ];
    const [first, second] = [await listener.accept(), await listener.accept()];
    for (const channel of [first, second]) limits.admit(channel);
    await second.send(Buffer.from("news"));
    while (first.state === "open" && first.trySend(Buffer.alloc(50_000)))
      await new Promise((resolve) => setImmediate(resolve));
    await first.closed.catch(() => undefined);
    expect(limits.overflows.queuedBytes).toBe(1);
    expect(String(await keen.receive())).toBe("news");
    await until(() => limits.users[0]?.connections === 1);
    await closeAll([lazy, keen, first, second]);
  });

  test("counts the answers and publications that wait before the queues of a channel", async () => {
    const limits = quota({ queuedBytes: 2 ** 30 });
    const queued = (): number => limits.users[0]?.queuedBytes ?? 0;
    const { opened, open } = gate();
    const big = () => opened.then(() => "x".repeat(400_000));
    const [caller, called] = UnixSocket.pair({ sendQueue: { bytes: 1000 }, receiveQueue: { messages: 1 } });
    limits.admit(called);
    const calls = serve(called, { big }, { protocol: "json-rpc", onCall: limits.onCall });
    for (let id = 0; id < 20; id++)
      await caller.send(Buffer.from(JSON.stringify({ jsonrpc: "2.0", id, method: "big" })));
    await until(() => limits.users[0]?.callsInFlight === 20);
    open();
    await until(() => queued() > 7_000_000);
    caller.destroy();
    called.destroy();
    await calls.closed;
    expect(queued()).toBe(0);

    const [reader, read] = UnixSocket.pair({ sendQueue: { bytes: 1000 }, receiveQueue: { messages: 1 } });
    limits.admit(read);
    const news = publisher<Buffer>(read, { queue: { bytes: 2_000_000 } });
    subscriber(reader, { topics: ["news"] });
    await until(() => news.subscribers[0]?.topics.length === 1);
    for (let n = 0; n < 20; n++) await news.publish("news", Buffer.alloc(400_000));
    await until(() => queued() > 1_500_000);
    reader.destroy();
    read.destroy();
    await news.close();
  });

  test("counts descriptors until they are closed or taken, and closes those that are too many", async () => {
    const limits = quota({ descriptors: 3 });
    const [left, right] = UnixSocket.pair({ maxHandles: 4 });
    const take = async (count: number): Promise<readonly FileHandle[]> => {
      await left.send(Buffer.from("yours"), { handles: Array.from({ length: count }, () => 2) });
      return (await right.receiveEnvelope()).handles ?? [];
    };
    const [first, second] = limits.keep(right, await take(2));
    const before = openDescriptors();
    const tooMany = await take(2);
    expect(() => limits.keep(right, tooMany)).toThrow(QuotaError);
    expect(openDescriptors()).toBe(before);
    expect(limits.users[0]).toMatchObject({ user: key, descriptors: 2 });
    first?.close();
    first?.close();
    const fd = second?.take() ?? -1;
    expect(limits.users).toEqual([]);
    const kept = limits.keep(right, await take(3));
    for (const handle of kept) handle[Symbol.dispose]();
    for (const handle of limits.keep(right, [
      { fd, take: () => fd, close: () => undefined, [Symbol.dispose]: () => undefined },
    ]))
      handle.close();
    expect(limits.overflows.descriptors).toBe(1);
    await closeAll([left, right]);
  });

  test("counts all whom nobody knows as one", () => {
    const limits = quota({ connections: 1, messagesPerSecond: 1 });
    const [left, right] = MemoryChannel.pair();
    expect([limits.admit(left), limits.admit(right)]).toEqual([true, false]);
    expect(limits.users[0]?.user).toBe("unknown");
    limits.message(left);
    expect(() => {
      limits.message(right);
    }).toThrow(QuotaError);
    left.destroy();
  });
});
