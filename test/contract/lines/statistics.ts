import { describe, expect, it } from "vitest";
import type { End } from "../maker.js";
import { codeOf, fill, openPair, SMALL_QUEUES, type Subject, turns, within } from "../subject.js";
import { compose } from "../traffic.js";

const SIZE = 2000;
const NO_DROPS = { invalid: 0, unusable: 0, unread: 0, unsent: 0, lost: 0 };
const EMPTY = { messages: 0, bytes: 0 };

/** Line 15: the numbers that a channel tells of itself. */
export function statisticsLines(subject: Subject): void {
  const { maker } = subject;
  describe("15. statistics agree with what was sent and received", () => {
    it("counts messages and bytes of every way to send and to receive", async () => {
      await using pair = await openPair(subject);
      const { sender, receiver } = pair;
      expect(sender.statistics()).toMatchObject({ messagesSent: 0, bytesSent: 0, sendQueue: EMPTY });
      expect(receiver.statistics()).toMatchObject({ messagesReceived: 0, bytesReceived: 0 });

      const iterator = receiver[Symbol.asyncIterator]();
      const ways: ((message: Buffer) => Promise<unknown>)[] = [
        (message) => sender.send(message),
        async (message) => {
          expect(sender.trySend(message)).toBe(true);
        },
        (message) => sender.sendMany([message, message]),
        (message) => sender.send(message, { timeout: 1000 }),
      ];
      const receives: (() => Promise<unknown>)[] = [
        () => receiver.receive(),
        () => receiver.receiveMany({ max: 1 }),
        () => receiver.receiveEnvelope(),
        () => iterator.next(),
      ];
      let messages = 0;
      let bytes = 0;
      for (const [index, send] of ways.entries()) {
        for (const size of [1, 100, Math.min(20_000, sender.traits.maxMessageSize)]) {
          const count = index === 2 ? 2 : 1;
          await within("a send", send(compose(messages, size)));
          for (let received = 0; received < count; received++)
            await within("a receive", receives[(messages + received) % receives.length]!());
          messages += count;
          bytes += count * size;
        }
      }
      await within("flush", sender.flush());
      expect(sender.statistics()).toMatchObject({
        messagesSent: messages,
        bytesSent: bytes,
        sendQueue: EMPTY,
        dropped: NO_DROPS,
      });
      expect(receiver.statistics()).toMatchObject({
        messagesReceived: messages,
        bytesReceived: bytes,
        receiveQueue: EMPTY,
        readPauses: 0,
        dropped: NO_DROPS,
      });
      // What has not moved is not counted, and a snapshot does not change.
      expect(sender.statistics()).toEqual(sender.statistics());
      expect(receiver.statistics()).not.toBe(receiver.statistics());
    });

    if (maker.reliable !== false) backpressureLines(subject);

    it("counts messages that the codec refuses", async () => {
      await using pair = await openPair(subject, { codec: "picky" });
      const { sender, receiver } = pair;
      await sender.sendMany([Buffer.of(1, 2), Buffer.of(0xbd, 2, 3), Buffer.of(3)]);
      await within("a message", receiver.receive());
      expect(await codeOf(receiver.receive())).toBe("ERR_INVALID_MESSAGE");
      await within("a message", receiver.receive());
      expect(receiver.statistics()).toMatchObject({
        messagesReceived: 3,
        bytesReceived: 6,
        receiveQueue: EMPTY,
        dropped: { ...NO_DROPS, invalid: 1 },
      });
    });

    it("goes on telling them after the end, and what was lost with it", async () => {
      await using pair = await openPair(subject);
      const { sender, receiver } = pair;
      await sender.send(compose(0, SIZE));
      await within("a message", receiver.receive());
      await sender.send(compose(1, SIZE));
      await sender.flush();
      await turns(20);
      const { receiveQueue } = receiver.statistics();
      receiver.destroy();
      sender.destroy();
      await within("the end", Promise.all([receiver.closed, sender.closed]));
      expect(sender.statistics()).toMatchObject({ messagesSent: 2, sendQueue: EMPTY, dropped: NO_DROPS });
      expect(receiver.statistics()).toMatchObject({
        messagesReceived: 1 + receiveQueue.messages,
        receiveQueue: EMPTY,
        dropped: { ...NO_DROPS, unread: receiveQueue.messages },
      });
    });
  });
}

function backpressureLines(subject: Subject): void {
  it("tells what waits where, and how often a side had to wait for the other", async () => {
    await using pair = await openPair(subject, SMALL_QUEUES);
    const { sender, receiver } = pair;
    const accepted = await fill(sender, (sequence) => compose(sequence, SIZE));
    const before = sender.statistics();
    expect(before).toMatchObject({ messagesSent: accepted, bytesSent: accepted * SIZE, sendWaits: 0 });
    expect(before.sendQueue.bytes).toBeGreaterThanOrEqual(before.sendQueue.messages * SIZE);
    const waiting = sender.send(compose(accepted, SIZE));
    expect(sender.statistics()).toMatchObject({ messagesSent: accepted, sendWaits: 1 });

    const { receiveQueue, messagesReceived, bytesReceived, readPauses } = receiver.statistics();
    expect(receiveQueue).toEqual({ messages: messagesReceived, bytes: bytesReceived });
    expect(bytesReceived).toBe(messagesReceived * SIZE);
    // A message queue is not read ahead of the receives.
    expect(readPauses).toBe(messagesReceived === 0 ? 0 : 1);

    await receiveAll(receiver, accepted + 1);
    await within("the send that waited", waiting);
    const many = sender.sendMany(Array.from({ length: 500 }, (_, index) => compose(index, SIZE)));
    await receiveAll(receiver, 500);
    await within("sendMany", many);
    await within("flush", sender.flush());
    const total = { messages: accepted + 501, bytes: (accepted + 501) * SIZE };
    const sent = sender.statistics();
    expect([sent.messagesSent, sent.bytesSent]).toEqual([total.messages, total.bytes]);
    expect(sent.sendQueue).toEqual(EMPTY);
    const received = receiver.statistics();
    expect([received.messagesReceived, received.bytesReceived]).toEqual([total.messages, total.bytes]);
    expect(received.receiveQueue).toEqual(EMPTY);
  });

  it("tells how many messages did not leave", async () => {
    await using pair = await openPair(subject, SMALL_QUEUES);
    const { sender } = pair;
    const accepted = await fill(sender, (sequence) => compose(sequence, SIZE));
    const { sendQueue } = sender.statistics();
    sender.destroy();
    await within("the end", sender.closed);
    expect(sender.statistics()).toMatchObject({
      messagesSent: accepted,
      sendQueue: EMPTY,
      dropped: { ...NO_DROPS, unsent: sendQueue.messages },
    });
  });
}

async function receiveAll(receiver: End, count: number): Promise<void> {
  for (let received = 0; received < count;)
    received += (await within("messages", receiver.receiveMany({ max: count - received }))).length;
}
