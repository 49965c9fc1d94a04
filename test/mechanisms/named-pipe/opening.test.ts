import { execFileSync } from "node:child_process";
import { chmodSync, chownSync, constants, openSync, closeSync, readdirSync } from "node:fs";
import { Worker } from "node:worker_threads";
import { once } from "node:events";
import { describe, expect, test } from "vitest";
import { NamedPipe } from "sluice";
import { loadCore } from "../../../src/native/binding.js";
import { compiled, startPeer, startProgram } from "../../support/child.js";
import { codeOf, openDescriptors, useFolder } from "./support.js";
import { linkOf } from "../../support/open-descriptors.js";

const folder = useFolder();
const path = (): string => `${folder()}/fifo`;

describe("NamedPipe.openWriter()", () => {
  test("waits until a reader is there", async () => {
    await NamedPipe.create(path());
    let open = false;
    const opening = NamedPipe.openWriter(path()).then((channel) => {
      open = true;
      return channel;
    });
    await expect(NamedPipe.openWriter(path(), { timeout: 30 })).rejects.toMatchObject({
      code: "ERR_TIMEOUT",
    });
    expect(open).toBe(false);
    await using reader = await NamedPipe.openReader(path());
    await using writer = await opening;
    await writer.send(Buffer.from("hello"));
    expect(String(await reader.receive())).toBe("hello");
  });

  test("finds a shell that blocks in its own open of the FIFO", async () => {
    await NamedPipe.create(path());
    const opening = NamedPipe.openWriter(path());
    await using cat = startProgram("sh", ["-c", `echo begin; cat < ${path()}`]);
    await cat.expectLine("begin");
    const writer = await opening;
    await writer.close();
    expect(await cat.exit).toEqual({ code: 0, signal: null });
  });

  test("rejects at its timeout, also with a timeout of 0", async () => {
    await NamedPipe.create(path());
    const before = openDescriptors();
    const refused = NamedPipe.openWriter(path(), { timeout: 20 });
    await expect(refused).rejects.toMatchObject({ code: "ERR_TIMEOUT", operation: "open", address: path() });
    expect(await codeOf(NamedPipe.openWriter(path(), { timeout: 0 }))).toBe("ERR_TIMEOUT");
    expect(openDescriptors()).toBe(before);
  });

  test("with a timeout of 0 opens at once if a reader is there", async () => {
    await NamedPipe.create(path());
    await using reader = await NamedPipe.openReader(path());
    await using writer = await NamedPipe.openWriter(path(), { timeout: 0 });
    await writer.send(Buffer.from("now"));
    expect(String(await reader.receive())).toBe("now");
  });

  test("rejects with the reason of its signal, and releases what it watched with", async () => {
    await NamedPipe.create(path());
    const before = openDescriptors();
    const controller = new AbortController();
    const opening = NamedPipe.openWriter(path(), { signal: controller.signal });
    const reason = new Error("no longer wanted");
    controller.abort(reason);
    expect(await codeOf(opening)).toBe(reason);
    expect(await codeOf(NamedPipe.openWriter(path(), { signal: controller.signal }))).toBe(reason);
    expect(await codeOf(NamedPipe.openReader(path(), { signal: controller.signal }))).toBe(reason);
    expect(openDescriptors()).toBe(before);
  });

  test("tells when the FIFO for which it waits is removed", async () => {
    await NamedPipe.create(path());
    const opening = NamedPipe.openWriter(path());
    await NamedPipe.unlink(path());
    expect(await codeOf(opening)).toBe("ERR_NO_PEER");
  });

  test("waits without inotify too, where the user's instances are used up", async () => {
    await NamedPipe.create(path());
    const before = openDescriptors();
    const core = loadCore();
    const taken: number[] = [];
    // The limit is fs.inotify.max_user_instances, 128 by default.
    for (let fd = core.createWatcher(); fd >= 0; fd = core.createWatcher()) taken.push(fd);
    const opening = NamedPipe.openWriter(path());
    await using reader = await NamedPipe.openReader(path());
    await using writer = await opening;
    await writer.send(Buffer.from("found"));
    expect(String(await reader.receive())).toBe("found");
    await writer.close();
    await reader.close();
    for (const fd of taken) core.close(fd);
    expect(openDescriptors()).toBe(before);
  });

  test("waits for any number of FIFOs with one inotify instance, which is gone soon after the last of them", async () => {
    const instances = (): number =>
      readdirSync("/proc/self/fd").filter((fd) => linkOf(fd) === "anon_inode:inotify").length;
    const paths = Array.from({ length: 50 }, (_, index) => `${path()}.${index}`);
    await Promise.all(paths.map((each) => NamedPipe.create(each)));
    await expect.poll(instances).toBe(0);
    const waiting = paths.map((each) => NamedPipe.openWriter(each));
    expect(instances()).toBe(1);
    const readers = await Promise.all(paths.map((each) => NamedPipe.openReader(each)));
    const writers = await Promise.all(waiting);
    await Promise.all([...writers, ...readers].map((channel) => channel.close()));
    await expect.poll(instances).toBe(0);
  });
});

