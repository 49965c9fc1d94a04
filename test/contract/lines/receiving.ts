import { describe, expect, it } from "vitest";
import type { End } from "../maker.js";
import { codeOf, isPending, openPair, SMALL_QUEUES, type Subject, within } from "../subject.js";
import { compose, verify } from "../traffic.js";

const SIZE = 100;

/** Line 5: the order of receives, and the end. */
export function receivingLines(subject: Subject): void {
  describe("5. waiting receives are served in their order; what arrived before the end is delivered", () => {
    it("serves receives of every kind in the order of the calls", async () => {
      await using pair = await openPair(subject);
      const { sender, receiver } = pair;
      const iterator = receiver[Symbol.asyncIterator]();
      const waits: Promise<Buffer | undefined>[] = [
        receiver.receive(),
        receiver.receiveMany({ max: 1 }).then(([message]) => message),
        receiver.receiveEnvelope().then((envelope) => envelope.message),
        iterator.next().then((next) => next.value as Buffer),
        receiver.receive(),
      ];
      for (const sequence of waits.keys()) await sender.send(compose(sequence, SIZE));
      const messages = await within("all receives", Promise.all(waits));
      for (const [sequence, message] of messages.entries()) verify(message!, sequence, SIZE);
    });

    if (subject.maker.reliable !== false) {
      it("gives a burst that is larger than the queue to those who wait, whole and in order", async () => {
        await using pair = await openPair(subject, SMALL_QUEUES);
        const { sender, receiver } = pair;
        for (let round = 0; round < 20; round++) {
          const first = round * 60;
          const waits: Promise<Buffer[]>[] = [
            receiver.receiveMany({ max: 10 }),
            receiver.receive().then((message) => [message]),
            receiver.receiveMany({ max: 40 }),
          ];
          const sent = sender.sendMany(
            Array.from({ length: 60 }, (_, index) => compose(first + index, SIZE)),
          );
          const messages = (await within("those who wait", Promise.all(waits))).flat();
          while (messages.length < 60)
            messages.push(...(await within("the rest", receiver.receiveMany({ max: 60 - messages.length }))));
          await within("sendMany", sent);
          for (const [index, message] of messages.entries()) verify(message, first + index, SIZE);
        }
      });
    }

    it("does not let a receive overtake one that waits, at any moment", async () => {
      await using pair = await openPair(subject);
      const { sender, receiver } = pair;
      for (let round = 0; round < 50; round++) {
        const waits = [receiver.receive()];
        expect(sender.trySend(compose(round * 3, SIZE))).toBe(true);
        waits.push(receiver.receive());
        await sender.send(compose(round * 3 + 1, SIZE));
        waits.push(receiver.receive());
        await sender.send(compose(round * 3 + 2, SIZE));
        for (const [index, message] of (await within("all receives", Promise.all(waits))).entries())
          verify(message, round * 3 + index, SIZE);
      }
    });

    it("does not let tryReceive take what a receive waits for", async () => {
      await using pair = await openPair(subject);
      const waiting = pair.receiver.receive();
      expect(pair.sender.trySend(compose(0, SIZE))).toBe(true);
      const taken = pair.receiver.tryReceive();
      expect(taken).toBeUndefined();
      verify(await within("the receive that waited", waiting), 0, SIZE);
    });

    it("gives no more than max messages to receiveMany, and the rest to the next", async () => {
      await using pair = await openPair(subject);
      const { sender, receiver } = pair;
      await sender.sendMany(Array.from({ length: 10 }, (_, sequence) => compose(sequence, SIZE)));
      const messages: Buffer[] = [];
      while (messages.length < 10) {
        const some = await within("messages", receiver.receiveMany({ max: 3 }));
        expect(some.length).toBeGreaterThanOrEqual(1);
        expect(some.length).toBeLessThanOrEqual(3);
        messages.push(...some);
      }
      for (const [sequence, message] of messages.entries()) verify(message, sequence, SIZE);
    });

    it("refuses a wrong max with an error that names it", async () => {
      await using pair = await openPair(subject);
      for (const max of [0, -1, 1.5, Number.NaN])
        await expect(pair.receiver.receiveMany({ max })).rejects.toThrow(RangeError);
      await expect(pair.receiver.receiveMany({ max: "1" as unknown as number })).rejects.toThrow(
        /options\.max.*"1"/,
      );
    });

    if (subject.maker.receiverSeesEnd) endLines(subject);
    else {
      it("goes on waiting when the sender has gone: there is no connection, and others may send", async () => {
        await using pair = await openPair(subject);
        const { sender, receiver } = pair;
        await sender.send(compose(0, SIZE));
        await within("close", sender.close());
        verify(await within("what had arrived", receiver.receive()), 0, SIZE);
        expect(await isPending(receiver.receive({ timeout: 2000 }))).toBe(true);
        expect(receiver.state).toBe("open");
      });
    }
  });
}

