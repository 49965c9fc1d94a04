import { readFileSync } from "node:fs";
import { afterEach, describe, expect, test } from "vitest";
import { json, SharedBuffer, type SharedBufferChannel } from "sluice";
import { type Peer, startPeer } from "../../support/child.js";
import { checkMessage, lengthOf, messageOf } from "./pattern.js";
import { openDescriptors } from "../../support/open-descriptors.js";

let number = 0;
const newPath = (): string => `\0sluice-test-${process.pid}-${++number}`;
const open: SharedBufferChannel<Uint8Array, Buffer>[] = [];
const peers: Peer[] = [];
const mappings = (): number => readFileSync("/proc/self/maps", "latin1").split("sluice-ring").length - 1;

afterEach(async () => {
  for (const channel of open.splice(0)) channel.destroy();
  await Promise.all(peers.splice(0).map((peer) => peer[Symbol.asyncDispose]()));
});

async function pair(
  options: Parameters<typeof SharedBuffer.listen>[1] & object = {},
  clientOptions: Parameters<typeof SharedBuffer.connect>[1] = {},
): Promise<[SharedBufferChannel<Uint8Array, Buffer>, SharedBufferChannel<Uint8Array, Buffer>]> {
  const path = newPath();
  const listener = await SharedBuffer.listen(path, options as object);
  const client = await SharedBuffer.connect(path, clientOptions as object);
  const server = await listener.accept();
  await listener.close();
  open.push(client, server);
  return [client, server];
}

/** The server's end of a channel whose client is a process of its own. */
async function withPeer(mode: string, args: (number | string)[], options: object = {}) {
  const path = newPath();
  await using listener = await SharedBuffer.listen(path, options);
  const peer = startPeer("shared-buffer/channel-peer", [mode, path.replace("\0", "@"), ...args.map(String)]);
  peers.push(peer);
  const server = await listener.accept();
  open.push(server);
  return { peer, server };
}

