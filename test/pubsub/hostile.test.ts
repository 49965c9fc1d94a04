import fc from "fast-check";
import { type Channel, ChannelError, MemoryChannel, text } from "sluice";
import { type Publisher, publisher, subscriber } from "sluice/pubsub";
import { describe, expect, test } from "vitest";
import { codeOf, turns, within } from "../contract/subject.js";

type Bytes = Channel<Uint8Array, Buffer>;

const request = (type: number, pattern: string): Buffer =>
  Buffer.concat([Buffer.of(type), Buffer.from(pattern)]);
const SUBSCRIBE = 0x11;
const UNSUBSCRIBE = 0x12;

/** A publisher with an honest subscriber and one that can be made to say anything. */
function scene(options: object = {}): {
  news: Publisher<string>;
  hostile: Bytes;
  errors: Error[];
  expectToGoOn: () => Promise<void>;
} {
  const errors: Error[] = [];
  const [left, hostile] = MemoryChannel.pair();
  const [other, right] = MemoryChannel.pair();
  const codec = text();
  const onError = (error: Error): void => void errors.push(error);
  const news = publisher([left, other], { codec, retain: 100, onError, ...options });
  const honest = subscriber(right, { codec, topics: ["honest"] });
  let rounds = 0;
  const expectToGoOn = async (): Promise<void> => {
    while (!news.hasSubscribers("honest")) await turns(1);
    await news.publish("honest", String(++rounds));
    expect(await within("the honest one", honest.receive())).toEqual({
      topic: "honest",
      message: String(rounds),
      missed: 0,
    });
  };
  return { news, hostile, errors, expectToGoOn };
}

describe("a subscriber that misbehaves costs only itself", () => {
  test.each<[string, Buffer[]]>([
    ["an empty frame", [Buffer.alloc(0)]],
    ["a frame of a publisher", [Buffer.from([1, 1, 0, 0, 0, 0, 0, 0, 97])]],
    ["a topic that is too long", [request(SUBSCRIBE, "x".repeat(256))]],
    ["a topic that is none", [request(SUBSCRIBE, "a..b")]],
    ["a wildcard in the middle", [request(SUBSCRIBE, "a.*.b")]],
    ["many asterisks", [request(SUBSCRIBE, "*".repeat(200))]],
    ["no UTF-8", [Buffer.from([SUBSCRIBE, 0xff])]],
    ["no topic", [request(SUBSCRIBE, "")]],
    ["thousands of topics", Array.from({ length: 1025 }, (_, index) => request(SUBSCRIBE, `t.${index}.*`))],
  ])("%s: it is cut off, and the publisher told", async (_, frames) => {
    const { news, hostile, errors, expectToGoOn } = scene();
    await hostile.sendMany(frames);
    const outcome = codeOf(
      (async () => {
        for (;;) await hostile.receive();
      })(),
    );
    expect(["ERR_PEER_DIED", "ERR_END_OF_CHANNEL"]).toContain(await outcome);
    expect(errors).toEqual([expect.objectContaining({ code: "ERR_INVALID_MESSAGE" })]);
    expect(news.subscribers).toHaveLength(1);
    await expectToGoOn();
    await news.close();
  });

  test("asking for last values again and again without reading fills no memory", async () => {
    const { news, hostile, expectToGoOn } = scene();
    for (let index = 0; index < 100; index++) await news.publish(`big.${index}`, "x".repeat(20_000));
    let asked = 0;
    while (hostile.trySend(request(asked % 2 === 0 ? SUBSCRIBE : UNSUBSCRIBE, "*")) && asked < 20_000) {
      asked++;
      if (asked % 100 === 0) await turns(1);
    }
    const peer = news.subscribers.find(({ topics }) => !topics.includes("honest"));
    expect(peer?.queuedBytes).toBeLessThan(2 * 1024 * 1024);
    await expectToGoOn();
    hostile.destroy();
    await news.close();
  });

  test("a subscription to the same topic twice, and the end of one that never was, change nothing", async () => {
    const { news, hostile, expectToGoOn } = scene();
    const requests = [
      request(SUBSCRIBE, "n"),
      request(SUBSCRIBE, "n"),
      request(SUBSCRIBE, "*"),
      request(UNSUBSCRIBE, "m"),
    ];
    await hostile.sendMany(requests);
    while (!news.hasSubscribers("anything")) await turns(1);
    await news.publish("n", "once");
    expect((await within("the message", hostile.receive())).toString("latin1", 8)).toBe("nonce");
    await turns(2);
    expect(hostile.tryReceive()).toBeUndefined();
    await expectToGoOn();
    await news.close();
  });

  test("random requests, whole or garbled, never bring the publisher down", async () => {
    const anyFrame = fc.oneof(
      fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
      fc
        .tuple(fc.constantFrom(SUBSCRIBE, UNSUBSCRIBE), fc.constantFrom("*", "a", "a.*", "a.b", "a.b.*", "b"))
        .map(([type, pattern]) => request(type, pattern)),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(anyFrame, { maxLength: 30 }), async (frames) => {
        const { news, hostile, errors, expectToGoOn } = scene();
        await hostile.sendMany(frames).catch(() => undefined); // it may be cut off in the middle
        for (const topic of ["a", "a.b", "a.b.c", "b"]) await news.publish(topic, topic);
        await expectToGoOn();
        expect(errors.every((error) => error instanceof ChannelError)).toBe(true);
        hostile.destroy();
        await news.close();
      }),
      { numRuns: 150 },
    );
  });
});

describe("a publisher that misbehaves", () => {
  test("sends anything: the subscriber gets messages or one error with a documented code, and its channel ends", async () => {
    const header = (type: number, length: number): Buffer => Buffer.from([type, length, 1, 0, 0, 0, 0, 0]);
    const anyFrame = fc.oneof(
      fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
      fc
        .tuple(fc.constantFrom(0, 1, 2, 0x11), fc.nat(255), fc.constantFrom("n", "a.b", "..", "\u0000", ""))
        .map(([type, length, rest]) => Buffer.concat([header(type, length), Buffer.from(rest)])),
      fc
        .tuple(fc.constantFrom("n", "a.b", "m"), fc.nat(20))
        .map(([topic, size]) =>
          Buffer.concat([header(1, topic.length), Buffer.from(topic), Buffer.alloc(size)]),
        ),
      fc.constant(header(2, 0)),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(anyFrame, { maxLength: 20 }), async (frames) => {
        const [left, right] = MemoryChannel.pair();
        const mine = subscriber(right, { topics: ["n", "a.*"] });
        const sending = left.sendMany(frames).then(
          () => left.close(),
          () => undefined, // it was cut off in the middle
        );
        let told = 0;
        const code = await codeOf(
          (async () => {
            for (;;) {
              const { topic, missed } = await mine.receive();
              expect(["n", "a.b"]).toContain(topic);
              told += missed;
            }
          })(),
        );
        expect(["ERR_END_OF_CHANNEL", "ERR_INVALID_MESSAGE"]).toContain(code);
        expect(mine.missed).toBe(told);
        await within("the channel's end", right.closed);
        await sending;
      }),
      { numRuns: 300 },
    );
  });
});
