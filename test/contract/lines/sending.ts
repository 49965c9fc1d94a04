import { describe, expect, it } from "vitest";
import type { End } from "../maker.js";
import { codeOf, fill, isPending, openPair, SMALL_QUEUES, type Subject, turns, within } from "../subject.js";
import { compose, verify } from "../traffic.js";

const SIZE = 2000;

/** Lines 2 to 4: acceptance, room, flush, and bounds. */
export function sendingLines(subject: Subject): void {
  describe("2. send fulfils when the message is accepted, and waits when there is no room", () => {
    it("fulfils though nobody receives, as long as there is room", async () => {
      await using pair = await openPair(subject);
      for (let sequence = 0; sequence < 5; sequence++)
        await within("send", pair.sender.send(compose(sequence, SIZE)));
      for (let sequence = 0; sequence < 5; sequence++)
        verify(await within("a message", pair.receiver.receive()), sequence, SIZE);
    });

    it("waits at a receiver that does not read, while trySend says false; both go on once it reads", async () => {
      await using pair = await openPair(subject, SMALL_QUEUES);
      const { sender, receiver } = pair;
      const accepted = await fill(sender, (sequence) => compose(sequence, SIZE));
      expect(sender.trySend(compose(accepted, SIZE))).toBe(false);
      const waiting = sender.send(compose(accepted, SIZE));
      expect(await isPending(waiting)).toBe(true);
      await receiveRun(receiver, 0, accepted + 1);
      await within("the send that waited", waiting);
      expect(sender.trySend(compose(accepted + 1, SIZE))).toBe(true);
      await receiveRun(receiver, accepted + 1, accepted + 2);
    });

    it("keeps the order of 300 sends that wait, whatever their sizes", async () => {
      await using pair = await openPair(subject, SMALL_QUEUES);
      const { sender, receiver } = pair;
      const accepted = await fill(sender, (sequence) => compose(sequence, SIZE));
      const most = Math.min(sender.traits.maxMessageSize, 20_000);
      const sizes = Array.from({ length: 300 }, (_, index) => (index % 7 === 0 ? most : 10 + index));
      const sends = sizes.map((size, index) =>
        index % 5 === 0
          ? sender.sendMany([compose(accepted + index, size)])
          : sender.send(compose(accepted + index, size)),
      );
      await receiveRun(receiver, 0, accepted);
      for (const [index, size] of sizes.entries())
        verify(await within("a message", receiver.receive()), accepted + index, size);
      await within("all sends", Promise.all(sends));
    });

    it("goes on with a sendMany where it stood, as often as there is no room", async () => {
      await using pair = await openPair(subject, SMALL_QUEUES);
      const { sender, receiver } = pair;
      const sent = sender.sendMany(messages(3000));
      await receiveRun(receiver, 0, 3000);
      await within("sendMany", sent);
    });

    it("lets the caller have the bytes back once send has fulfilled", async () => {
      await using pair = await openPair(subject, SMALL_QUEUES);
      const { sender, receiver } = pair;
      const most = Math.min(sender.traits.maxMessageSize, 200_000);
      const sizes = [10, 5000, most, 17_000, most, 64].map((size) => Math.min(size, most));
      const received = (async () => {
        for (let round = 0; round < 10; round++) {
          for (const [sequence, size] of sizes.entries()) verify(await receiver.receive(), sequence, size);
        }
      })();
      for (let round = 0; round < 10; round++) {
        for (const [sequence, size] of sizes.entries()) {
          const message = compose(sequence, size);
          if (round % 2 === 0) await sender.send(message);
          else await sender.sendMany([message]);
          message.fill(0xee);
        }
      }
      await within("all messages", received);
    });

    it("lets the caller have the bytes back once trySend has said true", async () => {
      await using pair = await openPair(subject, SMALL_QUEUES);
      const { sender, receiver } = pair;
      const size = Math.min(sender.traits.maxMessageSize, 100_000);
      const accepted = await fill(sender, (sequence) => compose(sequence, size));
      const message = compose(accepted, size);
      expect(sender.trySend(message)).toBe(false);
      await sendReused(sender, receiver, accepted, size);
    });
  });

  describe("3. flush fulfils when everything accepted before it has left this process", () => {
    it("fulfils when nothing was sent, and after messages that leave at once", async () => {
      await using pair = await openPair(subject);
      await within("flush of nothing", pair.sender.flush());
      await pair.sender.sendMany(messages(5));
      await within("flush", pair.sender.flush());
      await receiveRun(pair.receiver, 0, 5);
    });

    it("waits for what a receiver that does not read holds up", async () => {
      await using pair = await openPair(subject, SMALL_QUEUES);
      const { sender, receiver } = pair;
      const accepted = await fill(sender, (sequence) => compose(sequence, SIZE));
      const flushed = sender.flush();
      expect(await isPending(flushed)).toBe(true);
      await receiveRun(receiver, 0, accepted);
      await within("flush", flushed);
    });

    it("does not wait for what is accepted after it", async () => {
      await using pair = await openPair(subject, SMALL_QUEUES);
      const { sender, receiver } = pair;
      const accepted = await fill(sender, (sequence) => compose(sequence, SIZE));
      const flushed = sender.flush();
      const later = sender.sendMany(messages(100_000, accepted));
      later.catch(() => undefined); // destroyed at the end, with most of them unsent
      const received = receiveRun(receiver, 0, accepted + 10);
      await within("flush while others go on sending", flushed);
      await received;
    });

    it("rejects when the channel is destroyed with messages that did not leave, also if called afterwards", async () => {
      await using pair = await openPair(subject, SMALL_QUEUES);
      await fill(pair.sender, (sequence) => compose(sequence, SIZE));
      const flushed = pair.sender.flush();
      flushed.catch(() => undefined); // looked at below
      pair.sender.destroy(new Error("enough"));
      await expect(within("flush", flushed)).rejects.toThrow("enough");
      await expect(within("a later flush", pair.sender.flush())).rejects.toThrow(/did not leave/);
    });
  });

  describe("4. queues are bounded", () => {
    it("stops reading when the incoming queue is full, and the sender feels it", async () => {
      await using pair = await openPair(subject, SMALL_QUEUES);
      const accepted = await fill(pair.sender, (sequence) => compose(sequence, SIZE));
      // Two queues of 8 messages and 64 KiB, and what the kernel or the ring holds between them.
      expect(accepted).toBeGreaterThanOrEqual(8);
      expect(accepted * SIZE).toBeLessThan(4 * 1024 * 1024);
      await receiveRun(pair.receiver, 0, accepted);
      expect(pair.receiver.tryReceive()).toBeUndefined();
    });

    it("fills again after it was emptied, time after time", async () => {
      await using pair = await openPair(subject, SMALL_QUEUES);
      let sent = 0;
      for (let round = 0; round < 5; round++) {
        const from = sent;
        sent += await fill(pair.sender, (sequence) => compose(from + sequence, SIZE));
        await receiveRun(pair.receiver, from, sent);
      }
    });

    it("takes one message that is larger than the queues", async () => {
      await using pair = await openPair(subject, {
        sendQueue: { bytes: 1000 },
        receiveQueue: { bytes: 1000 },
      });
      const size = Math.min(pair.sender.traits.maxMessageSize, 300_000);
      const received = (async () => {
        for (let sequence = 0; sequence < 5; sequence++)
          verify(await pair.receiver.receive(), sequence, size);
      })();
      for (let sequence = 0; sequence < 5; sequence++) await pair.sender.send(compose(sequence, size));
      await within("large messages", received);
    });

    it("lets timers run while a loop of sends has room all the time", async () => {
      await using pair = await openPair(subject);
      const { sender, receiver } = pair;
      let ended = false;
      const timer = setTimeout(() => {
        ended = true;
      }, 5);
      const received = (async () => {
        while (!ended) await receiver.receiveMany();
      })();
      const sending = (async () => {
        for (let sequence = 0; !ended; sequence++) await sender.send(compose(sequence, 16));
      })();
      await within("a timer of 5 ms", sending);
      clearTimeout(timer);
      sender.trySend(compose(0, 16));
      await within("the receiver", received);
    });
  });
}

