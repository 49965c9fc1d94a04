import { describe, expect, it } from "vitest";
import type { End } from "../maker.js";
import { codeOf, fill, isPending, openPair, SMALL_QUEUES, type Subject, within } from "../subject.js";
import { compose, verify } from "../traffic.js";

const SIZE = 2000;

/** Lines 6 and 7: how a channel ends on this side. */
export function closingLines(subject: Subject): void {
  describe("6. close flushes, then releases", () => {
    it("goes from open to closed, and keeps its promises", async () => {
      await using pair = await openPair(subject);
      expect([pair.sender.state, pair.receiver.state]).toEqual(["open", "open"]);
      for (const end of [pair.sender, pair.receiver]) {
        const closed = end.close();
        expect(end.state).not.toBe("open");
        await within("close", closed);
        expect(end.state).toBe("closed");
        await within("closed", end.closed);
      }
    });

    it("makes send reject with ERR_CHANNEL_CLOSED at once", async () => {
      await using pair = await openPair(subject);
      const { sender } = pair;
      const closed = sender.close();
      expect(await codeOf(sender.send(compose(0, SIZE)))).toBe("ERR_CHANNEL_CLOSED");
      expect(await codeOf(sender.sendMany([compose(0, SIZE)]))).toBe("ERR_CHANNEL_CLOSED");
      expect(() => sender.trySend(compose(0, SIZE))).toThrow(
        expect.objectContaining({ code: "ERR_CHANNEL_CLOSED" }),
      );
      await within("close", closed);
      expect(await codeOf(sender.send(compose(0, SIZE)))).toBe("ERR_CHANNEL_CLOSED");
    });

    it("makes receives reject with ERR_CHANNEL_CLOSED, those that wait too, and ends iterations", async () => {
      await using pair = await openPair(subject);
      const { receiver } = pair;
      const codes = [receiver.receive(), receiver.receiveMany(), receiver.receiveEnvelope()].map(codeOf);
      const next = receiver[Symbol.asyncIterator]().next();
      await within("close", receiver.close());
      expect(await Promise.all(codes)).toEqual(Array(3).fill("ERR_CHANNEL_CLOSED"));
      expect(await within("the iteration", next)).toEqual({ value: undefined, done: true });
      expect(await codeOf(receiver.receive())).toBe("ERR_CHANNEL_CLOSED");
    });

    it("may be called any number of times, with the same outcome", async () => {
      await using pair = await openPair(subject);
      const { sender } = pair;
      await sender.send(compose(0, SIZE));
      await within(
        "all closes",
        Promise.all([sender.close(), sender.close(), sender.close({ deadline: 5000 })]),
      );
      await within("a later close", sender.close());
      await within("disposal", sender[Symbol.asyncDispose]());
      verify(await within("what was sent before", pair.receiver.receive()), 0, SIZE);
    });

    it("fulfils only when what was accepted has left; all of it arrives, sends that waited for room too", async () => {
      await using pair = await openPair(subject, SMALL_QUEUES);
      const { sender, receiver } = pair;
      const accepted = await fill(sender, (sequence) => compose(sequence, SIZE));
      const waiting = [0, 1, 2].map((index) => sender.send(compose(accepted + index, SIZE)));
      const many = sender.sendMany([3, 4].map((index) => compose(accepted + index, SIZE)));
      const closed = sender.close();
      expect(await isPending(closed)).toBe(true);
      expect(sender.state).toBe("closing");
      for (let sequence = 0; sequence < accepted + 5; sequence++)
        verify(await within(`message ${sequence}`, receiver.receive()), sequence, SIZE);
      await within("close and all sends", Promise.all([closed, many, ...waiting]));
    });

    it("rejects at its deadline, telling how many messages did not leave", async () => {
      await using pair = await openPair(subject, SMALL_QUEUES);
      const { sender } = pair;
      const accepted = await fill(sender, (sequence) => compose(sequence, SIZE));
      const waiting = sender.send(compose(accepted, SIZE));
      const outcome = codeOf(waiting);
      const closed = sender.close({ deadline: 30 });
      await expect(within("close", closed)).rejects.toMatchObject({
        code: "ERR_TIMEOUT",
        message: expect.stringMatching(/[1-9][0-9]* messages did not leave/) as string,
      });
      expect(await outcome).toBe("ERR_TIMEOUT");
      await within("everything to be released", sender.closed);
      expect(await codeOf(sender.close())).toBe("ERR_TIMEOUT");
    });

    it("waits as long as it takes with a deadline of Infinity", async () => {
      await using pair = await openPair(subject, SMALL_QUEUES);
      const { sender, receiver } = pair;
      const accepted = await fill(sender, (sequence) => compose(sequence, SIZE));
      const closed = sender.close({ deadline: Infinity });
      // Longer than the shortest timer of Node, which is what it makes of Infinity.
      await new Promise((resolve) => setTimeout(resolve, 10));
      expect(await isPending(closed)).toBe(true);
      for (let sequence = 0; sequence < accepted; sequence++)
        verify(await within(`message ${sequence}`, receiver.receive()), sequence, SIZE);
      await within("close", closed);
    });

    it("refuses wrong options with an error that names them, and leaves the channel open", async () => {
      await using pair = await openPair(subject);
      await expect(pair.sender.close({ deadline: -1 })).rejects.toThrow(/options\.deadline.*-1/);
      await expect(pair.sender.close(7 as unknown as object)).rejects.toThrow(/options.*7/);
      expect(pair.sender.state).toBe("open");
    });
  });

  describe("destroy releases at once", () => {
    it("rejects everything that waits with its reason, and later calls too", async () => {
      await using pair = await openPair(subject, SMALL_QUEUES);
      const { receiver } = pair;
      const reason = new Error("out of here");
      const receiving = [receiver.receive(), receiver.receiveMany(), receiver.receiveEnvelope()];
      const received = Promise.allSettled(receiving);
      receiver.destroy(reason);
      for (const outcome of await within("receives", received))
        expect(outcome).toEqual({ status: "rejected", reason });
      await within("the receiver to be released", receiver.closed);
      expect(receiver.state).toBe("closed");
      await expect(receiver.receive()).rejects.toBe(reason);
    });

    it("rejects later calls with ERR_CHANNEL_CLOSED when it got no reason", async () => {
      await using pair = await openPair(subject);
      const { sender, receiver } = pair;
      sender.destroy();
      expect(await codeOf(sender.send(compose(0, SIZE)))).toBe("ERR_CHANNEL_CLOSED");
      await within("the sender to be released", sender.closed);
      receiver.destroy();
      expect(["ERR_CHANNEL_CLOSED", "ERR_END_OF_CHANNEL", "ERR_PEER_DIED"]).toContain(
        await codeOf(receiver.receive()),
      );
    });

    it("rejects sends that wait for room with its reason", async () => {
      await using pair = await openPair(subject, SMALL_QUEUES);
      const { sender } = pair;
      await fill(sender, (sequence) => compose(sequence, SIZE));
      const reason = new Error("out of here");
      const sends = [sender.send(compose(0, SIZE)), sender.sendMany([compose(0, SIZE)]), sender.flush()];
      const settled = Promise.allSettled(sends);
      sender.destroy(reason);
      for (const outcome of await within("sends", settled))
        expect(outcome).toEqual({ status: "rejected", reason });
      await within("close after destroy", sender.close());
    });

    it("makes a close that still waits for messages to leave reject: they never will", async () => {
      await using pair = await openPair(subject, SMALL_QUEUES);
      const { sender } = pair;
      await fill(sender, (sequence) => compose(sequence, SIZE));
      const closing = sender.close();
      const outcome = expect(within("close", closing)).rejects.toThrow(/did not leave.*out of here/);
      sender.destroy(new Error("out of here"));
      await outcome;
    });

    it("may be called any number of times, also in the middle of a close, and refuses a reason that is no Error", async () => {
      await using pair = await openPair(subject);
      expect(() => pair.sender.destroy("why" as unknown as Error)).toThrow(TypeError);
      expect(pair.sender.state).toBe("open");
      const closing = pair.sender.close();
      pair.sender.destroy();
      pair.sender.destroy(new Error("again"));
      await within("close", closing);
    });
  });

  describe("7. leaving a for await closes the channel", () => {
    const leave: Record<string, (end: End) => Promise<unknown>> = {
      break: async (end) => {
        for await (const message of end) {
          verify(message, 0, SIZE);
          break;
        }
      },
      return: async (end) => {
        for await (const message of end) return message;
        throw new Error("there was no message");
      },
      "a throw": async (end) => {
        const reason = new Error("thrown in the loop");
        const looped = (async () => {
          for await (const _ of end) throw reason;
        })();
        await expect(looped).rejects.toBe(reason);
      },
    };

    for (const [name, loop] of Object.entries(leave)) {
      it(`by ${name}`, async () => {
        await using pair = await openPair(subject);
        await pair.sender.sendMany([compose(0, SIZE), compose(1, SIZE)]);
        await within("the loop", loop(pair.receiver));
        expect(pair.receiver.state).toBe("closed");
        await within("closed", pair.receiver.closed);
      });
    }

    it("by a message that the codec refuses", async () => {
      await using pair = await openPair(subject, { codec: "picky" });
      await pair.sender.sendMany([Buffer.from([0xbd]), compose(1, SIZE)]);
      const looped = (async () => {
        for await (const _ of pair.receiver) throw new Error("there was a message");
      })();
      expect(await codeOf(looped)).toBe("ERR_INVALID_MESSAGE");
      await within("closed", pair.receiver.closed);
    });

    it("and lets go of what had arrived", async () => {
      await using pair = await openPair(subject, SMALL_QUEUES);
      await fill(pair.sender, (sequence) => compose(sequence, SIZE));
      for await (const message of pair.receiver) {
        verify(message, 0, SIZE);
        break;
      }
      expect(await codeOf(pair.receiver.receive())).toBe("ERR_CHANNEL_CLOSED");
    });
  });

  describe("10. the peer's end reaches whoever waits", () => {
    if (subject.maker.senderSeesEnd === false) {
      it("lets a sender wait on for room when the receiver has gone: the queue is there for the next", async () => {
        await using pair = await openPair(subject, SMALL_QUEUES);
        const { sender, receiver } = pair;
        await fill(sender, (sequence) => compose(sequence, SIZE));
        const waiting = sender.send(compose(0, SIZE));
        waiting.catch(() => undefined); // destroyed at the end
        await within("close of the receiver", receiver.close());
        expect(await isPending(waiting)).toBe(true);
        expect(sender.state).toBe("open");
      });
    } else senderLines(subject);

    if (subject.maker.receiverSeesEnd) {
      it("releases a channel whose peer is gone once all was received, though nobody asks for more", async () => {
        await using pair = await openPair(subject);
        const { sender, receiver } = pair;
        await sender.send(compose(0, SIZE));
        verify(await receiver.receive(), 0, SIZE);
        await sender.close();
        await within("the receiver to close itself", receiver.closed);
        expect(await codeOf(receiver.receive())).toBe("ERR_END_OF_CHANNEL");
        if (receiver.traits.direction === "both") {
          expect(await codeOf(receiver.send(compose(0, SIZE)))).toBe("ERR_PEER_DIED");
        }
      });

      it("rejects receives that wait when the sender is destroyed", async () => {
        await using pair = await openPair(subject);
        const codes = [pair.receiver.receive(), pair.receiver.receiveMany()].map(codeOf);
        pair.sender.destroy();
        for (const code of await Promise.all(codes))
          expect(["ERR_PEER_DIED", "ERR_END_OF_CHANNEL"]).toContain(code);
        await within("the receiver to be released", pair.receiver.closed);
      });

      it("delivers what had arrived before the sender was destroyed", async () => {
        await using pair = await openPair(subject);
        const { sender, receiver } = pair;
        await sender.sendMany([0, 1, 2].map((sequence) => compose(sequence, SIZE)));
        await within("flush", sender.flush());
        verify(await within("a message", receiver.receive()), 0, SIZE);
        sender.destroy();
        verify(await within("a message", receiver.receive()), 1, SIZE);
        verify(await within("a message", receiver.receive()), 2, SIZE);
        expect(["ERR_PEER_DIED", "ERR_END_OF_CHANNEL"]).toContain(await codeOf(receiver.receive()));
      });
    }
  });
}

