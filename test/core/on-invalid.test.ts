import { randomUUID } from "node:crypto";
import { tmpdir } from "node:os";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import {
  type Channel,
  ChannelError,
  type Codec,
  json,
  MemoryChannel,
  MessageError,
  MessageQueue,
  SharedBuffer,
  UnixSocket,
} from "sluice";
import type { ValidationOptions } from "../../src/codec/validated.js";

const Numbered = z.object({ n: z.number() });
type Numbered = z.infer<typeof Numbered>;
type Rough = Channel<string, unknown>;
type Checked = Channel<Numbered>;

/** Sends text as it is, so that it can be anything but JSON. */
const rough: Codec<string> = { name: "rough", encode: (text) => Buffer.from(text), decode: String };
const bad = '{"n":"one"}';
const good = (n: number): string => JSON.stringify({ n });

interface Pair extends AsyncDisposable {
  readonly sender: Rough;
  readonly receiver: Checked;
}

function pairOf(sender: Rough, receiver: Checked, release?: () => void): Pair {
  return {
    sender,
    receiver,
    [Symbol.asyncDispose]: async () => {
      sender.destroy();
      receiver.destroy();
      await Promise.all([sender.closed, receiver.closed]);
      release?.();
    },
  };
}

const name = (): string => `sluice-on-invalid-${randomUUID()}`;
const codecOf = (options: ValidationOptions): Codec<Numbered> => json(Numbered, options);

const mechanisms: Record<string, (options: ValidationOptions) => Promise<Pair>> = {
  "in memory": async (options) => {
    // One codec for both ends there: what is sent passes by it as it is.
    const codec: Codec<never, Numbered> = { ...codecOf(options), encode: (text: never) => Buffer.from(text) };
    const [left, right] = MemoryChannel.pair<never, Numbered>({ codec });
    return pairOf(left, right);
  },
  "on a Unix stream": async (options) => {
    const address = path.join(tmpdir(), name());
    await using listener = await UnixSocket.listen(address, { codec: codecOf(options) });
    const sender = await UnixSocket.connect(address, { codec: rough });
    return pairOf(sender, await listener.accept());
  },
  "in shared memory": async (options) => {
    const address = path.join(tmpdir(), name());
    await using listener = await SharedBuffer.listen(address, { codec: codecOf(options) });
    const sender = await SharedBuffer.connect(address, { codec: rough });
    return pairOf(sender, await listener.accept());
  },
  "on a message queue": async (options) => {
    const queue = `/${name()}`;
    const receiver = await MessageQueue.open(queue, { create: true, codec: codecOf(options) });
    const sender = await MessageQueue.open(queue, { codec: rough });
    return pairOf(sender, receiver, () => {
      MessageQueue.unlink(queue);
    });
  },
};