function* messages(count: number, from = 0): Generator<Buffer> {
  for (let sequence = from; sequence < from + count; sequence++) yield compose(sequence, SIZE);
}

async function receiveRun(receiver: End, from: number, to: number): Promise<void> {
  for (let sequence = from; sequence < to; sequence++)
    verify(await within(`message ${sequence} of ${to}`, receiver.receive()), sequence, SIZE);
}

/** Goes on behind `accepted` messages with trySend from one piece of memory that is overwritten each time. */
async function sendReused(sender: End, receiver: End, accepted: number, size: number): Promise<void> {
  const memory = Buffer.alloc(size);
  let next = accepted;
  for (let received = 0; received < accepted + 30; received++) {
    verify(await within(`message ${received}`, receiver.receive()), received, size);
    // Once all that was sent is received there is room, as soon as the sender has noticed.
    for (let sent = next === accepted + 30; !sent;) {
      memory.set(compose(next, size));
      sent = sender.trySend(memory);
      memory.fill(0xee);
      if (sent) next++;
      else if (received < next - 1) break;
      else await turns(1);
    }
  }
}

/** Line 8 for the calls that send. */
export function sendWaitLines(subject: Subject): void {
  describe("8. every waiting call takes signal and timeout: sending", () => {
    const calls: Record<string, (end: End, options: object) => Promise<unknown>> = {
      send: (end, options) => end.send(compose(0, SIZE), options),
      "send of a large message": (end, options) =>
        end.send(compose(0, Math.min(end.traits.maxMessageSize, 50_000)), options),
      sendMany: (end, options) => end.sendMany([compose(0, SIZE), compose(1, SIZE)], options),
      flush: (end, options) => end.flush(options),
    };

    for (const [name, call] of Object.entries(calls)) {
      it(`${name} rejects with the reason of its signal, and nothing of it is sent`, async () => {
        await using pair = await openPair(subject, SMALL_QUEUES);
        const { sender, receiver } = pair;
        const accepted = await fill(sender, (sequence) => compose(sequence, SIZE));
        const controller = new AbortController();
        const waiting = call(sender, { signal: controller.signal });
        expect(await isPending(waiting)).toBe(true);
        const reason = new Error("not interested any more");
        controller.abort(reason);
        await expect(within(name, waiting)).rejects.toBe(reason);
        await expectToGoOn(sender, receiver, accepted);
      });

      it(`${name} rejects with ERR_TIMEOUT when its timeout runs out, 0 included, and nothing of it is sent`, async () => {
        await using pair = await openPair(subject, SMALL_QUEUES);
        const { sender, receiver } = pair;
        const accepted = await fill(sender, (sequence) => compose(sequence, SIZE));
        expect(await codeOf(call(sender, { timeout: 0 }))).toBe("ERR_TIMEOUT");
        expect(await codeOf(call(sender, { timeout: 20 }))).toBe("ERR_TIMEOUT");
        await expectToGoOn(sender, receiver, accepted);
      });

      it(`${name} rejects at once when its signal has fired before`, async () => {
        await using pair = await openPair(subject);
        const reason = new Error("before");
        await expect(within(name, call(pair.sender, { signal: AbortSignal.abort(reason) }))).rejects.toBe(
          reason,
        );
        await expectToGoOn(pair.sender, pair.receiver, 0);
      });

      it(`${name} refuses a wrong signal or timeout with an error that names it`, async () => {
        await using pair = await openPair(subject);
        await expect(call(pair.sender, { timeout: -1 })).rejects.toThrow(/options\.timeout.*-1/);
        await expect(call(pair.sender, { timeout: "1" })).rejects.toThrow(TypeError);
        await expect(call(pair.sender, { signal: {} })).rejects.toThrow(/options\.signal/);
        await expectToGoOn(pair.sender, pair.receiver, 0);
      });
    }

    it("an aborted send in the middle of the line leaves the others in their order", async () => {
      await using pair = await openPair(subject, SMALL_QUEUES);
      const { sender, receiver } = pair;
      const accepted = await fill(sender, (sequence) => compose(sequence, SIZE));
      const controller = new AbortController();
      const before = sender.send(compose(accepted, SIZE));
      const aborted = sender.send(compose(77, SIZE), { signal: controller.signal });
      const after = sender.send(compose(accepted + 1, SIZE));
      controller.abort();
      await expect(aborted).rejects.toMatchObject({ name: "AbortError" });
      await receiveRun(receiver, 0, accepted + 2);
      await within("the other sends", Promise.all([before, after]));
    });

    it("one signal may bound any number of sends", async () => {
      await using pair = await openPair(subject, SMALL_QUEUES);
      await fill(pair.sender, (sequence) => compose(sequence, SIZE));
      const warnings: Error[] = [];
      const listen = (warning: Error): void => void warnings.push(warning);
      process.on("warning", listen);
      const controller = new AbortController();
      const sends = Array.from({ length: 100 }, () =>
        pair.sender.send(compose(0, SIZE), { signal: controller.signal }),
      );
      controller.abort(new Error("all of them"));
      for (const outcome of await within("all sends", Promise.allSettled(sends)))
        expect(outcome).toMatchObject({ status: "rejected", reason: { message: "all of them" } });
      await turns(3);
      process.off("warning", listen);
      expect(warnings).toEqual([]);
    });
  });
}

/** What was accepted arrives, and then a message that is sent now: nothing was lost, torn, or sent in between. */
async function expectToGoOn(sender: End, receiver: End, accepted: number): Promise<void> {
  const marker = sender.send(compose(accepted, SIZE));
  await receiveRun(receiver, 0, accepted + 1);
  await within("a further send", marker);
}
