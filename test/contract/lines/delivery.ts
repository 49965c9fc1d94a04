import { describe, expect, it } from "vitest";
import type { Channel } from "sluice";
import type { CodecName, End } from "../maker.js";
import { codeOf, openPair, type Subject, within } from "../subject.js";
import { compose, type Manner, type Plan, receivePlan, sendPlan, sizeOf, verify } from "../traffic.js";

const COUNT = 20_000;

/** Line 1: whole, in order, exactly once; and what the traits say of it. */
export function deliveryLines(subject: Subject): void {
  describe("1. messages arrive whole, in the order of send, exactly once", () => {
    for (const manner of ["one by one", "many at once"] as const) {
      it(`carries ${COUNT} messages of random sizes, ${manner}`, async () => {
        await using pair = await openPair(subject);
        await exchange(pair.sender, pair.receiver, planFor(pair.sender), COUNT, manner);
      });
    }

    it("keeps the order of send, trySend and sendMany among one another", async () => {
      await using pair = await openPair(subject);
      const { sender, receiver } = pair;
      const received = receivePlan(receiver, TINY, 0, 900, "one by one");
      for (let sequence = 0; sequence < 900; sequence += 3) {
        const single = sender.send(compose(sequence, TINY.least));
        const many = sender.sendMany([compose(sequence + 1, TINY.least)]);
        await Promise.all([single, many]);
        if (!sender.trySend(compose(sequence + 2, TINY.least))) {
          await sender.send(compose(sequence + 2, TINY.least));
        }
      }
      await within("900 messages", received);
    });

    it("carries messages of every size about the limits of buffers, pages and the mechanism", async () => {
      await using pair = await openPair(subject);
      const { sender, receiver } = pair;
      const { maxMessageSize } = sender.traits;
      const sizes = LIMITS.filter((size) => size < maxMessageSize - 1);
      sizes.push(maxMessageSize - 1, maxMessageSize);
      const received = (async () => {
        for (const [sequence, size] of sizes.entries()) verify(await receiver.receive(), sequence, size);
      })();
      for (const [sequence, size] of sizes.entries()) await sender.send(compose(sequence, size));
      await within("messages of all sizes", received);
      expect(receiver.tryReceive()).toBeUndefined();
    });

    it("gives the messages to for await, tryReceive and receiveEnvelope alike", async () => {
      await using pair = await openPair(subject);
      const { sender, receiver } = pair;
      await sender.sendMany([0, 1, 2, 3].map((sequence) => compose(sequence, 100)));
      verify(await within("a message", receiver.receive()), 0, 100);
      verify((await within("an envelope", receiver.receiveEnvelope())).message, 1, 100);
      const [third] = await within("a message", receiver.receiveMany({ max: 1 }));
      verify(third ?? Buffer.alloc(0), 2, 100);
      for await (const message of receiver) {
        verify(message, 3, 100);
        break;
      }
    });

    if (subject.maker.ways.length === 2) {
      it("carries messages both ways at the same time", async () => {
        await using pair = await openPair(subject);
        const { sender, receiver } = pair;
        await Promise.all([
          exchange(sender, receiver, planFor(sender), 3000, "one by one"),
          exchange(receiver, sender, { ...planFor(sender), seed: 2 }, 3000, "many at once"),
        ]);
      });
    }
  });

  describe("codecs", () => {
    for (const [codec, messages] of Object.entries(VALUES) as [CodecName, unknown[]][]) {
      it(`carries what the codec ${codec} carries`, async () => {
        await using pair = await openPair(subject, { codec });
        const sender = pair.sender as unknown as Channel<unknown>;
        for (const message of messages) {
          await sender.send(message);
          expect(await within("a message", pair.receiver.receive())).toEqual(message);
        }
        await sender.sendMany(messages);
        for (const message of messages) {
          expect(await within("a message", pair.receiver.receive())).toEqual(message);
        }
      });
    }

    it("refuses what the codec cannot encode with a TypeError, and goes on", async () => {
      await using pair = await openPair(subject, { codec: "json" });
      const sender = pair.sender as unknown as Channel<unknown>;
      await expect(sender.send(1n)).rejects.toThrow(TypeError);
      await expect(sender.sendMany([{ first: true }, 1n])).rejects.toThrow(TypeError);
      expect(() => sender.trySend(() => 1)).toThrow(TypeError);
      await sender.send("good");
      expect(await within("what preceded the bad one", pair.receiver.receive())).toEqual({ first: true });
      expect(await within("a message", pair.receiver.receive())).toBe("good");
    });

    it("rejects one receive with ERR_INVALID_MESSAGE for bytes that the codec refuses, and goes on", async () => {
      await using pair = await openPair(subject, { codec: "picky" });
      const { sender, receiver } = pair;
      const bad = Buffer.from([0xbd, 1]);
      const waiting = [receiver.receive(), receiver.receive()].map((receive) => receive.catch(codeOfError));
      await sender.sendMany([bad, compose(0, 9), compose(1, 9), bad, compose(2, 9)]);
      const [first, second] = await within("both receives", Promise.all(waiting));
      expect(first).toBe("ERR_INVALID_MESSAGE");
      verify(second as Buffer, 0, 9);
      verify(await within("a message", receiver.receive()), 1, 9);
      await expect(within("the bad message", receiver.receiveMany())).rejects.toMatchObject({
        code: "ERR_INVALID_MESSAGE",
        cause: { message: "not to my taste" },
      });
      verify(await within("a message", receiver.receive()), 2, 9);
    });

    it("gives receiveMany the good messages before a bad one, and the error to the next receive", async () => {
      await using pair = await openPair(subject, { codec: "picky" });
      const { sender, receiver } = pair;
      const bad = Buffer.from([0xbd, 1]);
      await sender.sendMany([compose(0, 9), compose(1, 9), bad, compose(2, 9)]);
      const outcomes: unknown[] = [];
      while (outcomes.length < 4) {
        const outcome = await within("messages", receiver.receiveMany().catch(codeOfError));
        if (Array.isArray(outcome)) outcomes.push(...(outcome as unknown[]));
        else outcomes.push(outcome);
      }
      expect(outcomes).toEqual([compose(0, 9), compose(1, 9), "ERR_INVALID_MESSAGE", compose(2, 9)]);
    });
  });

  it("has traits that say what it is", async () => {
    await using pair = await openPair(subject);
    for (const { traits } of [pair.sender, pair.receiver]) {
      expect(Object.isFrozen(traits)).toBe(true);
      expect(traits).toMatchObject({
        ordered: true,
        reliable: true,
        mechanism: pair.sender.traits.mechanism,
      });
      expect(traits.maxMessageSize).toBeGreaterThanOrEqual(1);
    }
    expect(pair.sender.traits.direction).not.toBe("receive");
    expect(pair.receiver.traits.direction).not.toBe("send");
  });
}

