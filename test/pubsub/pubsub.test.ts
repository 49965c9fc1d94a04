import { json, MemoryChannel, NamedPipe, SharedBuffer, text, UnixSocket } from "sluice";
import { type Publisher, publisher, subscriber } from "sluice/pubsub";
import { mkdtempSync, rmSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { codeOf, isPending, turns, within } from "../contract/subject.js";
import { meetings, newName } from "./support.js";

const codec = text();

/** Until this many subscriptions have come to the publisher. */
async function subscribed(news: Publisher<never>, count: number): Promise<void> {
  const have = (): number => news.subscribers.reduce((sum, { topics }) => sum + topics.length, 0);
  while (have() !== count) await turns(1);
}

describe.each(Object.entries(meetings))("over %s", (_name, meet) => {
  test("each subscriber gets what it has subscribed to, in order, and nothing else", async () => {
    const meeting = await meet();
    await using news = publisher(meeting.target, { codec });
    await using gold = subscriber(await meeting.connect(), { codec, topics: ["prices.gold"] });
    await using prices = subscriber(await meeting.connect(), { codec, topics: ["prices.*", "prices.gold"] });
    await using all = subscriber(await meeting.connect(), { codec, topics: ["*"] });
    await subscribed(news, 4);
    const topics = ["prices.gold", "prices.metals.tin", "price", "prices", "weather"];
    for (let round = 0; round < 1000; round++)
      for (const topic of topics) await news.publish(topic, `${topic} ${round}`);
    const expected = [1, 2, 5];
    for (const [index, each] of [gold, prices, all].entries()) {
      const wanted = index === 2 ? topics : topics.slice(0, expected[index]);
      for (let round = 0; round < 1000; round++) {
        for (const topic of wanted) {
          const got = await within("a message", each.receive());
          expect(got).toEqual({ topic, message: `${topic} ${round}`, missed: 0 });
        }
      }
      expect(each.missed).toBe(0);
    }
  });

  test("subscribe and unsubscribe take effect while messages flow", async () => {
    const meeting = await meet();
    await using news = publisher(meeting.target, { codec });
    await using mine = subscriber(await meeting.connect(), { codec, topics: ["a"] });
    await subscribed(news, 1);
    await news.publish("b", "not yet");
    await mine.subscribe("b", "c.*");
    await subscribed(news, 3);
    await news.publish("b", "now");
    await news.publish("c.d", "and this");
    expect(await within("b", mine.receive())).toMatchObject({ topic: "b", message: "now" });
    expect(await within("c.d", mine.receive())).toMatchObject({ topic: "c.d" });
    await news.publish("b", "in flight");
    await mine.unsubscribe("b", "c.*");
    await subscribed(news, 1);
    await news.publish("a", "last");
    expect(await within("a", mine.receive())).toEqual({ topic: "a", message: "last", missed: 0 });
    expect(mine.topics).toEqual(["a"]);
  });

  test("a new subscriber gets the last value of each matching topic, then all that follows: no gap and no duplicate", async () => {
    const meeting = await meet();
    await using news = publisher(meeting.target, { codec: json<number>(), retain: 10 });
    let value = 0;
    let going = true;
    const publishing = (async () => {
      for (; going || value < 4000; value++) {
        await news.publish(`t.${value % 10}`, value);
        if (value % 20 === 19) await turns(1);
      }
    })();
    for (let round = 0; round < 20; round++) {
      await using mine = subscriber(await meeting.connect(), { codec: json<number>(), topics: ["t.*"] });
      const last = new Map<string, number>();
      for (let count = 0; count < 100; count++) {
        const { topic, message, missed } = await within("a message", mine.receive());
        expect(missed).toBe(0);
        const before = last.get(topic);
        if (before !== undefined) expect(message).toBe(before + 10);
        else expect(Number(topic.slice(2))).toBe(message % 10);
        last.set(topic, message);
      }
      expect(last.size).toBe(10);
    }
    going = false;
    await publishing;
  });

  test("the publisher's close gives what waits, then ends the subscribers", async () => {
    const meeting = await meet();
    const news = publisher(meeting.target, { codec });
    const mine = subscriber(await meeting.connect(), { codec, topics: ["*"] });
    await subscribed(news, 1);
    for (let count = 0; count < 500; count++) await news.publish("n", String(count));
    const closing = news.close();
    const got: string[] = [];
    for await (const { message } of mine) got.push(message);
    expect(got).toEqual(Array.from({ length: 500 }, (_, count) => String(count)));
    await within("close", closing);
    expect(await codeOf(news.publish("n", "late"))).toBe("ERR_CHANNEL_CLOSED");
  });
});

describe("a subscriber that does not keep up", () => {
  const message = "x".repeat(1000);
  const queue = { messages: 10 };
  const small = { sendQueue: { messages: 4 }, receiveQueue: { messages: 4 } };

  test('loses the oldest of its queue and is told how many, exactly, before the next (slow: "drop-oldest")', async () => {
    const [left, right] = MemoryChannel.pair(small);
    await using news = publisher(left, { codec: json<number>(), queue });
    await using mine = subscriber(right, { codec: json<number>(), topics: ["n"] });
    await subscribed(news, 1);
    const sent = 1000;
    for (let count = 0; count < sent; count++) await news.publish("n", count);
    await turns(5);
    expect(news.dropped).toBeGreaterThan(900);
    expect(news.subscribers[0]!.queuedMessages).toBeLessThanOrEqual(10);
    let next = 0;
    while (next < sent) {
      const got = await within("a message", mine.receive());
      next += got.missed;
      expect(got.message).toBe(next++);
    }
    expect(mine.missed).toBe(news.dropped);
  });

  test('is waited for, in the order of the calls, and not when the call is aborted (slow: "wait")', async () => {
    const [left, right] = MemoryChannel.pair(small);
    await using news = publisher(left, { codec, queue, slow: "wait" });
    await using mine = subscriber(right, { codec, topics: ["n"] });
    await subscribed(news, 1);
    let accepted = 0;
    let waiting: Promise<void>;
    for (;;) {
      waiting = news.publish("n", String(accepted));
      if (await isPending(waiting)) break;
      accepted++;
    }
    const reason = new Error("enough");
    const controller = new AbortController();
    const aborted = news.publish("n", "aborted", { signal: controller.signal });
    controller.abort(reason);
    await expect(aborted).rejects.toBe(reason);
    expect(await codeOf(news.publish("n", "late", { timeout: 5 }))).toBe("ERR_TIMEOUT");
    const after = news.publish("n", String(accepted + 1));
    for (let count = 0; count < accepted + 2; count++)
      expect(await within("a message", mine.receive())).toEqual({
        topic: "n",
        message: String(count),
        missed: 0,
      });
    await within("all", Promise.all([waiting, after]));
    expect(news.dropped).toBe(0);
  });

  test('is not waited for by those who publish to other topics, nor once it has gone (slow: "wait")', async () => {
    const [left, right] = MemoryChannel.pair(small);
    await using news = publisher(left, { codec, queue, slow: "wait" });
    const mine = subscriber(right, { codec, topics: ["n"] });
    await subscribed(news, 1);
    for (let count = 0; count < 18; count++) await news.publish("n", "", { timeout: 1000 });
    await news.publish("m", message);
    const waiting = Promise.all(Array.from({ length: 50 }, () => news.publish("n", message)));
    expect(await isPending(waiting)).toBe(true);
    await mine.close();
    await within("the publishing", waiting);
  });

  test('is disconnected, and the publisher told (slow: "disconnect")', async () => {
    const errors: Error[] = [];
    const [left, right] = MemoryChannel.pair(small);
    const [other, reader] = MemoryChannel.pair();
    await using news = publisher([left, other], {
      codec,
      queue,
      slow: "disconnect",
      onError: (error) => errors.push(error),
    });
    await using mine = subscriber(right, { codec, topics: ["n"] });
    await using quick = subscriber(reader, { codec, topics: ["n"] });
    await subscribed(news, 2);
    for (let count = 0; count < 100; count++) await news.publish("n", message);
    for (let count = 0; count < 100; count++) await within("each", quick.receive());
    expect(news.subscribers).toHaveLength(1);
    await turns(1);
    expect(errors.map(({ message }) => message)).toEqual([expect.stringContaining("disconnected")]);
    const reading = (async () => {
      for (;;) await mine.receive();
    })();
    expect(["ERR_PEER_DIED", "ERR_END_OF_CHANNEL"]).toContain(await codeOf(reading));
  });
});

describe("over a broadcast in shared memory", () => {
  test("the subscriber filters, and is told what was overwritten, whatever the topic", async () => {
    const name = newName();
    const sender = await SharedBuffer.broadcast(name, { capacity: 16_384 });
    await using news = publisher(sender, { codec });
    const channel = await SharedBuffer.follow(name, { receiveQueue: { messages: 16 } });
    await using mine = subscriber(channel, { codec, topics: ["even"] });
    expect(news.hasSubscribers("anything")).toBe(true);
    // Lost before the first message too.
    for (let round = 0, next = 0; round < 3; round++) {
      const sent = 5000 * (round + 1);
      for (let count = sent - 5000; count < sent; count++)
        await news.publish(count % 2 === 0 ? "even" : "odd", String(count));
      for (let got = Number.NaN; got !== sent - 2;) {
        const { message, missed } = await within("a message", mine.receive());
        got = Number(message);
        const odd = got - next - missed;
        // Those of the other topic in between were received, and thrown away.
        expect(odd).toBeGreaterThanOrEqual(0);
        next = got + 1;
      }
      expect(mine.missed).toBeGreaterThan(round * 1000);
    }
    expect(mine.missed).toBe(channel.missed);
  });

  test("what it cannot do is refused with the reason", async () => {
    await using sender = await SharedBuffer.broadcast(newName());
    for (const options of [{ slow: "wait" }, { slow: "disconnect" }, { retain: 5 }] as const) {
      const fail = (): unknown => publisher(sender, options);
      expect(fail).toThrow(expect.objectContaining({ code: "ERR_UNSUPPORTED" }));
      expect(fail).toThrow(/waits for nobody|nobody tells/);
    }
  });
});

test("over a pipe that only sends, its one reader gets everything and filters", async () => {
  const folder = mkdtempSync("/tmp/sluice-pubsub-");
  await NamedPipe.create(`${folder}/fifo`);
  const reader = await NamedPipe.openReader(`${folder}/fifo`);
  const writer = await NamedPipe.openWriter(`${folder}/fifo`);
  const news = publisher(writer, { codec, slow: "wait" });
  await using mine = subscriber(reader, { codec, topics: ["a.*"] });
  const publishing = (async () => {
    for (let count = 0; count < 5000; count++)
      await news.publish(count % 2 === 0 ? "a.b" : "c", String(count));
    await news.close();
  })();
  let next = 0;
  for await (const { message, missed } of mine) {
    expect([message, missed]).toEqual([String(next), 0]);
    next += 2;
  }
  expect(next).toBe(5000);
  await publishing;
  rmSync(folder, { recursive: true });
});

describe("the calls of a subscriber", () => {
  test("receive takes signal and timeout, and receiveMany what is there", async () => {
    const [left, right] = MemoryChannel.pair();
    await using news = publisher(left, { codec });
    await using mine = subscriber(right, { codec, topics: ["n"] });
    await subscribed(news, 1);
    expect(await codeOf(mine.receive({ timeout: 0 }))).toBe("ERR_TIMEOUT");
    expect(await codeOf(mine.receive({ timeout: 5 }))).toBe("ERR_TIMEOUT");
    const controller = new AbortController();
    const waiting = mine.receive({ signal: controller.signal });
    const second = mine.receive();
    controller.abort(new Error("enough"));
    await expect(waiting).rejects.toThrow("enough");
    await news.publish("n", "0");
    expect(await within("the second", second)).toMatchObject({ message: "0" });
    for (let count = 1; count < 10; count++) await news.publish("n", String(count));
    await turns(2);
    expect(await mine.receive({ timeout: 0 })).toMatchObject({ message: "1" });
    expect(await mine.receiveMany({ max: 3 })).toHaveLength(3);
    expect(await mine.receiveMany()).toHaveLength(5);
    await expect(mine.receiveMany({ max: 0 })).rejects.toThrow(/options\.max/);
    const waits = Promise.all([codeOf(mine.receive()), codeOf(mine.receiveMany())]);
    await mine.close();
    expect(await waits).toEqual(["ERR_CHANNEL_CLOSED", "ERR_CHANNEL_CLOSED"]);
  });

  test("a message that the codec refuses is told in its place, and the next are good", async () => {
    const [left, right] = MemoryChannel.pair();
    await using news = publisher(left);
    await using mine = subscriber(right, { codec: json<number>(), topics: ["n"] });
    await subscribed(news, 1);
    for (const message of ["1", "{", "3"]) await news.publish("n", Buffer.from(message));
    await turns(2);
    expect(await mine.receiveMany()).toHaveLength(1);
    expect(await codeOf(mine.receiveMany())).toBe("ERR_INVALID_MESSAGE");
    expect(await mine.receive()).toMatchObject({ message: 3 });
  });

  test.each([
    [["a", 5], /each of options\.topics.*received 5/],
    [["a..b"], /"a\.\.b"/],
    [["a*"], /"a\*"/],
    [["*.a"], /received/],
    [[""], /received ""/],
    [["a\u0000"], /received/],
    [["\ud800"], /received/],
    [["é".repeat(128)], /255 bytes/],
    ["a", /array/],
  ])("topics %j are refused", (topics, text) => {
    const [, right] = MemoryChannel.pair();
    expect(() => subscriber(right, { topics: topics as string[] })).toThrow(text);
  });

  test("wrong topics, targets and options of a publisher are refused by name", async () => {
    const [left] = MemoryChannel.pair();
    const news = publisher(left);
    for (const topic of ["a.*", "", ".", "a.", "x".repeat(256), 7 as unknown as string])
      await expect(news.publish(topic, Buffer.alloc(1))).rejects.toThrow(/^topic must/);
    expect(() => publisher(left, { slow: "drop" as "wait" })).toThrow(/options\.slow.*"drop"/);
    expect(() => publisher(left, { retain: -1 })).toThrow(/options\.retain/);
    expect(() => publisher({} as never)).toThrow(TypeError);
    expect(() => publisher(left, { queue: { bytes: 0 } })).toThrow(/options\.queue\.bytes/);
    await news.close();
  });

  test("a message that a subscriber's channel cannot carry is refused, and nobody gets it", async () => {
    const [left, right] = MemoryChannel.pair({ maxMessageSize: 100 });
    await using news = publisher(left, { codec });
    await using mine = subscriber(right, { codec, topics: ["n"] });
    await subscribed(news, 1);
    expect(await codeOf(news.publish("n", "x".repeat(92)))).toBe("ERR_MESSAGE_TOO_LARGE");
    await news.publish("n", "x".repeat(91));
    expect((await mine.receive()).message).toHaveLength(91);
  });
});

test("publishing in a loop lets timers and sockets run", async () => {
  const name = newName();
  await using news = publisher(await UnixSocket.listen(name), { codec });
  await using mine = subscriber(await UnixSocket.connect(name), { codec, topics: ["n"] });
  await subscribed(news, 1);
  let over = false;
  setTimeout(() => (over = true), 20);
  const publishing = (async () => {
    while (!over) await news.publish("n", "x");
  })();
  await within("the timer", publishing);
  await mine.receive();
});
