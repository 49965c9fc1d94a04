import { setTimeout as delay } from "node:timers/promises";
import { afterAll, afterEach, describe, expect, test } from "vitest";
import { removeSharedCertificate } from "../support/certificates.js";
import { type CallContext, createClient, RemoteError, serve } from "sluice/rpc";
import { cleanUp, pairs } from "./pairs.js";

afterAll(removeSharedCertificate);

class Refused extends Error {
  override readonly name = "Refused";
  readonly code = "E_REFUSED";
  readonly data = { reason: ["because"] };
}

const started: string[] = [];
const methods = {
  add: ({ a, b }: { a: number; b: number }) => ({ sum: a + b }),
  async later(value: unknown) {
    await delay(1);
    return value;
  },
  nothing() {
    started.push("nothing");
  },
  reverse: (bytes: Uint8Array) => Buffer.from(bytes).reverse(),
  fail(): never {
    throw new Refused("not today");
  },
  failOddly(): never {
    // eslint-disable-next-line @typescript-eslint/only-throw-error -- that is the point
    throw { odd: true };
  },
  forever: (_: undefined, { signal }: CallContext) =>
    new Promise((_resolve, reject) => {
      started.push("forever");
      signal.addEventListener("abort", () => {
        started.push("aborted");
        reject(signal.reason as Error);
      });
    }),
  big: (size: number) => "x".repeat(size),
  async *count(to: number) {
    for (let n = 1; n <= to; n++) yield n;
  },
  async sum(numbers: AsyncIterable<number>) {
    let sum = 0;
    for await (const n of numbers) sum += n;
    return sum;
  },
  async *double(numbers: AsyncIterable<number>) {
    for await (const n of numbers) yield 2 * n;
  },
};

async function* upTo(to: number) {
  for (let n = 1; n <= to; n++) yield n;
}

afterEach(cleanUp);

describe.each(pairs)("over $name", ({ make }) => {
  async function start() {
    const [left, right] = await make();
    const server = serve(left, methods);
    const client = createClient<typeof methods>(right);
    return {
      server,
      client,
      left,
      right,
      async [Symbol.asyncDispose]() {
        await client.close();
        await server.close();
      },
    };
  }

  test("a call gives what the method returns, or a promise of it", async () => {
    await using both = await start();
    const { client } = both;
    expect(await client.add({ a: 1, b: 2 })).toEqual({ sum: 3 });
    expect(await client.later({ deep: [1, "ü€😀", null] })).toEqual({ deep: [1, "ü€😀", null] });
    const nothing = await (client.nothing() as Promise<unknown>);
    expect(nothing).toBeUndefined();
    expect(await client.later(undefined)).toBeUndefined();
    expect(await client.later(null)).toBeNull();
  });

  test("calls in flight get their own answers", async () => {
    await using both = await start();
    const sums = await Promise.all(
      Array.from({ length: 200 }, async (_, a) => {
        const { sum } = await both.client.add({ a, b: 1 });
        return sum;
      }),
    );
    expect(sums).toEqual(Array.from({ length: 200 }, (_, a) => a + 1));
  });

  test("bytes travel as bytes", async () => {
    await using both = await start();
    const output = await both.client.reverse(Uint8Array.of(1, 2, 255));
    expect(Buffer.isBuffer(output)).toBe(true);
    expect([...output]).toEqual([255, 2, 1]);
  });

  test("an error keeps name, message, code and data, and tells no stack", async () => {
    await using both = await start();
    const error: unknown = await both.client.fail().catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(RemoteError);
    expect(error).toMatchObject({
      name: "Refused",
      message: "not today",
      code: "E_REFUSED",
      data: { reason: ["because"] },
      method: "fail",
    });
    expect((error as Error).stack).not.toContain("calls.test.ts");
    await expect(both.client.failOddly()).rejects.toMatchObject({ name: "Error", data: { odd: true } });
  });

  test("an unknown method is an error, and so is what every object has", async () => {
    await using both = await start();
    const client = both.client as unknown as Record<string, () => Promise<unknown>>;
    for (const name of ["missing", "hasOwnProperty", "isPrototypeOf"]) {
      await expect(client[name]!()).rejects.toMatchObject({ code: "ERR_UNKNOWN_METHOD" });
    }
    expect(client["then"]).toBeUndefined();
  });

  test("an abort rejects with its reason and reaches the method", async () => {
    await using both = await start();
    started.length = 0;
    const controller = new AbortController();
    const call = both.client.forever(undefined, { signal: controller.signal });
    await both.client.add({ a: 1, b: 1 });
    controller.abort(new Error("enough"));
    await expect(call).rejects.toThrow("enough");
    await both.client.add({ a: 1, b: 1 });
    await expect.poll(() => started).toEqual(["forever", "aborted"]);
  });

  test("a timeout rejects and reaches the method", async () => {
    await using both = await start();
    started.length = 0;
    await expect(both.client.forever(undefined, { timeout: 20 })).rejects.toMatchObject({
      code: "ERR_TIMEOUT",
    });
    await expect.poll(() => started).toEqual(["forever", "aborted"]);
  });

  test("a notification is carried out without an answer", async () => {
    await using both = await start();
    started.length = 0;
    await both.client.notify.nothing();
    await expect.poll(() => started).toEqual(["nothing"]);
  });

  test("a stream gives its items in order, and ends", async () => {
    await using both = await start();
    const items: number[] = [];
    for await (const n of both.client.count(300)) items.push(n);
    expect(items).toEqual(Array.from({ length: 300 }, (_, index) => index + 1));
  });

  test("a stream as input, and streams both ways at once", async () => {
    await using both = await start();
    expect(await both.client.sum(upTo(100))).toBe(5050);
    const items: number[] = [];
    for await (const n of both.client.double(upTo(100))) items.push(n);
    expect(items).toEqual(Array.from({ length: 100 }, (_, index) => 2 * index + 2));
  });

  test("an output that is too large is an error of its call alone", async () => {
    await using both = await start();
    const { maxMessageSize } = both.left.traits;
    await expect(both.client.big(maxMessageSize)).rejects.toMatchObject({ code: "ERR_MESSAGE_TOO_LARGE" });
    await expect(both.client.later("x".repeat(both.right.traits.maxMessageSize))).rejects.toMatchObject({
      code: "ERR_MESSAGE_TOO_LARGE",
    });
    expect(await both.client.add({ a: 1, b: 2 })).toEqual({ sum: 3 });
  });
});