describe("opening a FIFO", () => {
  test("is ERR_ACCESS_DENIED where rights are missing", async () => {
    await NamedPipe.create(path(), { mode: 0o000 });
    if (process.geteuid?.() === 0) {
      chmodSync(folder(), 0o755);
      await using peer = startPeer("named-pipe/access", [path()], { uid: 65534, gid: 65534 });
      await peer.expectLine("ERR_ACCESS_DENIED");
      await peer.expectLine("ERR_ACCESS_DENIED");
    } else {
      expect(await codeOf(NamedPipe.openReader(path()))).toBe("ERR_ACCESS_DENIED");
      expect(await codeOf(NamedPipe.openWriter(path()))).toBe("ERR_ACCESS_DENIED");
    }
  });

  test("is ERR_ACCESS_DENIED where `allow` does not name the owner, by default somebody else than this user and root", async () => {
    await NamedPipe.create(path(), { mode: 0o666 });
    await NamedPipe.create(`${path()}.a`);
    await NamedPipe.create(`${path()}.b`);
    const before = openDescriptors();
    const allow = { uids: [4_000_000] };
    const opens = [
      NamedPipe.openReader(path(), { allow }),
      NamedPipe.openReader(path(), { allow, keepOpen: true }),
      NamedPipe.openDuplex(path(), { allow, timeout: 0 }),
      NamedPipe.openDuplex(path(), { allow, timeout: 0, create: false }),
      NamedPipe.create(path(), { exclusive: false, allow }),
    ];
    for (const opening of opens) {
      await expect(opening).rejects.toMatchObject({
        code: "ERR_ACCESS_DENIED",
        message: expect.stringMatching(/its owner \(uid \d+, gid \d+\).*options\.allow/) as string,
      });
    }
    await using reader = await NamedPipe.openReader(path(), { allow: "self" });
    expect(await codeOf(NamedPipe.openWriter(path(), { allow, timeout: 1000 }))).toBe("ERR_ACCESS_DENIED");
    // The reader saw a writer come and go: what was opened to be looked at was closed again.
    expect(await codeOf(reader.receive())).toBe("ERR_END_OF_CHANNEL");
    await reader.close();
    expect(openDescriptors()).toBe(before);
    // Only root may give a file away.
    if (process.geteuid?.() !== 0) return;
    chownSync(path(), 65_534, 65_534);
    expect(await codeOf(NamedPipe.openReader(path()))).toBe("ERR_ACCESS_DENIED");
    await (await NamedPipe.openReader(path(), { allow: { uids: [65_534] } })).close();
    await (await NamedPipe.openReader(path(), { allow: "anyone" })).close();
  });

  test("fifty that wait for each other side delay neither fs.readFile nor the end of the process", async () => {
    await using peer = startPeer("named-pipe/fifty", [folder()]);
    expect(Number(await peer.nextLine())).toBeLessThan(100);
    await peer.expectLine("50");
    await peer.expectLine("50");
    expect(await peer.exit).toEqual({ code: 0, signal: null });
  });

  test(
    "leaves as many descriptors as before after 10,000 cycles, and little memory",
    { timeout: 60_000 },
    async () => {
      await NamedPipe.create(path());
      const cycle = async (): Promise<void> => {
        const reader = await NamedPipe.openReader(path());
        const writer = await NamedPipe.openWriter(path());
        await writer.send(Buffer.from("x"));
        await writer.close();
        await reader.close();
      };
      for (let index = 0; index < 2000; index++) await cycle();
      const before = openDescriptors();
      const memory = process.memoryUsage.rss();
      for (let index = 0; index < 10_000; index++) await cycle();
      expect(openDescriptors()).toBe(before);
      expect(process.memoryUsage.rss() - memory).toBeLessThan(20 * 1024 * 1024);
    },
  );

  test("gives no descriptor to a child", async () => {
    await NamedPipe.create(path());
    await using _reader = await NamedPipe.openReader(path(), { keepOpen: true });
    await using _writer = await NamedPipe.openWriter(path());
    const own = readdirSync("/proc/self/fd").filter((fd) => linkOf(fd) === path());
    expect(own).toHaveLength(2);
    const child = execFileSync("sh", ["-c", "ls -l /proc/self/fd/"], { encoding: "utf8" });
    expect(child).not.toContain(path());
  });

  test("gives the pipe the capacity that was asked for, and never takes any away", async () => {
    await NamedPipe.create(path());
    await using _reader = await NamedPipe.openReader(path(), { capacity: 300_000 });
    await using _writer = await NamedPipe.openWriter(path(), { capacity: 8192 });
    const fd = openSync(path(), constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const size = execFileSync("python3", ["-c", "import fcntl; print(fcntl.fcntl(0, 1032))"], {
        stdio: [fd, "pipe", "inherit"],
      });
      expect(Number(size)).toBe(524_288);
    } finally {
      closeSync(fd);
    }
  });

  test("tells which limits refuse a capacity", async () => {
    await NamedPipe.create(path());
    const before = openDescriptors();
    const refused = NamedPipe.openReader(path(), { capacity: 2 ** 31 - 1 });
    await expect(refused).rejects.toThrow(/2147483647 bytes.*fs\.pipe-max-size/);
    expect(openDescriptors()).toBe(before);
  });

  test("survives a worker thread that is terminated in mid-traffic", async () => {
    await NamedPipe.create(`${path()}.in`);
    await NamedPipe.create(`${path()}.out`);
    const before = openDescriptors();
    for (let round = 0; round < 5; round++) {
      const worker = new Worker(compiled("test/support/peers/named-pipe/worker.ts"), {
        workerData: { path: path() },
      });
      await using writer = await NamedPipe.openWriter(`${path()}.in`);
      await using reader = await NamedPipe.openReader(`${path()}.out`);
      await once(worker, "message");
      await writer.send(Buffer.alloc(10));
      await reader.receive();
      await worker.terminate();
      await writer.closed;
      expect(await codeOf(writer.send(Buffer.alloc(1)))).toBe("ERR_PEER_DIED");
      const last = await codeOf(drain(reader));
      expect(["ERR_END_OF_CHANNEL", "ERR_MESSAGE_TRUNCATED"]).toContain(last);
    }
    expect(openDescriptors()).toBe(before);
  });
});

async function drain(reader: { receive(): Promise<unknown> }): Promise<never> {
  for (;;) await reader.receive();
}
