import { afterAll, afterEach, describe, expect, test } from "vitest";
import { removeSharedCertificate } from "../support/certificates.js";
import { type CallContext, createClient, serve } from "sluice/rpc";
import { cleanUp, memory, unixStream } from "./pairs.js";

afterAll(removeSharedCertificate);

afterEach(cleanUp);

const until = (_: unknown, { signal }: Pick<CallContext, "signal">) =>
  new Promise<string>((resolve) => {
    signal.addEventListener("abort", () => {
      resolve("aborted");
    });
  });

describe("streams", () => {
  test("a producer waits until the caller wants more, and ends when it leaves", async () => {
    const [left, right] = await unixStream.make();
    let produced = 0;
    let ended = false;
    const methods = {
      async *numbers() {
        try {
          for (;;) yield produced++;
        } finally {
          ended = true;
        }
      },
    };
    serve(left, methods);
    const client = createClient<typeof methods>(right, { streamCredit: { items: 8 } });
    for await (const n of client.numbers()) {
      if (n < 20) continue;
      await new Promise((resolve) => setTimeout(resolve, 20));
      expect(produced).toBeLessThanOrEqual(20 + 8 + 1);
      break;
    }
    await expect.poll(() => ended).toBe(true);
    await client.close();
  });

  test("the credit counts bytes too", async () => {
    const [left, right] = await memory.make();
    let produced = 0;
    const methods = {
      async *blocks() {
        for (;;) {
          produced++;
          yield Buffer.alloc(1000);
        }
      },
    };
    serve(left, methods);
    const client = createClient<typeof methods>(right, { streamCredit: { items: 100, bytes: 2500 } });
    const blocks = client.blocks()[Symbol.asyncIterator]();
    await blocks.next();
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(produced).toBeLessThanOrEqual(4);
    await client.close();
  });

  test("an error of the producer comes out of the loop after its items", async () => {
    const [left, right] = await memory.make();
    const methods = {
      async *fails() {
        yield 1;
        throw Object.assign(new Error("no more"), { code: "E_DRY" });
      },
    };
    serve(left, methods);
    const client = createClient<typeof methods>(right);
    const seen: number[] = [];
    const loop = async () => {
      for await (const n of client.fails()) seen.push(n);
    };
    await expect(loop()).rejects.toMatchObject({ code: "E_DRY", message: "no more" });
    expect(seen).toEqual([1]);
    await client.close();
    await expect(loop()).rejects.toMatchObject({ code: "ERR_CHANNEL_CLOSED" });
  });

  test("an abort ends the loop with its reason, and the producer", async () => {
    const [left, right] = await memory.make();
    let ended = false;
    const methods = {
      async *ticks(_: undefined, { signal }: CallContext) {
        yield 1;
        await until(_, { signal });
        ended = true;
      },
    };
    serve(left, methods);
    const client = createClient<typeof methods>(right);
    const controller = new AbortController();
    const loop = async () => {
      for await (const n of client.ticks(undefined, { signal: controller.signal })) {
        expect(n).toBe(1);
        setImmediate(() => {
          controller.abort(new Error("stop"));
        });
      }
    };
    await expect(loop()).rejects.toThrow("stop");
    await expect.poll(() => ended).toBe(true);
    await client.close();
  });

  test("a stream as input ends when the method does, and its error reaches the method", async () => {
    const [left, right] = await memory.make();
    const methods = {
      async first(items: AsyncIterable<number>) {
        for await (const item of items) return item;
        return -1;
      },
      async all(items: AsyncIterable<number>) {
        try {
          for await (const _ of items);
          return "ended";
        } catch (error) {
          return (error as Error).message;
        }
      },
    };
    serve(left, methods);
    const client = createClient<typeof methods>(right);
    let leftEarly = false;
    async function* endless() {
      try {
        for (let n = 7; ; n++) yield n;
      } finally {
        leftEarly = true;
      }
    }
    expect(await client.first(endless())).toBe(7);
    await expect.poll(() => leftEarly).toBe(true);
    async function* broken() {
      yield 1;
      throw new Error("the source broke");
    }
    expect(await client.all(broken())).toBe("the source broke");
    await client.close();
  });

  test("awaiting a stream gives it, and iterating a value says what to do", async () => {
    const [left, right] = await memory.make();
    const methods = {
      async *two() {
        yield 1;
        yield 2;
      },
      one: () => 1,
    };
    serve(left, methods);
    const client = createClient<typeof methods>(right);
    const stream = await (client.two() as unknown as Promise<AsyncIterable<number>>);
    const items: number[] = [];
    for await (const item of stream) items.push(item);
    expect(items).toEqual([1, 2]);
    const loop = async () => {
      for await (const _ of client.one() as unknown as AsyncIterable<number>);
    };
    await expect(loop()).rejects.toThrow("await it");
    await client.close();
  });
});
