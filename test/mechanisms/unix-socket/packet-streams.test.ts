import { existsSync } from "node:fs";
import { expect, test } from "vitest";
import { UnixSocket } from "../../../src/mechanisms/unix-socket/unix-socket.js";
import { startProgram } from "../../support/child.js";
import { isWatched, readersOfThisProcess } from "../../support/watched.js";
import { freshPath } from "./support.js";
import { immediates } from "../../support/immediates.js";

const types = ["dgram", "seqpacket"] as const;

test.each(types)("in a stream of %s no end is watched, and after it both are", async (type) => {
  const before = readersOfThisProcess();
  const [left, right] = UnixSocket.pair({ type });
  await using _left = left;
  await using _right = right;
  const mine = readersOfThisProcess().filter((fd) => !before.includes(fd));
  expect(mine).toHaveLength(2);
  const message = Buffer.alloc(64, 7);
  const COUNT = 20_000;
  const sent = (async () => {
    for (let index = 0; index < COUNT; index++) await left.send(message);
  })();
  let received = 0;
  let unwatched = 0;
  while (received < COUNT) {
    received += (await right.receiveMany()).length;
    if (!isWatched(mine)) unwatched++;
  }
  await sent;
  expect(received).toBe(COUNT);
  expect(unwatched).toBeGreaterThan(0);
  while (mine.some((fd) => !isWatched([fd]))) await new Promise(setImmediate);
  // Asleep, it is still told of what comes.
  for (const channel of [left, right]) {
    const other = channel === left ? right : left;
    const coming = other.receive();
    await new Promise(setImmediate);
    await channel.send(message);
    expect(await coming).toEqual(message);
  }
});

test.each(types)("what comes over %s in all lengths at once is whole and in order", async (type) => {
  const [left, right] = UnixSocket.pair({ type });
  await using _left = left;
  await using _right = right;
  // Mostly small ones, among which larger ones run over the place that the small ones have, often several in a row.
  const lengths = Array.from({ length: 6000 }, (_, index) => {
    if (index % 97 < 3) return 3000 + (index % 500);
    if (index % 1009 === 0) return 100_000;
    return (index * 7919) % 130;
  });
  const messages = lengths.map((length, index) => Buffer.alloc(length, index % 251));
  const sent = left.sendMany(messages);
  const received: Buffer[] = [];
  while (received.length < messages.length) received.push(...(await right.receiveMany()));
  await sent;
  // Compared at the end: none may have been written over by a later one.
  expect(received.findIndex((message, index) => !message.equals(messages[index]!))).toBe(-1);
  expect(received).toHaveLength(messages.length);
});

test.each(types)(
  "a stream of %s that ends in its middle tells the end after all that was sent",
  async (type) => {
    const [left, right] = UnixSocket.pair({ type });
    await using _right = right;
    const messages = Array.from({ length: 3000 }, (_, index) => Buffer.from(String(index)));
    const sent = left.sendMany(messages).then(() => left.close());
    const received: string[] = [];
    for await (const message of right) received.push(message.toString());
    await sent;
    expect(received).toEqual(messages.map(String));
  },
);

test.each(types)(
  "a paused receiver of %s keeps what comes in the kernel, and a sender that waits may give up",
  async (type) => {
    const [left, right] = UnixSocket.pair({ type, receiveQueue: { messages: 4 } });
    await using _left = left;
    await using _right = right;
    const message = Buffer.alloc(64);
    let accepted = 0;
    const stop = new AbortController();
    const sending = (async () => {
      for (;;) {
        await left.send(message, { signal: stop.signal });
        accepted++;
      }
    })();
    while (left.statistics().sendWaits === 0) await new Promise(setImmediate);
    stop.abort(new Error("enough"));
    await expect(sending).rejects.toThrow("enough");
    let received = 0;
    while (received < accepted) received += (await right.receiveMany()).length;
    expect(right.tryReceive()).toBe(undefined);
  },
);

test.each(types)(
  "a %s that is asked by turns keeps the process alive only while its channel does",
  async (type) => {
    const before = immediates();
    const [left, right] = UnixSocket.pair({ type });
    await using _left = left;
    await using _right = right;
    const sent = left.sendMany(Array.from({ length: 2000 }, () => Buffer.alloc(64)));
    for (let received = 0; received < 2000;) received += (await right.receiveMany()).length;
    await sent;
    expect(immediates()).toBeGreaterThan(before);
    left.unref();
    right.unref();
    expect(immediates()).toBe(before);
  },
);

test("a datagram peer that connects elsewhere in the middle of a conversation does not end it", async () => {
  const [path, mark] = [freshPath(), freshPath()];
  // The kernel tells the other end of a connection ECONNRESET where messages were left unread (unix_dgram_disconnected).
  const script = `import os,socket,sys
s=socket.socket(socket.AF_UNIX,socket.SOCK_DGRAM); s.bind(sys.argv[1])
o=socket.socket(socket.AF_UNIX,socket.SOCK_DGRAM); o.bind(sys.argv[1]+".other")
print("bound",flush=True)
m,client=s.recvfrom(100); s.connect(client); s.send(m)
for i in range(2000): s.send(s.recv(100))
s.recv(100,socket.MSG_PEEK); s.connect(sys.argv[1]+".other"); os.mkfifo(sys.argv[2])
sys.stdin.readline()
s.sendto(b"still here",client)
sys.stdin.readline()`;
  await using python = startProgram("python3", ["-c", script, path, mark]);
  await python.expectLine("bound");
  await using client = await UnixSocket.connect(path, { type: "dgram" });
  const message = Buffer.from("asks");
  for (let round = 0; round <= 2000; round++) {
    await client.send(message);
    expect(await client.receive()).toEqual(message);
  }
  const next = client.receive();
  expect(client.trySend(message)).toBe(true);
  // Without a turn of the event loop between: it is asked, not watched, when it comes to hear of it.
  while (!existsSync(mark));
  await new Promise(setImmediate);
  await new Promise(setImmediate);
  await python.write("go");
  expect(String(await next)).toBe("still here");
  await python.write("end");
});
