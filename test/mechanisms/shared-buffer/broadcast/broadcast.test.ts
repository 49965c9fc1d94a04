import { ChannelError, SharedBuffer, text } from "sluice";
import { describe, expect, test } from "vitest";
import { ListeningSocket } from "../../../../src/mechanisms/listening-socket.js";
import { parseSocketAddress } from "../../../../src/mechanisms/socket-address.js";
import { loadCore } from "../../../../src/native/binding.js";
import { codeOf, turns, within } from "../../../contract/subject.js";
import { compose, verify } from "../../../contract/traffic.js";

const core = loadCore();
const page = core.pageSize();
let number = 0;
const newName = (): string => `\0sluice-ring-${process.pid}-${++number}`;

test("counts exactly past 4 GiB, also for a follower that was stalled all the while", async () => {
  const name = newName();
  await using sender = await SharedBuffer.broadcast(name, { capacity: 65_536 });
  await using stalled = await SharedBuffer.follow(name, { receiveQueue: { messages: 1 } });
  const large = Buffer.alloc(16_000);
  const sent = Math.ceil((2 ** 32 + 100_000) / 16_008);
  for (let count = 0; count < sent; count++) sender.trySend(large);
  await sender.send(compose(1, 100));
  let all = 0;
  for (let size = 0; size !== 100;) {
    const { message, missed = 0 } = await within("a message", stalled.receiveEnvelope());
    all += 1 + missed;
    size = message.length;
  }
  expect(all).toBe(sent + 1);
});

test('from: "oldest" begins with what is in the ring, "now" with what is sent from then on', async () => {
  const name = newName();
  await using sender = await SharedBuffer.broadcast(name, { codec: text() });
  for (const message of ["a", "b"]) await sender.send(message);
  await using old = await SharedBuffer.follow(name, { codec: text(), from: "oldest" });
  await using late = await SharedBuffer.follow(name, { codec: text() });
  await sender.send("c");
  const all = [await old.receive(), await old.receive(), await old.receive(), await late.receive()];
  expect(all).toEqual(["a", "b", "c", "c"]);
  expect([old.missed, late.missed]).toEqual([0, 0]);
});

test("more than maxFollowers are hung up, and those that allow refuses", async () => {
  const name = newName();
  await using sender = await SharedBuffer.broadcast(name, { maxFollowers: 1 });
  await using first = await SharedBuffer.follow(name);
  expect(first.peer.pid).toBe(process.pid);
  expect(await codeOf(SharedBuffer.follow(name))).toBe("ERR_ACCESS_DENIED");
  await first.close();
  while (sender.followers > 0) await turns(1);
  await (await SharedBuffer.follow(name)).close();
  expect(sender.refused).toBe(1);
  const none = newName();
  await using closed = await SharedBuffer.broadcast(none, { allow: { uids: [12_345] } });
  expect(await codeOf(SharedBuffer.follow(none))).toBe("ERR_ACCESS_DENIED");
  expect(closed.followers).toBe(0);
});

test("a follower with a lower limit is told of a larger message in its place, and goes on", async () => {
  const name = newName();
  await using sender = await SharedBuffer.broadcast(name);
  await using follower = await SharedBuffer.follow(name, { maxMessageSize: 100 });
  for (const [sequence, size] of [50, 101, 20_000, 100].entries()) await sender.send(compose(sequence, size));
  verify(await follower.receive(), 0, 50);
  expect(await codeOf(follower.receive())).toBe("ERR_MESSAGE_TOO_LARGE");
  expect(await codeOf(follower.receive())).toBe("ERR_MESSAGE_TOO_LARGE");
  verify(await follower.receive(), 3, 100);
  expect(await codeOf(sender.send(Buffer.alloc(2 ** 20)))).toBe("ERR_MESSAGE_TOO_LARGE");
});

test("wrong options are refused by name", async () => {
  const name = newName();
  await expect(SharedBuffer.broadcast(name, { capacity: 5000 })).rejects.toThrow(/options\.capacity/);
  await expect(SharedBuffer.broadcast(name, { maxFollowers: 0 })).rejects.toThrow(/options\.maxFollowers/);
  await expect(SharedBuffer.broadcast(name, { codec: {} as never })).rejects.toThrow(/options\.codec/);
  await expect(SharedBuffer.follow(name, { from: "then" as "now" })).rejects.toThrow(/options\.from/);
  await expect(SharedBuffer.follow(name, { maxCapacity: 1 })).rejects.toThrow(/options\.maxCapacity/);
  expect(await codeOf(SharedBuffer.follow(name))).toBe("ERR_NO_PEER");
});

describe("follow() refuses a writer that offers", () => {
  const MAGIC = 0x42756c73;
  const sealed = (size: number): number => core.createMemory(size, "fake");
  const right = (size: number): number => {
    const fd = core.createUnsealed(size, "fake");
    core.seal(fd, 31 - 8);
    return fd;
  };
  test.each<[string, number[], bigint[], () => number[], RegExp]>([
    ["another protocol", [1, 1, page, 65_536], [0n, 0n, 0n, 0n], () => [], /another protocol/],
    ["another version", [MAGIC, 9, page, 65_536], [0n, 0n, 0n, 0n], () => [], /version 9/],
    ["no memory", [MAGIC, 1, page, 65_536], [0n, 0n, 0n, 0n], () => [], /no memory/],
    [
      "memory that others can write",
      [MAGIC, 1, page, 65_536],
      [0n, 0n, 0n, 0n],
      () => [sealed(page + 65_536), sealed(page)],
      /not sealed/,
    ],
    [
      "too little of it",
      [MAGIC, 1, page, 65_536],
      [0n, 0n, 0n, 0n],
      () => [right(page), sealed(page)],
      /bytes, not/,
    ],
    [
      "a ring over the limit",
      [MAGIC, 1, page, 2 ** 30],
      [0n, 0n, 0n, 0n],
      () => [right(page), sealed(page)],
      /over the limit/,
    ],
    [
      "positions that cannot be",
      [MAGIC, 1, page, 65_536],
      [8n, 0n, 2n ** 60n, 0n],
      () => [right(page + 65_536), sealed(page)],
      /its messages are from/,
    ],
  ])("%s", async (_, words, places, memory, reason) => {
    const path = newName();
    const hello = new Uint8Array(48);
    new Uint32Array(hello.buffer, 0, 4).set(words);
    new BigUint64Array(hello.buffer, 16, 4).set(places);
    const handles = memory();
    const accepted: number[] = [];
    const hooks = {
      accepted: (fd: number): void => {
        accepted.push(fd);
        if (handles.length === 0) core.write(fd, hello, 0, hello.length);
        else core.sendHandles(fd, hello, Int32Array.from(handles));
      },
      failed: (error: Error): void => {
        throw error;
      },
    };
    const socket = ListeningSocket.open(parseSocketAddress(path), "stream", "shared-buffer", {}, hooks);
    const error = await within(
      "the refusal",
      SharedBuffer.follow(path).then(
        () => undefined,
        (reason: unknown) => reason,
      ),
    );
    expect(error).toBeInstanceOf(ChannelError);
    expect(error).toMatchObject({
      code: "ERR_INVALID_MESSAGE",
      message: expect.stringMatching(reason) as string,
    });
    for (const fd of [...accepted, ...handles]) core.close(fd);
    await socket.close();
  });
});