/** Line 9: the limits of a message. */
export function limitLines(subject: Subject): void {
  describe("9. a message over maxMessageSize is refused before a byte leaves; an empty message is a message", () => {
    it("refuses a message over the limit with ERR_MESSAGE_TOO_LARGE, and nothing of it arrives", async () => {
      await using pair = await openPair(subject, { maxMessageSize: 1000 });
      const { sender, receiver } = pair;
      expect(sender.traits.maxMessageSize).toBe(1000);
      const large = Buffer.alloc(1001);
      expect(await codeOf(sender.send(large))).toBe("ERR_MESSAGE_TOO_LARGE");
      expect(() => sender.trySend(large)).toThrow(expect.objectContaining({ code: "ERR_MESSAGE_TOO_LARGE" }));
      const many = [compose(0, 1000), large, compose(9, 9)];
      expect(await codeOf(sender.sendMany(many))).toBe("ERR_MESSAGE_TOO_LARGE");
      await sender.send(compose(1, 1000));
      verify(await within("the message before the large one", receiver.receive()), 0, 1000);
      verify(await within("the message after the large one", receiver.receive()), 1, 1000);
    });

    it("tells the size and the limit, and what to look at", async () => {
      await using pair = await openPair(subject, { maxMessageSize: 10 });
      await expect(pair.sender.send(Buffer.alloc(11))).rejects.toThrow(
        /message has 11 bytes, the limit is 10 \(traits\.maxMessageSize\)/,
      );
    });

    const { emptyMessage } = subject.maker;
    it(
      emptyMessage === "carried"
        ? "carries the empty message as a message"
        : `refuses the empty message with ${emptyMessage}, since it could not be told from the end`,
      async () => {
        await using pair = await openPair(subject);
        const { sender, receiver } = pair;
        if (emptyMessage === "carried") {
          await sender.send(Buffer.alloc(0));
          await sender.sendMany([Buffer.alloc(0), compose(0, 8), Buffer.alloc(0)]);
          for (const length of [0, 0, 8, 0])
            expect(await within("a message", receiver.receive())).toHaveLength(length);
        } else {
          expect(await codeOf(sender.send(Buffer.alloc(0)))).toBe(emptyMessage);
          await sender.send(compose(0, 8));
          verify(await within("a message", receiver.receive()), 0, 8);
        }
        expect(receiver.state).toBe("open");
      },
    );
  });
}

