import type { BroadcastReceiver, BroadcastSender } from "sluice";
import { describe, expect, it } from "vitest";
import { RemoteEnd } from "../support/remote-end.js";
import { settledDescriptors } from "../support/settled-descriptors.js";
import { capabilityLines } from "./lines/capabilities.js";
import { limitLines, ownershipLines } from "./lines/delivery.js";
import { userCodeLines } from "./lines/lifetime.js";
import { receiveWaitLines, receivingLines } from "./lines/receiving.js";
import { lateMessageLines } from "./lines/unref.js";
import { maker } from "./makers/broadcast.js";
import { codeOf, openPair, scratch, SMALL_QUEUES, turns, within } from "./subject.js";
import { compose, verify } from "./traffic.js";

const subject = { maker, way: "first-to-second" } as const;
const SIZE = 500;

/**
 * The part of the contract that the traits of a broadcast allow: the writer waits for nobody, and what a follower does not read in time is
 * overwritten and counted.
 */
describe("broadcast", () => {
  receivingLines(subject);
  receiveWaitLines(subject);
  limitLines(subject);
  ownershipLines(subject);
  capabilityLines(subject);
  userCodeLines(subject);
  lateMessageLines(subject);

  it("1. messages of every size arrive whole", async () => {
    await using pair = await openPair(subject);
    const { sender, receiver } = pair;
    const sizes = [...Array(300).keys(), 1016, 4088, 4096, 16_383, 16_384, 16_385, 65_528, 65_536, 1_000_000];
    sizes.push(sender.traits.maxMessageSize);
    for (const [sequence, size] of sizes.entries()) {
      await sender.send(compose(sequence, size));
      verify(await within(`message ${sequence}`, receiver.receive()), sequence, size);
    }
  });

  it("1. 50,000 messages in flights of 512 arrive whole and exactly once", async () => {
    await using pair = await openPair(subject);
    for (let sequence = 0; sequence < 50_000; sequence += 512) {
      await pair.sender.sendMany(Array.from({ length: 512 }, (_, index) => compose(sequence + index, SIZE)));
      for (let next = sequence; next < sequence + 512;) {
        for (const message of await within("messages", pair.receiver.receiveMany()))
          verify(message, next++, SIZE);
      }
    }
    expect(pair.receiver.tryReceive()).toBeUndefined();
    expect((pair.receiver as unknown as BroadcastReceiver<Buffer>).missed).toBe(0);
  });

  it("2. trySend never says false, send never waits and flush has nothing to wait for", async () => {
    await using pair = await openPair(subject, SMALL_QUEUES);
    for (let sequence = 0; sequence < 30_000; sequence++)
      expect(pair.sender.trySend(compose(sequence, SIZE))).toBe(true);
    await within("flush", pair.sender.flush());
    await within("send", pair.sender.send(compose(0, SIZE), { timeout: 0 }));
  });

  it("4. queues are bounded: what the receiver does not read in time is missed and counted, and what it reads is whole", async () => {
    await using pair = await openPair(subject, SMALL_QUEUES);
    const { sender } = pair;
    const receiver = pair.receiver as unknown as BroadcastReceiver<Buffer>;
    const sent = 40_000;
    await sender.sendMany(Array.from({ length: sent }, (_, sequence) => compose(sequence, SIZE)));
    await turns(10);
    let next = 0;
    let received = 0;
    while (next < sent) {
      const { message, missed = 0 } = await within("a message", receiver.receiveEnvelope());
      next += missed;
      verify(message, next++, SIZE);
      received++;
    }
    expect(receiver.tryReceive()).toBeUndefined();
    expect(receiver.missed).toBeGreaterThan(0);
    expect(received + receiver.missed).toBe(sent);
  });

  it("6. close tells the follower, who still gets what is in the ring; it may be called again", async () => {
    await using pair = await openPair(subject, SMALL_QUEUES);
    for (let sequence = 0; sequence < 1000; sequence++) pair.sender.trySend(compose(sequence, SIZE));
    await within("close", pair.sender.close());
    for (let sequence = 0; sequence < 1000; sequence++)
      verify(await within("a message", pair.receiver.receive()), sequence, SIZE);
    expect(await codeOf(pair.receiver.receive())).toBe("ERR_END_OF_CHANNEL");
    expect(await codeOf(pair.sender.send(compose(0, SIZE)))).toBe("ERR_CHANNEL_CLOSED");
    await within("a later close", pair.sender.close());
    await within("the follower to close itself", pair.receiver.closed);
  });

  it("7. leaving a for await closes the follower, and the writer goes on", async () => {
    await using pair = await openPair(subject);
    await pair.sender.send(compose(3, SIZE));
    for await (const message of pair.receiver) {
      verify(message, 3, SIZE);
      break;
    }
    await within("closed", pair.receiver.closed);
    const sender = pair.sender as unknown as BroadcastSender<Uint8Array>;
    while (sender.followers > 0) await turns(1);
    await sender.send(compose(4, SIZE));
  });

  it("8. an aborted send is not sent", async () => {
    await using pair = await openPair(subject);
    const reason = new Error("before");
    await expect(pair.sender.send(compose(1, SIZE), { signal: AbortSignal.abort(reason) })).rejects.toBe(
      reason,
    );
    await pair.sender.send(compose(2, SIZE));
    verify(await within("a message", pair.receiver.receive()), 2, SIZE);
  });

  it("10. a follower gets what was published and fails with ERR_PEER_DIED within 1 s of the writer's kill -9", async () => {
    using directory = scratch();
    await using far = new RemoteEnd(maker.name, "first", directory.path, {});
    await within("the peer to be ready", far.open);
    const near = await maker.second(directory.path, {});
    const plan = { seed: 1, least: SIZE, usual: SIZE, most: SIZE };
    await far.call("send", { plan, from: 0, to: 100, manner: "many at once" });
    far.kill("SIGKILL");
    for (let sequence = 0; sequence < 100; sequence++)
      verify(await within("a message", near.receive()), sequence, SIZE);
    expect(await within("the follower to notice", codeOf(near.receive()), 1000)).toBe("ERR_PEER_DIED");
    await within("the follower to be released", near.closed);
  });

  it("12. leaves no descriptor open, however a channel ends", async () => {
    const endings: (() => Promise<void>)[] = [
      async () => {
        await using pair = await openPair(subject);
        await pair.sender.send(compose(0, 100));
        verify(await within("a message", pair.receiver.receive()), 0, 100);
        await within("both closes", Promise.all([pair.sender.close(), pair.receiver.close()]));
      },
      async () => {
        await using pair = await openPair(subject, SMALL_QUEUES);
        pair.sender.trySend(compose(0, 100));
        pair.sender.destroy();
      },
      async () => {
        await using pair = await openPair(subject, SMALL_QUEUES);
        pair.sender.trySend(compose(0, 100));
        pair.receiver.destroy();
      },
    ];
    for (const ending of endings) await ending();
    const before = await settledDescriptors();
    for (let cycle = 0; cycle < 10; cycle++) for (const ending of endings) await ending();
    expect(await settledDescriptors()).toBe(before);
  });
});