function endLines(subject: Subject): void {
  it("delivers what has arrived, then rejects with ERR_END_OF_CHANNEL, and closes itself", async () => {
    await using pair = await openPair(subject);
    const { sender, receiver } = pair;
    await sender.sendMany([0, 1, 2].map((sequence) => compose(sequence, SIZE)));
    await within("close", sender.close());
    for (const sequence of [0, 1, 2]) verify(await within("a message", receiver.receive()), sequence, SIZE);
    expect(await codeOf(receiver.receive())).toBe("ERR_END_OF_CHANNEL");
    await within("the receiver to close itself", receiver.closed);
    expect(receiver.state).toBe("closed");
    expect(await codeOf(receiver.receive())).toBe("ERR_END_OF_CHANNEL");
    expect(() => receiver.tryReceive()).toThrow(expect.objectContaining({ code: "ERR_END_OF_CHANNEL" }));
  });

  it("rejects all receives that wait when the end comes", async () => {
    await using pair = await openPair(subject);
    const { sender, receiver } = pair;
    const codes = [receiver.receive(), receiver.receiveMany(), receiver.receiveEnvelope()].map(codeOf);
    await sender.close();
    expect(await Promise.all(codes)).toEqual(Array(3).fill("ERR_END_OF_CHANNEL"));
  });

  it("ends a for await after the last message", async () => {
    await using pair = await openPair(subject);
    const { sender, receiver } = pair;
    const iterated = (async () => {
      let count = 0;
      for await (const message of receiver) verify(message, count++, SIZE);
      return count;
    })();
    for (let sequence = 0; sequence < 20; sequence++) await sender.send(compose(sequence, SIZE));
    await sender.close();
    expect(await within("the iteration to end", iterated)).toBe(20);
  });

  it("delivers everything that was sent before an orderly end, however much waits", async () => {
    await using pair = await openPair(subject, { receiveQueue: { messages: 4 } });
    const { sender, receiver } = pair;
    const closed = (async () => {
      for (let sequence = 0; sequence < 500; sequence++) await sender.send(compose(sequence, SIZE));
      await sender.close();
    })();
    for (let sequence = 0; sequence < 500; sequence++)
      verify(await within(`message ${sequence}`, receiver.receive()), sequence, SIZE);
    expect(await codeOf(receiver.receive())).toBe("ERR_END_OF_CHANNEL");
    await within("close", closed);
  });
}

