import fc from "fast-check";
import { afterAll, afterEach, describe, expect, test } from "vitest";
import { removeSharedCertificate } from "../support/certificates.js";
import { MemoryChannel, UnixSocket } from "sluice";
import { type CallContext, createClient, peer, type Protocol, serve } from "sluice/rpc";
import { until } from "../mechanisms/unix-socket/support.js";
import { cleanUp, unixStream } from "./pairs.js";

afterAll(removeSharedCertificate);

const methods = {
  add: ({ a, b }: { a: number; b: number }) => ({ sum: a + b }),
  async echo(value: unknown) {
    return value;
  },
  async *count(to: number) {
    for (let n = 0; n < to; n++) yield n;
  },
  async sum(numbers: AsyncIterable<number>) {
    let sum = 0;
    for await (const n of numbers) sum += n;
    return sum;
  },
  /** Takes one and asks for nothing more, so that the credit of the start is all that there is. */
  async sip(numbers: AsyncIterable<number>, { signal }: CallContext) {
    const first = await numbers[Symbol.asyncIterator]().next();
    await new Promise<void>((resolve) => {
      signal.addEventListener("abort", () => resolve());
    });
    return first.value as number;
  },
};

afterEach(cleanUp);

/** One record of the compact wire. */
function record(kind: number, form: number, id: number, name = "", body: string | Uint8Array = ""): Buffer {
  const nameBytes = Buffer.from(name);
  const bodyBytes = Buffer.from(body);
  const header = Buffer.alloc(12);
  header.writeUInt32LE(12 + nameBytes.length + bodyBytes.length, 0);
  header.set([kind, form, nameBytes.length], 4);
  header.writeUInt32LE(id, 8);
  return Buffer.concat([header, nameBytes, bodyBytes]);
}

const hello = record(83, 2, 1, "", "sluice-rpc");
const credit = (items: number, bytes: number): Buffer => {
  const body = Buffer.alloc(8);
  body.writeUInt32LE(items, 0);
  body.writeUInt32LE(bytes, 4);
  return body;
};

/** A server of two peers: one that misbehaves, and one that must not notice. */
async function withBystander(
  protocol: Protocol,
  act: (bad: ReturnType<typeof MemoryChannel.pair>[0], errors: unknown[]) => Promise<void>,
): Promise<void> {
  const errors: unknown[] = [];
  const options = { protocol, onError: (error: unknown) => void errors.push(error) };
  const [bad, served] = MemoryChannel.pair();
  const [good, servedToo] = MemoryChannel.pair();
  const servers = [serve(served, methods, options), serve(servedToo, methods, options)];
  const client = createClient<typeof methods>(good, { protocol, timeout: 20_000 });
  await act(bad, errors);
  expect(await client.add({ a: 1, b: 2 })).toEqual({ sum: 3 });
  bad.destroy();
  await client.close();
  await Promise.all(servers.map((each) => each.close()));
}