/** Line 11: received memory. */
export function ownershipLines(subject: Subject): void {
  describe("11. a received Buffer is the receiver's", () => {
    it("does not change in later traffic", async () => {
      await using pair = await openPair(subject);
      const { sender, receiver } = pair;
      const plan = planFor(sender);
      const kept: Buffer[] = [];
      const received = (async () => {
        while (kept.length < 2000) kept.push(...(await receiver.receiveMany()));
      })();
      await sendPlan(sender, plan, 0, 2000, "one by one");
      await within("2000 messages", received);
      await exchange(sender, receiver, { ...plan, seed: 3 }, 2000, "many at once");
      for (const [sequence, message] of kept.entries()) verify(message, sequence, sizeOf(plan, sequence));
    });

    it("may be written to without harm to other messages", async () => {
      await using pair = await openPair(subject);
      const { sender, receiver } = pair;
      const received = (async () => {
        for (let sequence = 0; sequence < 2000; sequence++) {
          const message = await receiver.receive();
          verify(message, sequence, sizeOf(TINY, sequence));
          message.fill(0xff);
        }
      })();
      await sendPlan(sender, TINY, 0, 2000, "many at once");
      await within("2000 messages", received);
    });

    it("is a Buffer with all its methods", async () => {
      await using pair = await openPair(subject);
      await pair.sender.send(Buffer.from("größer"));
      const message = await within("a message", pair.receiver.receive());
      expect(Buffer.isBuffer(message)).toBe(true);
      expect(message.toString()).toBe("größer");
    });
  });
}

const TINY: Plan = { seed: 1, least: 16, usual: 16, most: 16 };
const LIMITS: readonly number[] = [
  1, 2, 3, 4, 5, 7, 8, 9, 63, 64, 65, 4087, 4088, 4089, 4091, 4092, 4093, 4095, 4096, 4097, 16383, 16384,
  16385, 65531, 65532, 65533, 65535, 65536, 65537, 131072, 262144, 1048576,
];
const VALUES: Readonly<Record<Exclude<CodecName, "picky">, unknown[]>> = {
  json: [{ job: 7, tags: ["a", "ä"] }, [], "text", 0, null, true],
  structured: [new Map([["key", new Date(0)]]), { big: 12n, none: undefined }, new Set([1])],
  text: ["plain", "größer 🙂", "\0\n"],
};

function planFor(sender: End): Plan {
  return { seed: 1, least: 1, usual: 256, most: Math.min(sender.traits.maxMessageSize, 64 * 1024) };
}

/** Sends and receives a plan, and looks whether more comes than was sent. */
async function exchange(
  sender: End,
  receiver: End,
  plan: Plan,
  count: number,
  manner: Manner,
): Promise<void> {
  const received = receivePlan(receiver, plan, 0, count, manner);
  const both = Promise.all([sendPlan(sender, plan, 0, count, manner), received]);
  await within(`${count} messages`, both, 55_000);
  expect(receiver.tryReceive(), "a message more than was sent").toBeUndefined();
}

function codeOfError(error: unknown): unknown {
  return (error as { code?: unknown }).code;
}
