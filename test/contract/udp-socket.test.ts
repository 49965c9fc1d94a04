import { type UdpChannel, UdpSocket } from "sluice";
import { describe, expect, it } from "vitest";
import { RemoteEnd } from "../support/remote-end.js";
import { capabilityLines } from "./lines/capabilities.js";
import { limitLines } from "./lines/delivery.js";
import { userCodeLines } from "./lines/lifetime.js";
import { receiveWaitLines, receivingLines } from "./lines/receiving.js";
import { statisticsLines } from "./lines/statistics.js";
import { lateMessageLines } from "./lines/unref.js";
import { maker } from "./makers/udp-socket.js";
import { codeOf, openPair, scratch, SMALL_QUEUES, turns, within } from "./subject.js";
import { compose, verify } from "./traffic.js";
import { openDescriptors } from "../support/open-descriptors.js";

const subject = { maker, way: "second-to-first" } as const;
const SIZE = 500;

/**
 * The part of the contract that the traits of UDP allow: it is neither ordered nor reliable, so a sender is never told to wait, and what the
 * receiver has no room for is dropped and counted. Over loopback nothing else is lost, and the order is kept.
 */
describe("udp-socket", () => {
  receivingLines(subject);
  receiveWaitLines(subject);
  limitLines(subject);
  capabilityLines(subject);
  userCodeLines(subject);
  statisticsLines(subject);
  lateMessageLines(subject);

  it("1. messages of every size arrive whole", async () => {
    await using pair = await openPair(subject);
    const { sender, receiver } = pair;
    const sizes = [...Array(200).keys(), 1471, 1472, 1473, 4095, 4096, 16_384, 32_768, 65_506, 65_507];
    for (const [sequence, size] of sizes.entries()) {
      await sender.send(compose(sequence, size));
      verify(await within(`message ${sequence}`, receiver.receive()), sequence, size);
    }
  });

  it("1. 20,000 messages in flights of 64 arrive whole and exactly once", async () => {
    await using pair = await openPair(subject);
    for (let sequence = 0; sequence < 20_000; sequence += 64) {
      await pair.sender.sendMany(Array.from({ length: 64 }, (_, index) => compose(sequence + index, SIZE)));
      for (let next = sequence; next < sequence + 64;) {
        for (const message of await within("messages", pair.receiver.receiveMany()))
          verify(message, next++, SIZE);
      }
    }
    expect(pair.receiver.tryReceive()).toBeUndefined();
  });

  it("2. trySend never says false and send never waits: the kernel takes all", async () => {
    await using pair = await openPair(subject, SMALL_QUEUES);
    for (let sequence = 0; sequence < 2000; sequence++)
      expect(pair.sender.trySend(compose(sequence, SIZE))).toBe(true);
    await within("flush", pair.sender.flush());
    await within("send", pair.sender.send(compose(0, SIZE), { timeout: 0 }));
  });

  it("4. queues are bounded: what the receiver does not read is dropped and counted, and what it reads is whole", async () => {
    await using pair = await openPair(subject, SMALL_QUEUES);
    const { sender } = pair;
    const receiver = pair.receiver as UdpChannel<Uint8Array, Buffer>;
    const sent = 5000;
    await sender.sendMany(Array.from({ length: sent }, (_, sequence) => compose(sequence, SIZE)));
    await turns(10);
    expect(receiver.dropped).toBeGreaterThan(0);
    let last = -1;
    let received = 0;
    for (; received < sent - receiver.dropped; received++) {
      const message = await within("a message that was not dropped", receiver.receive());
      const sequence = message.readUInt32LE(0);
      expect(sequence).toBeGreaterThan(last);
      verify(message, sequence, SIZE);
      last = sequence;
    }
    expect(receiver.tryReceive()).toBeUndefined();
    expect(received + receiver.dropped).toBe(sent);
  });

  it("6. after close sends and receives reject with ERR_CHANNEL_CLOSED; close may be called again", async () => {
    await using pair = await openPair(subject);
    const waiting = codeOf(pair.receiver.receive());
    await within("close", Promise.all([pair.sender.close(), pair.receiver.close(), pair.receiver.close()]));
    expect(await waiting).toBe("ERR_CHANNEL_CLOSED");
    expect(await codeOf(pair.sender.send(compose(0, SIZE)))).toBe("ERR_CHANNEL_CLOSED");
    expect(await codeOf(pair.receiver.receive())).toBe("ERR_CHANNEL_CLOSED");
    await within("a later close", pair.sender.close());
    expect([pair.sender.state, pair.receiver.state]).toEqual(["closed", "closed"]);
  });

  it("7. leaving a for await closes the channel", async () => {
    await using pair = await openPair(subject);
    await pair.sender.send(compose(3, SIZE));
    for await (const message of pair.receiver) {
      verify(message, 3, SIZE);
      break;
    }
    await within("closed", pair.receiver.closed);
  });

  it("8. an aborted send is not sent", async () => {
    await using pair = await openPair(subject);
    const reason = new Error("before");
    const signal = AbortSignal.abort(reason);
    await expect(pair.sender.send(compose(1, SIZE), { signal })).rejects.toBe(reason);
    await pair.sender.send(compose(2, SIZE));
    verify(await within("a message", pair.receiver.receive()), 2, SIZE);
  });

  it("10. a connected sender fails with ERR_PEER_DIED within 1 s of the receiver's kill -9", async () => {
    using directory = scratch();
    await using far = new RemoteEnd(maker.name, "first", directory.path, {});
    await within("the peer to be ready", far.ready);
    const near = await maker.second(directory.path, {});
    await near.send(compose(0, SIZE));
    far.kill("SIGKILL");
    await within("the process to be gone", far.exit);
    const sending = (async () => {
      for (;;) {
        await near.send(compose(0, SIZE));
        await turns(1);
      }
    })();
    expect(await within("the sender to notice", codeOf(sending), 1000)).toBe("ERR_PEER_DIED");
    await within("the sender to be released", near.closed);
  });

  it("11. a received Buffer does not change in later traffic", async () => {
    await using pair = await openPair(subject);
    const kept: Buffer[] = [];
    for (let sequence = 0; sequence < 2000; sequence++) {
      await pair.sender.send(compose(sequence, SIZE));
      kept.push(await within("a message", pair.receiver.receive()));
    }
    for (const [sequence, message] of kept.entries()) verify(message, sequence, SIZE);
  });

  it("12. 2,000 open and close cycles leave the descriptors as they were", async () => {
    const before = openDescriptors();
    for (let cycle = 0; cycle < 2000; cycle++) {
      const first = await UdpSocket.bind();
      const second = await UdpSocket.connect({ port: first.localAddress.port });
      await second.send(compose(cycle, 50));
      verify(await within("a message", first.receive()), cycle, 50);
      if (cycle % 2 === 0) await Promise.all([first.close(), second.close()]);
      else {
        first.destroy();
        second.destroy();
        await Promise.all([first.closed, second.closed]);
      }
    }
    expect(openDescriptors()).toBe(before);
  });
});