function senderLines(subject: Subject): void {
  it("rejects sends that wait for room when the receiver is closed", async () => {
    await using pair = await openPair(subject, SMALL_QUEUES);
    const { sender, receiver } = pair;
    await fill(sender, (sequence) => compose(sequence, SIZE));
    const codes = Promise.all([sender.send(compose(0, SIZE)), sender.flush()].map(codeOf));
    await within("close of the receiver", receiver.close());
    expect(await codes).toEqual(["ERR_PEER_DIED", "ERR_PEER_DIED"]);
    expect(await codeOf(sender.send(compose(0, SIZE)))).toBe("ERR_PEER_DIED");
    expect(await codeOf(sender.close())).toBe("ERR_PEER_DIED");
  });

  it("rejects sends that wait for room when the receiver is destroyed", async () => {
    await using pair = await openPair(subject, SMALL_QUEUES);
    const { sender, receiver } = pair;
    await fill(sender, (sequence) => compose(sequence, SIZE));
    const code = codeOf(sender.send(compose(0, SIZE)));
    receiver.destroy();
    expect(await code).toBe("ERR_PEER_DIED");
    await within("the sender to be released", sender.closed);
  });

  it("fails a sender that finds nobody at the other end any more", async () => {
    await using pair = await openPair(subject);
    const { sender, receiver } = pair;
    receiver.destroy();
    await within("the receiver to be released", receiver.closed);
    const sending = (async () => {
      for (;;) {
        await sender.send(compose(0, SIZE));
        await new Promise((resolve) => setImmediate(resolve));
      }
    })();
    expect(["ERR_PEER_DIED", "ERR_CHANNEL_CLOSED"]).toContain(await codeOf(sending));
  });
}