describe("a channel over shared memory", () => {
  test("tells who is at the other end", async () => {
    const [client, server] = await pair();
    const me = { pid: process.pid, uid: process.geteuid?.(), gid: process.getegid?.() };
    expect(client.peer).toEqual(me);
    expect(server.peer).toEqual(me);
    await client.send(Buffer.from("who"));
    expect((await server.receiveEnvelope()).credentials).toEqual(me);
  });

  test("has honest traits: messages of half the ring less a header, and no larger", async () => {
    const [client, server] = await pair({ capacity: 8192 });
    expect(client.traits).toMatchObject({ mechanism: "shared-buffer", maxMessageSize: 4088, scope: "host" });
    await client.send(messageOf(1, 4088));
    checkMessage(await server.receive(), 1, 4088);
    await expect(client.send(Buffer.alloc(4089))).rejects.toMatchObject({ code: "ERR_MESSAGE_TOO_LARGE" });
    expect(() => client.tryLoan(4089)).toThrow(expect.objectContaining({ code: "ERR_MESSAGE_TOO_LARGE" }));
  });

  test("carries empty messages as messages", async () => {
    const [client, server] = await pair();
    await client.sendMany([Buffer.alloc(0), Buffer.from("x"), Buffer.alloc(0)]);
    const lengths = [await server.receive(), await server.receive(), await server.receive()].map(
      (m) => m.length,
    );
    expect(lengths).toEqual([0, 1, 0]);
  });

  test("carries what a codec makes", async () => {
    const path = newPath();
    const codec = json<{ job: number }>();
    await using listener = await SharedBuffer.listen(path, { codec });
    await using client = await SharedBuffer.connect(path, { codec });
    await using server = await listener.accept();
    await client.send({ job: 7 });
    expect(await server.receive()).toEqual({ job: 7 });
  });

  test.each([
    ["source-many", 4096, 0, 100, 60_000],
    ["source-many", 4096, 0, 2040, 5_000],
    ["source", 65_536, 0, 32_760, 5_000],
    ["source-many", 1_048_576, 0, 100_000, 3_000],
    ["source-loans", 16_384, 4, 8_184, 5_000],
  ])(
    "carries %s over a ring of %i bytes, lengths %i to %i, from another process",
    async (mode, capacity, least, most, count) => {
      const { peer, server } = await withPeer(mode, [count, least, most], { capacity });
      let sequence = 0;
      for await (const message of server) {
        checkMessage(message, sequence, lengthOf(sequence, least, most));
        sequence++;
      }
      expect(sequence).toBe(count);
      expect(await peer.exit).toEqual({ code: 0, signal: null });
    },
  );

  test("carries messages to another process, which finds every byte in its place", async () => {
    const count = 20_000;
    const { peer, server } = await withPeer("sink", [count, 0, 3000], { capacity: 32_768 });
    function* messages(): Generator<Buffer> {
      for (let sequence = 0; sequence < count; sequence++)
        yield messageOf(sequence, lengthOf(sequence, 0, 3000));
    }
    await server.sendMany(messages());
    await server.close();
    await peer.expectLine("connected");
    await peer.expectLine(`received ${count}`);
  });

  test.each([0, 50])(
    "loses no wake-up in 20,000 round trips over a ring of one page (spin %i µs)",
    async (spin) => {
      const { server } = await withPeer("echo", [0, 0, 0, JSON.stringify({ spin })], {
        capacity: 4096,
        spin,
      });
      for (let sequence = 0; sequence < 20_000; sequence++) {
        const length = lengthOf(sequence, 4, 2000);
        await server.send(messageOf(sequence, length));
        // Pauses of all lengths, so that the other side is met awake, falling asleep and asleep.
        if (sequence % 97 === 0) await new Promise((resolve) => setTimeout(resolve, (sequence / 97) % 3));
        else if (sequence % 7 === 0) await new Promise((resolve) => setImmediate(resolve));
        checkMessage(await server.receive({ timeout: 5000 }), sequence, length);
      }
    },
  );

  test("loses no wake-up when both sides fill their rings at once", async () => {
    const { server } = await withPeer("echo", [], { capacity: 4096 });
    const count = 20_000;
    const sending = (async () => {
      for (let sequence = 0; sequence < count; sequence++) {
        await server.send(messageOf(sequence, lengthOf(sequence, 4, 900)));
      }
    })();
    for (let sequence = 0; sequence < count; sequence++) {
      checkMessage(await server.receive({ timeout: 5000 }), sequence, lengthOf(sequence, 4, 900));
    }
    await sending;
  });

  test("lets the event loop turn while it spins", async () => {
    const { server } = await withPeer("echo", [0, 0, 0, '{"spin":1000000}'], { spin: 1_000_000 });
    let ticks = 0;
    const timer = setInterval(() => ticks++, 1);
    const end = performance.now() + 300;
    while (performance.now() < end) {
      await server.send(Buffer.from("ping"));
      await server.receive();
    }
    const waiting = server.receive({ timeout: 200 });
    await expect(waiting).rejects.toMatchObject({ code: "ERR_TIMEOUT" });
    clearInterval(timer);
    expect(ticks).toBeGreaterThan(20);
  });

  test("makes the sender wait when nobody reads, and keeps its order", async () => {
    const limits = { bytes: 4096, messages: 8 };
    const [client, server] = await pair({ capacity: 4096, receiveQueue: limits }, { sendQueue: limits });
    let accepted = 0;
    while (client.trySend(messageOf(accepted, 500))) {
      accepted++;
      // Until ring, incoming queue and outgoing queue are all full.
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(accepted).toBeLessThan(40);
    const late = client.send(messageOf(accepted, 500));
    await expect(client.send(Buffer.alloc(500), { timeout: 20 })).rejects.toMatchObject({
      code: "ERR_TIMEOUT",
    });
    for (let sequence = 0; sequence <= accepted; sequence++) {
      checkMessage(await server.receive({ timeout: 5000 }), sequence, 500);
    }
    await late;
    await client.flush({ timeout: 5000 });
  });

  test("delivers all that was sent before an orderly end, then ends", async () => {
    const [client, server] = await pair();
    await client.sendMany([Buffer.from("a"), Buffer.from("b")]);
    await client.close();
    expect([String(await server.receive()), String(await server.receive())]).toEqual(["a", "b"]);
    await expect(server.receive()).rejects.toMatchObject({ code: "ERR_END_OF_CHANNEL" });
    await server.closed;
  });

  test("tells a death from an end, after all that was published", async () => {
    const [client, server] = await pair();
    await client.sendMany([Buffer.from("a"), Buffer.from("b")]);
    client.destroy();
    expect([String(await server.receive()), String(await server.receive())]).toEqual(["a", "b"]);
    await expect(server.receive()).rejects.toMatchObject({ code: "ERR_PEER_DIED" });
    await expect(server.send(Buffer.from("x"))).rejects.toMatchObject({ code: "ERR_PEER_DIED" });
  });

  test("fails sends that wait for room when the peer closes without reading", async () => {
    const [client, server] = await pair({ capacity: 4096 }, { sendQueue: { messages: 1 } });
    const sends: Promise<unknown>[] = [];
    for (let count = 0; count < 20; count++)
      sends.push(client.send(Buffer.alloc(1000)).catch((e: unknown) => e));
    server.destroy();
    const outcomes = await Promise.all(sends);
    expect(outcomes.at(-1)).toMatchObject({ code: "ERR_PEER_DIED" });
  });

  test("delivers what lies in the ring when a stalled receiver's peer is killed", async () => {
    const { peer, server } = await withPeer("source-many", [1e9, 100, 100], {
      capacity: 65_536,
      receiveQueue: { messages: 4 },
    });
    await peer.expectLine("connected");
    checkMessage(await server.receive(), 0, 100);
    peer.kill("SIGKILL");
    await peer.exit;
    let sequence = 1;
    const end = expect(
      (async () => {
        for await (const message of server) checkMessage(message, sequence++, 100);
      })(),
    ).rejects.toMatchObject({ code: "ERR_PEER_DIED" });
    await end;
    expect(sequence).toBeGreaterThan(4);
  });

  test("skips a message over its own limit, says so, and goes on", async () => {
    const [client, server] = await pair({ maxMessageSize: 50_000 }, {});
    await client.sendMany([
      messageOf(0, 10),
      Buffer.alloc(50_001),
      messageOf(2, 50_000),
      Buffer.alloc(60_000),
      messageOf(4, 1),
    ]);
    checkMessage(await server.receive(), 0, 10);
    await expect(server.receive()).rejects.toMatchObject({ code: "ERR_MESSAGE_TOO_LARGE" });
    checkMessage(await server.receive(), 2, 50_000);
    await expect(server.receive()).rejects.toMatchObject({ code: "ERR_MESSAGE_TOO_LARGE" });
    checkMessage(await server.receive(), 4, 1);
  });

  test.each([
    ["messages", { messages: 3 }, 3],
    ["many messages", { messages: 100 }, 100],
    ["bytes, passed by one message at most", { bytes: 250 }, 5],
    ["many bytes", { bytes: 5000 }, 100],
  ])("leaves in the ring what the queue has no room for: %s", async (_, receiveQueue, most) => {
    const [client, server] = await pair({ receiveQueue, maxMessageSize: 100 });
    const arrived = (): number => server.statistics().receiveQueue.messages;
    await client.sendMany(Array.from({ length: 200 }, (__, sequence) => messageOf(sequence, 50)));
    // In the midst of them, and no message: it takes a place of the queue, and its error comes in its turn.
    await client.send(Buffer.alloc(101));
    await client.sendMany(Array.from({ length: 200 }, (__, sequence) => messageOf(201 + sequence, 50)));
    await expect.poll(arrived).toBe(most);
    for (let sequence = 0; sequence <= 400; sequence++) {
      if (sequence === 200)
        await expect(server.receive()).rejects.toMatchObject({ code: "ERR_MESSAGE_TOO_LARGE" });
      else checkMessage(await server.receive(), sequence, 50);
      expect(arrived()).toBeLessThanOrEqual(most);
    }
  });

  test("does not write to a received Buffer later", async () => {
    const [client, server] = await pair({ capacity: 4096 });
    const kept: Buffer[] = [];
    for (let sequence = 0; sequence < 500; sequence++) {
      await client.send(messageOf(sequence, lengthOf(sequence, 4, 2000)));
      kept.push(await server.receive());
    }
    kept.forEach((message, sequence) => checkMessage(message, sequence, lengthOf(sequence, 4, 2000)));
  });

  test("leaves neither descriptors nor maps behind in 1,000 open and close cycles", async () => {
    const path = newPath();
    await using listener = await SharedBuffer.listen(path, { capacity: 4096 });
    const cycle = async (): Promise<void> => {
      const client = await SharedBuffer.connect(path);
      const server = await listener.accept();
      await client.send(Buffer.from("x"));
      await server.receive();
      await client.close();
      await expect(server.receive()).rejects.toMatchObject({ code: "ERR_END_OF_CHANNEL" });
      await server.closed;
    };
    await cycle();
    const before = [openDescriptors(), mappings()];
    for (let count = 0; count < 1000; count++) await cycle();
    expect([openDescriptors(), mappings()]).toEqual(before);
  });

  test.each<[string, object, typeof TypeError | typeof RangeError]>([
    ["options.capacity", { capacity: 5000 }, RangeError],
    ["options.capacity", { capacity: 2048 }, RangeError],
    ["options.capacity", { capacity: "1" }, TypeError],
    ["options.spin", { spin: -1 }, RangeError],
    ["options.spin", { spin: "no" }, TypeError],
    ["options.maxMessageSize", { maxMessageSize: 1e6 }, RangeError],
    ["options.receiveQueue", { receiveQueue: 5 }, TypeError],
    ["options.allow", { allow: "everybody" }, TypeError],
  ])("listen refuses a wrong %s: %j", async (name, options, kind) => {
    const error: unknown = await SharedBuffer.listen(newPath(), options).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(kind);
    expect((error as Error).message).toContain(name);
  });

  test("connect tells that nobody listens", async () => {
    await expect(SharedBuffer.connect(newPath())).rejects.toMatchObject({ code: "ERR_NO_PEER" });
    await expect(SharedBuffer.connect("/tmp/\0x")).rejects.toThrow(TypeError);
  });

  test("connect refuses rings over its limit", async () => {
    const path = newPath();
    await using _listener = await SharedBuffer.listen(path, { capacity: 2 ** 20 });
    await expect(SharedBuffer.connect(path, { maxCapacity: 2 ** 16 })).rejects.toMatchObject({
      code: "ERR_INVALID_MESSAGE",
    });
  });

  test("both sides can refuse the other", async () => {
    const path = newPath();
    const refused: unknown[] = [];
    await using listener = await SharedBuffer.listen(path, {
      allow: () => false,
      onRefuse: (credentials) => refused.push(credentials),
    });
    await expect(SharedBuffer.connect(path)).rejects.toMatchObject({ code: "ERR_ACCESS_DENIED" });
    expect(listener.refused).toBe(1);
    expect(refused).toMatchObject([{ pid: process.pid }]);
    await expect(SharedBuffer.connect(path, { allow: { uids: [4242] } })).rejects.toMatchObject({
      code: "ERR_ACCESS_DENIED",
    });
  });
});