async function errorOf(promise: Promise<unknown>): Promise<ChannelError> {
  const error: unknown = await promise.then(
    (value) => new Error(`fulfilled with ${JSON.stringify(value)}`),
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(ChannelError);
  return error as ChannelError;
}

for (const [where, open] of Object.entries(mechanisms)) {
  describe(`a message that the schema refuses, ${where}`, () => {
    it("rejects the receive in line with the issues, and the channel goes on", async () => {
      await using pair = await open({});
      await pair.sender.sendMany([good(1), bad, good(2), "no JSON", good(3)]);
      expect(await pair.receiver.receive()).toEqual({ n: 1 });
      const error = await errorOf(pair.receiver.receive());
      expect(error.code).toBe("ERR_INVALID_MESSAGE");
      expect(error.issues).toMatchObject([{ path: ["n"] }]);
      expect(error.cause).toBeInstanceOf(MessageError);
      expect(error.message).toContain("are no message of the codec json: the schema refuses it: n: ");
      expect(await pair.receiver.receive()).toEqual({ n: 2 });
      const noJson = await errorOf(pair.receiver.receiveEnvelope());
      expect([noJson.code, noJson.issues]).toEqual(["ERR_INVALID_MESSAGE", undefined]);
      expect(await pair.receiver.receive()).toEqual({ n: 3 });
    });

    it('is left out with onInvalid: "drop", in every way of receiving', async () => {
      await using pair = await open({ onInvalid: "drop" });
      const { sender, receiver } = pair;
      const waiting = receiver.receive();
      await sender.sendMany([bad, good(1), bad, bad, good(2), "[", good(3), bad]);
      expect(await waiting).toEqual({ n: 1 });
      expect((await receiver.receiveEnvelope()).message).toEqual({ n: 2 });
      expect(await receiver.receiveMany({ max: 1 })).toEqual([{ n: 3 }]);
      expect(await errorOf(receiver.receiveMany({ timeout: 10 }))).toMatchObject({ code: "ERR_TIMEOUT" });
      await sender.sendMany([bad, bad]);
      await sender.flush();
      expect(await errorOf(receiver.receive({ timeout: 50 }))).toMatchObject({ code: "ERR_TIMEOUT" });
      expect(receiver.tryReceive()).toBeUndefined();
      const iterator = receiver[Symbol.asyncIterator]();
      const next = iterator.next();
      await sender.sendMany([bad, good(4), good(5), bad, good(6)]);
      expect(await next).toEqual({ value: { n: 4 }, done: false });
      const rest: Numbered[] = [];
      while (rest.length < 2) rest.push(...(await receiver.receiveMany()));
      expect(rest).toEqual([{ n: 5 }, { n: 6 }]);
      expect(receiver.state).toBe("open");
    });

    it('fails the channel with onInvalid: "close", for everybody', async () => {
      await using pair = await open({ onInvalid: "close" });
      const { sender, receiver } = pair;
      const calls = [
        receiver.receive(),
        receiver.receive(),
        receiver.receiveMany(),
        receiver.receiveEnvelope(),
        receiver[Symbol.asyncIterator]().next(),
      ];
      const outcomes = Promise.all(calls.slice(1).map(errorOf));
      await sender.sendMany([good(1), bad, good(2)]);
      expect(await calls[0]).toEqual({ n: 1 });
      for (const error of await outcomes) expect(error.code).toBe("ERR_INVALID_MESSAGE");
      await receiver.closed;
      for (const call of [
        receiver.receive(),
        receiver.receiveMany(),
        receiver[Symbol.asyncIterator]().next(),
      ])
        expect((await errorOf(call)).issues).toMatchObject([{ path: ["n"] }]);
      expect(() => receiver.tryReceive()).toThrow(expect.objectContaining({ code: "ERR_INVALID_MESSAGE" }));
      expect(await errorOf(receiver.send({ n: 1 }))).toMatchObject({ code: "ERR_INVALID_MESSAGE" });
    });

    it('gives receiveMany what was good before it, with onInvalid: "close" too', async () => {
      await using pair = await open({ onInvalid: "close" });
      await pair.sender.sendMany([good(1), good(2), bad, good(3)]);
      await pair.sender.flush();
      const got: Numbered[] = [];
      while (got.length < 2) got.push(...(await pair.receiver.receiveMany()));
      expect(got).toEqual([{ n: 1 }, { n: 2 }]);
      expect((await errorOf(pair.receiver.receiveMany())).code).toBe("ERR_INVALID_MESSAGE");
      expect((await errorOf(pair.receiver.receiveMany())).code).toBe("ERR_INVALID_MESSAGE");
    });
  });
}

describe("onInvalid", () => {
  it("hides no asynchronous schema: the receive rejects with its TypeError", async () => {
    const codec = json(
      z.string().refine(async () => true),
      { onInvalid: "drop" },
    );
    const [left, right] = MemoryChannel.pair({ codec });
    await left.send("a");
    await expect(right.receive()).rejects.toThrow(TypeError);
    await left.close();
  });

  it("ends a channel whose peer has died already with the message that was refused", async () => {
    const address = path.join(tmpdir(), name());
    await using listener = await UnixSocket.listen(address, { codec: codecOf({ onInvalid: "close" }) });
    const sender = await UnixSocket.connect(address, { codec: rough });
    const receiver = await listener.accept();
    await sender.sendMany([good(1), bad, good(2)]);
    await sender.close();
    expect(await receiver.receive()).toEqual({ n: 1 });
    for (let count = 0; count < 2; count++)
      expect((await errorOf(receiver.receive())).code).toBe("ERR_INVALID_MESSAGE");
    await receiver.closed;
  });

  it("is a property of any codec, and checked", () => {
    const codec = { ...rough, onInvalid: "ignore" as "drop" };
    expect(() => MemoryChannel.pair({ codec })).toThrow(
      /options.codec.onInvalid must be "throw", "drop" or "close", received "ignore"/,
    );
  });
});