describe("the compact wire", () => {
  test.each([
    [
      "another protocol",
      [Buffer.from('{"jsonrpc":"2.0","id":1,"method":"add"}')],
      /does not speak the compact protocol/,
    ],
    ["another version", [record(83, 2, 2, "", "sluice-rpc")], /version 2/],
    ["a record that is cut", [hello, record(1, 1, 1, "add", "{}").subarray(0, -1)], /left/],
    ["a header that is cut", [hello, Buffer.alloc(5)], /left/],
    ["a length of nearly 4 GiB", [hello, Buffer.from("ffffffff0101000001000000", "hex")], /left/],
    [
      "a name longer than its record",
      [hello, Buffer.concat([Buffer.from("0c00000001", "hex"), Buffer.from([1, 200, 0, 1, 0, 0, 0])])],
      /name/,
    ],
    ["an unknown kind", [hello, record(99, 0, 1)], /unknown kind/],
    ["an unknown form", [hello, record(1, 7, 1, "add", "{}")], /unknown form/],
    ["an answer to no call", [hello, record(17, 1, 5, "", "1")], /never made/],
    ["an item of no call", [hello, record(20, 1, 5, "", "1")], /never made/],
    ["a call made twice", [hello, record(1, 0x80, 5, "sum"), record(1, 1, 5, "echo", "1")], /twice/],
    [
      "more items than were granted",
      [hello, record(1, 0x80, 5, "sip"), ...Array.from({ length: 40 }, () => record(4, 1, 5, "", "1"))],
      /nobody had asked/,
    ],
    ["a credit of another size", [hello, record(7, 2, 5, "", "xxx")], /8 bytes/],
  ])("%s ends this peer's channel, and no other", async (_, messages, text) => {
    await withBystander("compact", async (bad, errors) => {
      await bad.send(Buffer.concat(messages));
      // However busy the machine is: the time decides nothing.
      const patience = { timeout: 20_000 };
      await expect
        .poll(() => errors, patience)
        .toEqual([expect.objectContaining({ code: "ERR_INVALID_MESSAGE" })]);
      expect(String(errors[0])).toMatch(text);
      await bad.closed;
    });
  });

  test.each([
    ["a body that is no JSON", "{"],
    ["a __proto__", '{"__proto__":{"admin":true}}'],
    ["invalid UTF-8", Buffer.from([0x22, 0xff, 0x22])],
  ])("%s is an error of its call alone", async (_, body) => {
    const [bad, served] = MemoryChannel.pair();
    serve(served, methods);
    await bad.send(hello);
    await bad.receive();
    await bad.send(record(1, 1, 1, "echo", body));
    expect(String(await bad.receive())).toContain("ERR_INVALID_MESSAGE");
    await bad.send(record(1, 1, 2, "add", '{"a":1e999,"b":-1e999}'));
    expect(String(await bad.receive())).toContain('{"sum":null}');
    bad.destroy();
  });

  test("nesting a million deep harms nobody", async () => {
    await withBystander("compact", async (bad) => {
      await bad.send(hello);
      await bad.receive();
      const deep = "[".repeat(1_000_000) + "]".repeat(1_000_000);
      await bad.send(record(1, 1, 1, "echo", deep));
      await bad.receive();
    });
  });

  test("cancels, credits and ends of calls that do not exist are ignored", async () => {
    await withBystander("compact", async (bad) => {
      await bad.send(hello);
      await bad.receive();
      await bad.send(
        Buffer.concat([
          record(3, 0, 9),
          record(5, 0, 9),
          record(7, 2, 9, "", credit(2 ** 32 - 1, 2 ** 32 - 1)),
          record(1, 1, 1, "echo", "7"),
        ]),
      );
      const answer = (await bad.receive()) as Buffer;
      expect(String(answer.subarray(12))).toBe("7");
    });
  });

  test("whatever the bytes, the server stays up and others are served", async () => {
    const sample = Buffer.concat([
      record(1, 1, 1, "add", '{"a":1,"b":2}'),
      record(1, 0x80, 2, "sum"),
      record(4, 1, 2, "", "4"),
      record(5, 0, 2),
      record(1, 1, 3, "count", "5"),
      record(7, 2, 3, "", credit(9, 999)),
      record(3, 0, 3),
      record(2, 1, 0, "echo", "1"),
    ]);
    const flips = fc.array(fc.tuple(fc.nat(sample.length - 1), fc.nat(255)), { maxLength: 6 });
    const bytes = fc.oneof(
      flips.map((all) => {
        const mutated = Buffer.from(sample);
        for (const [at, value] of all) mutated[at] = value;
        return mutated;
      }),
      fc.nat(sample.length).map((length) => sample.subarray(0, length)),
      fc.uint8Array({ maxLength: 64 }).map((array) => Buffer.from(array)),
      fc
        .record({
          kind: fc.nat(25),
          form: fc.constantFrom(0, 1, 2, 0x80, 0x81),
          id: fc.nat(4),
          name: fc.constantFrom("", "add", "count", "sum", "__proto__"),
          body: fc.oneof(fc.json(), fc.string()),
        })
        .map(({ kind, form, id, name, body }) => record(kind, form, id, name, body)),
    );
    await withBystander("compact", async () => {
      const property = fc.asyncProperty(fc.array(bytes, { minLength: 1, maxLength: 8 }), async (messages) => {
        await withBystander("compact", async (bad) => {
          await bad.send(hello);
          for (const message of messages)
            if (bad.state === "open") await bad.send(message).catch(() => undefined);
          await new Promise((resolve) => setImmediate(resolve));
        });
      });
      await fc.assert(property, { numRuns: 300 });
    });
  });

  test("a client stays up whatever its server answers", async () => {
    const answers = fc
      .record({ kind: fc.nat(25), form: fc.nat(3), id: fc.nat(4), body: fc.oneof(fc.json(), fc.string()) })
      .map(({ kind, form, id, body }) => record(kind, form, id, "", body));
    const property = fc.asyncProperty(fc.array(answers, { maxLength: 6 }), async (messages) => {
      const [bad, right] = MemoryChannel.pair();
      const client = createClient<typeof methods>(right);
      const call = client.add({ a: 1, b: 2 }).catch((error: unknown) => error);
      await bad.send(Buffer.concat([hello, ...messages]));
      await new Promise((resolve) => setImmediate(resolve));
      bad.destroy();
      await call;
      await client.close().catch(() => undefined);
    });
    await fc.assert(property, { numRuns: 300 });
  });
});