/** Line 8 for the calls that receive. */
export function receiveWaitLines(subject: Subject): void {
  describe("8. every waiting call takes signal and timeout: receiving", () => {
    const calls: Record<string, (end: End, options: object) => Promise<unknown>> = {
      receive: (end, options) => end.receive(options),
      receiveMany: (end, options) => end.receiveMany(options),
      receiveEnvelope: (end, options) => end.receiveEnvelope(options),
    };

    for (const [name, call] of Object.entries(calls)) {
      it(`${name} rejects with the reason of its signal, and takes nothing`, async () => {
        await using pair = await openPair(subject);
        const { sender, receiver } = pair;
        const controller = new AbortController();
        const waiting = call(receiver, { signal: controller.signal });
        expect(await isPending(waiting)).toBe(true);
        const reason = new Error("not interested any more");
        controller.abort(reason);
        await expect(within(name, waiting)).rejects.toBe(reason);
        await expectNext(sender, receiver);
      });

      it(`${name} rejects with ERR_TIMEOUT when its timeout runs out, 0 included, and takes nothing`, async () => {
        await using pair = await openPair(subject);
        expect(await codeOf(call(pair.receiver, { timeout: 0 }))).toBe("ERR_TIMEOUT");
        expect(await codeOf(call(pair.receiver, { timeout: 20 }))).toBe("ERR_TIMEOUT");
        await expectNext(pair.sender, pair.receiver);
      });

      it(`${name} takes a message that is there with a timeout of 0`, async () => {
        await using pair = await openPair(subject);
        const { sender, receiver } = pair;
        const first = receiver.receive();
        await sender.sendMany([compose(0, SIZE), compose(1, SIZE)]);
        await within("a message", first);
        for (;;) {
          // The second may still be on its way when the first is here.
          const outcome = await call(receiver, { timeout: 0 }).catch((error: unknown) => error);
          if (!(outcome instanceof Error)) break;
          expect(outcome).toMatchObject({ code: "ERR_TIMEOUT" });
          await new Promise((resolve) => setImmediate(resolve));
        }
      });

      it(`${name} rejects at once when its signal has fired before, and takes nothing`, async () => {
        await using pair = await openPair(subject);
        const { sender, receiver } = pair;
        await sender.send(compose(5, SIZE));
        const reason = new Error("before");
        await expect(within(name, call(receiver, { signal: AbortSignal.abort(reason) }))).rejects.toBe(
          reason,
        );
        verify(await within("the message", receiver.receive()), 5, SIZE);
      });

      it(`${name} refuses a wrong signal or timeout with an error that names it`, async () => {
        await using pair = await openPair(subject);
        await expect(call(pair.receiver, { timeout: Number.NaN })).rejects.toThrow(/options\.timeout.*NaN/);
        await expect(call(pair.receiver, { timeout: "1" })).rejects.toThrow(TypeError);
        await expect(call(pair.receiver, { signal: "abort" })).rejects.toThrow(/options\.signal.*"abort"/);
        await expectNext(pair.sender, pair.receiver);
      });
    }

    it("an aborted receive in the middle of the line leaves the others in their order", async () => {
      await using pair = await openPair(subject);
      const { sender, receiver } = pair;
      const controller = new AbortController();
      const first = receiver.receive();
      const aborted = receiver.receive({ signal: controller.signal });
      const third = receiver.receive();
      controller.abort();
      await expect(aborted).rejects.toMatchObject({ name: "AbortError" });
      await sender.sendMany([compose(0, SIZE), compose(1, SIZE)]);
      verify(await within("the first receive", first), 0, SIZE);
      verify(await within("the third receive", third), 1, SIZE);
    });

    it("an abort at the moment when a message arrives loses nothing", async () => {
      await using pair = await openPair(subject);
      const { sender, receiver } = pair;
      for (let sequence = 0; sequence < 200; sequence++) {
        const controller = new AbortController();
        const waiting = receiver.receive({ signal: controller.signal });
        const outcome = waiting.catch(() => undefined);
        await sender.send(compose(sequence, SIZE));
        if (sequence % 2 === 0) await new Promise((resolve) => setImmediate(resolve));
        controller.abort();
        const message =
          (await outcome) ?? (await within("the message that was not taken", receiver.receive()));
        verify(message, sequence, SIZE);
      }
    });
  });
}

async function expectNext(sender: End, receiver: End): Promise<void> {
  await sender.send(compose(3, SIZE));
  verify(await within("a message", receiver.receive()), 3, SIZE);
  expect(receiver.tryReceive()).toBeUndefined();
}
