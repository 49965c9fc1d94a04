import { unlinkSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { SharedBuffer } from "sluice";
import { ListeningSocket } from "../../../src/mechanisms/listening-socket.js";
import { parseSocketAddress } from "../../../src/mechanisms/socket-address.js";
import { loadCore } from "../../../src/native/binding.js";

const core = loadCore();
const page = core.pageSize();
const MAGIC = 0x52756c73;
let number = 0;

/** A server that sends these words, and this memory, to whoever connects. */
async function fakeServer(
  words: number[],
  memory: number | undefined,
  use: (path: string) => Promise<void>,
): Promise<void> {
  const path = `\0sluice-fake-${process.pid}-${++number}`;
  const accepted: number[] = [];
  const socket = ListeningSocket.open(
    parseSocketAddress(path),
    "stream",
    "shared-buffer",
    {},
    {
      accepted: (fd) => {
        accepted.push(fd);
        const hello = new Uint8Array(Uint32Array.from(words).buffer);
        if (memory === undefined) core.write(fd, hello, 0, hello.length);
        else core.sendHandles(fd, hello, Int32Array.of(memory));
      },
      failed: (error) => {
        throw error;
      },
    },
  );
  try {
    await use(path);
  } finally {
    for (const fd of accepted) core.close(fd);
    await socket.close();
    if (memory !== undefined) core.close(memory);
  }
}

/** Memory that its owner can cut at any time. */
function unsealed(size: number): number {
  const name = `/sluice-unsealed-${process.pid}-${++number}`;
  const { O_CREAT = 0, O_EXCL = 0, O_RDWR = 0 } = core.constants;
  const fd = core.openShared(name, O_CREAT | O_EXCL | O_RDWR, 0o600);
  unlinkSync(`/dev/shm${name}`);
  core.truncate(fd, size);
  return fd;
}

const whole = page + 2 * 65_536;

describe("SharedBuffer.connect() refuses a server that offers", () => {
  test.each<[string, number[], (() => number) | undefined, RegExp]>([
    ["memory that is not sealed", [MAGIC, 1, page, 65_536], () => unsealed(whole), /not sealed/],
    [
      "too little memory",
      [MAGIC, 1, page, 65_536],
      () => core.createMemory(whole - page, "fake"),
      /has \d+ bytes/,
    ],
    [
      "too much memory",
      [MAGIC, 1, page, 65_536],
      () => core.createMemory(whole + page, "fake"),
      /has \d+ bytes/,
    ],
    ["no memory", [MAGIC, 1, page, 65_536], undefined, /no memory/],
    [
      "another protocol",
      [MAGIC + 1, 1, page, 65_536],
      () => core.createMemory(whole, "fake"),
      /another protocol/,
    ],
    [
      "a longer hello",
      [MAGIC, 1, page, 65_536, 0],
      () => core.createMemory(whole, "fake"),
      /another protocol/,
    ],
    ["a later version", [MAGIC, 2, page, 65_536], () => core.createMemory(whole, "fake"), /version 2/],
    ["other pages", [MAGIC, 1, page * 2, 65_536], () => core.createMemory(whole, "fake"), /pages of/],
    ["an odd capacity", [MAGIC, 1, page, 65_535], () => core.createMemory(whole, "fake"), /no power of two/],
    ["no capacity", [MAGIC, 1, page, 0], () => core.createMemory(2 * page, "fake"), /no power of two/],
    ["4 GiB", [MAGIC, 1, page, 0x80000000], () => core.createMemory(whole, "fake"), /no power of two/],
    [
      "more than is wanted",
      [MAGIC, 1, page, 2 ** 27],
      () => core.createMemory(whole, "fake"),
      /options.maxCapacity/,
    ],
  ])("%s", async (_what, words, memory, reason) => {
    await fakeServer(words, memory?.(), async (path) => {
      const error: unknown = await SharedBuffer.connect(path, { timeout: 5000 }).catch((e: unknown) => e);
      expect(error).toMatchObject({ code: "ERR_INVALID_MESSAGE", operation: "connect", address: path });
      expect((error as Error).message).toMatch(reason);
    });
  });

  test("nothing at all, within the time limit", async () => {
    await fakeServer([], undefined, async (path) => {
      await expect(SharedBuffer.connect(path, { timeout: 50 })).rejects.toMatchObject({
        code: "ERR_TIMEOUT",
      });
      const reason = new Error("enough");
      const controller = new AbortController();
      const connecting = SharedBuffer.connect(path, { signal: controller.signal });
      setImmediate(() => controller.abort(reason));
      await expect(connecting).rejects.toBe(reason);
    });
  });
});