describe("the JSON-RPC wire", () => {
  test("whatever the messages, the server stays up and others are served", async () => {
    const id = fc.oneof(
      fc.nat(3),
      fc.string({ maxLength: 2 }),
      fc.constant(null),
      fc.double(),
      fc.object({ maxDepth: 1 }),
    );
    const request = fc.record(
      {
        jsonrpc: fc.constant("2.0"),
        id,
        method: fc.oneof(fc.constantFrom("add", "echo", "count", "$/cancelRequest", "__proto__"), fc.nat()),
        params: fc.json().map((text) => JSON.parse(text) as unknown),
        result: fc.nat(),
        error: fc.constantFrom(null, {}, { code: 1 }, { code: "x", message: 1 }),
      },
      { requiredKeys: [] },
    );
    const text = fc.oneof(
      request.map((each) => JSON.stringify(each)),
      fc.array(request, { maxLength: 4 }).map((each) => JSON.stringify(each)),
      fc.string(),
      fc.json(),
    );
    const property = fc.asyncProperty(fc.array(text, { maxLength: 6 }), async (messages) => {
      await withBystander("json-rpc", async (bad) => {
        for (const message of messages)
          if (bad.state === "open") await bad.send(Buffer.from(message)).catch(() => undefined);
        await new Promise((resolve) => setImmediate(resolve));
      });
    });
    await fc.assert(property, { numRuns: 300 });
  });

  test("an answer to no call ends the channel of who sends it", async () => {
    await withBystander("json-rpc", async (bad, errors) => {
      await bad.send(Buffer.from('{"jsonrpc":"2.0","id":7,"result":1}'));
      await bad.closed;
      expect(errors).toHaveLength(1);
    });
  });
});

describe("a peer that floods", () => {
  test.each<[string, Protocol, Buffer, number]>([
    ["with messages", "json-rpc", Buffer.from('{"jsonrpc":"2.0","method":"slow"}'), 20_000],
    [
      "with many records in each message",
      "compact",
      Buffer.concat(Array(1000).fill(record(2, 0, 0, "slow"))),
      20,
    ],
  ])("%s lets others have their turn", async (_how, protocol, message, count) => {
    const [flooder, served] = MemoryChannel.pair({ receiveQueue: { messages: 100_000, bytes: 2 ** 24 } });
    let calls = 0;
    const slow = () => {
      calls++;
      const end = performance.now() + 0.1;
      while (performance.now() < end);
    };
    const server = serve(served, { slow }, { protocol });
    if (protocol === "compact") await flooder.send(hello);
    void flooder.sendMany(Array<Buffer>(count).fill(message)).catch(() => undefined);
    await until(() => calls > 0);
    const before = calls;
    for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve));
    // 1 ms each, and what the machine takes.
    expect(calls - before).toBeLessThan(5000);
    flooder.destroy();
    await server.close({ deadline: 0 });
  });
});

describe("a peer that does not read", () => {
  test("stops the reading of its calls, and memory stays bounded", async () => {
    const [left, right] = await unixStream.make();
    let calls = 0;
    serve(left, {
      big: () => {
        calls++;
        return "x".repeat(64 * 1024);
      },
    });
    await right.send(hello);
    const before = process.memoryUsage();
    let sent = 0;
    for (let id = 1; id <= 20_000; id++) {
      if (!right.trySend(record(1, 0, id, "big"))) break;
      sent++;
      if (id % 500 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    expect(sent).toBeGreaterThan(1000);
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(calls).toBeLessThan(200);
    const after = process.memoryUsage();
    expect(after.rss - before.rss).toBeLessThan(64 * 1024 * 1024);
    right.destroy();
  });

  test("does not stop two that call each other with much to say", async () => {
    const [left, right] = UnixSocket.pair();
    const big = { big: (size: number) => "x".repeat(size) };
    const here = peer<typeof big>(left, big);
    const there = peer<typeof big>(right, big);
    const many = async (client: typeof here.client) =>
      Promise.all(Array.from({ length: 100 }, async () => (await client.big(100_000)).length));
    const outcomes = await Promise.all([many(here.client), many(there.client)]);
    expect(outcomes.flat().every((length) => length === 100_000)).toBe(true);
    await here.server.close();
  });
});
