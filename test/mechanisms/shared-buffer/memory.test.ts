import { execFileSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statfsSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, test } from "vitest";
import { SharedBuffer } from "sluice";
import { startPeer, startProgram } from "../../support/child.js";
import { openDescriptors } from "../../support/open-descriptors.js";

let number = 0;
const names: string[] = [];
function newName(): string {
  const name = `/sluice-memory-${process.pid}-${++number}`;
  names.push(name);
  return name;
}
const fileOf = (name: string): string => `/dev/shm${name}`;
const maps = (): number => readFileSync("/proc/self/maps", "latin1").split("\n").length;

afterEach(() => {
  for (const name of names.splice(0)) rmSync(fileOf(name), { force: true });
});

describe("named memory", () => {
  test("is seen by everybody who opens the name, with or without its slash", () => {
    const name = newName();
    using made = SharedBuffer.create({ name: name.slice(1), size: 5000 });
    using same = SharedBuffer.open(name);
    expect([made.name, made.size, same.name, same.size]).toEqual([name, 5000, name, 5000]);
    expect(made.bytes.every((byte) => byte === 0)).toBe(true);
    made.bytes[4999] = 7;
    expect(same.bytes[4999]).toBe(7);
    same.view(Float64Array, 8, 2)[1] = Math.PI;
    expect(made.view(DataView, 16).getFloat64(0, true)).toBe(Math.PI);
    expect(made.fd).toBeUndefined();
  });

  test("has exactly the mode that was asked for, 0600 by default, whatever the umask", () => {
    const before = process.umask(0o077);
    try {
      const [first, second] = [newName(), newName()];
      using _private = SharedBuffer.create({ name: first, size: 1 });
      using _shared = SharedBuffer.create({ name: second, size: 1, mode: 0o666 });
      expect(statSync(fileOf(first)).mode & 0o777).toBe(0o600);
      expect(statSync(fileOf(second)).mode & 0o777).toBe(0o666);
    } finally {
      process.umask(before);
    }
  });

  test("is removed by its creator's close, and by nobody else's", () => {
    const name = newName();
    const made = SharedBuffer.create({ name, size: 100 });
    const same = SharedBuffer.open(name);
    same.close();
    expect(existsSync(fileOf(name))).toBe(true);
    made.close();
    expect(existsSync(fileOf(name))).toBe(false);
    made.close();
  });

  test("is not removed by close when the name stands for something else by then", () => {
    const name = newName();
    const made = SharedBuffer.create({ name, size: 100 });
    SharedBuffer.unlink(name);
    using other = SharedBuffer.create({ name, size: 200 });
    made.close();
    expect(SharedBuffer.open(name).size).toBe(200);
    expect(other.size).toBe(200);
    const third = SharedBuffer.create({ name: newName(), size: 1 });
    rmSync(fileOf(third.name ?? ""));
    writeFileSync(fileOf(third.name ?? ""), "somebody else's");
    third.close();
    expect(readFileSync(fileOf(third.name ?? ""), "utf8")).toBe("somebody else's");
  });

  test("has views of length 0 after close", () => {
    const made = SharedBuffer.create({ name: newName(), size: 64 });
    const { bytes } = made;
    const words = made.view(Int32Array);
    made.close();
    expect([bytes.length, words.length, made.size, made.bytes.length]).toEqual([0, 0, 0, 0]);
    expect(() => made.view(Int32Array)).toThrow(TypeError);
  });

  test("is removed at the end of the creating process, stays after kill -9, and is then removed by unlink", async () => {
    const [ended, killed] = [newName(), newName()];
    await using first = startPeer("shared-buffer/segment-holder", ["create", ended, "end"]);
    await first.expectLine("size 4096");
    expect(await first.exit).toEqual({ code: 0, signal: null });
    expect(existsSync(fileOf(ended))).toBe(false);
    await using second = startPeer("shared-buffer/segment-holder", ["create", killed]);
    await second.expectLine("size 4096");
    second.kill("SIGKILL");
    await second.exit;
    expect(existsSync(fileOf(killed))).toBe(true);
    SharedBuffer.unlink(killed);
    expect(existsSync(fileOf(killed))).toBe(false);
    expect(() => SharedBuffer.unlink(killed)).toThrow(expect.objectContaining({ code: "ERR_NO_PEER" }));
  });

  test("counts exactly when two Node processes add to one word with Atomics", async () => {
    using made = SharedBuffer.create({ name: newName(), size: 4096 });
    const counter = made.view(Int32Array, 0, 1);
    await using peer = startPeer("shared-buffer/segment-holder", ["open", made.name ?? ""]);
    await peer.expectLine("size 4096");
    for (let count = 0; count < 200_000; count++) Atomics.add(counter, 0, 1);
    await peer.expectLine("counted");
    expect(Atomics.load(counter, 0)).toBe(400_000);
  });

  test("is shared with a C program, in both directions and atomically", async () => {
    const folder = mkdtempSync(join(tmpdir(), "sluice-"));
    try {
      const source = fileURLToPath(new URL("../../support/peers/shared-buffer/segment.c", import.meta.url));
      const program = join(folder, "segment");
      execFileSync("cc", ["-O2", "-Wall", "-Werror", "-o", program, source]);
      using made = SharedBuffer.create({ name: newName(), size: 4096 });
      const counter = made.view(Int32Array, 0, 1);
      made.bytes.set(Buffer.from("from Node\0"), 128);
      await using peer = startProgram(program, [(made.name ?? "").slice(1), "1000000"]);
      await peer.expectLine("mapped");
      for (let count = 0; count < 300_000; count++) Atomics.add(counter, 0, 1);
      expect(await peer.exit).toEqual({ code: 0, signal: null });
      expect(Atomics.load(counter, 0)).toBe(1_300_000);
      expect(Buffer.from(made.bytes.subarray(64, 70)).toString()).toBe("from C");
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test("is shared with Python, whichever side makes it", async () => {
    using made = SharedBuffer.create({ name: newName(), size: 4096 });
    made.bytes.set(Buffer.from("hello"), 10);
    const script = `
import mmap, os, sys
fd = os.open("/dev/shm" + sys.argv[1], os.O_RDWR)
memory = mmap.mmap(fd, 0)
print(len(memory), memory[10:15].decode())
memory[100:106] = b"python"
other = os.open("/dev/shm" + sys.argv[2], os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
os.ftruncate(other, 8192)
theirs = mmap.mmap(other, 0)
theirs[8000:8004] = b"mine"
print("made", flush=True)
sys.stdin.readline()
print(theirs[0:4].decode())
`;
    const theirs = newName();
    await using python = startProgram("python3", ["-c", script, made.name ?? "", theirs]);
    await python.expectLine("4096 hello");
    await python.expectLine("made");
    expect(Buffer.from(made.bytes.subarray(100, 106)).toString()).toBe("python");
    using opened = SharedBuffer.open(theirs);
    expect(opened.size).toBe(8192);
    expect(Buffer.from(opened.bytes.subarray(8000, 8004)).toString()).toBe("mine");
    opened.bytes.set(Buffer.from("node"));
    await python.write("go on");
    await python.expectLine("node");
  });

  test("refuses a name that is taken, and tells the ways out", () => {
    const name = newName();
    using _made = SharedBuffer.create({ name, size: 1 });
    expect(() => SharedBuffer.create({ name, size: 1 })).toThrow(
      expect.objectContaining({
        code: "ERR_ADDRESS_IN_USE",
        address: name,
        message: expect.stringContaining("unlink") as string,
      }),
    );
  });

  test("refuses memory that the system does not have, when it is made and not when it is touched", () => {
    const { bavail, bsize } = statfsSync("/dev/shm");
    const held: SharedBuffer[] = [];
    const name = newName();
    try {
      // As root on a large machine /dev/shm may be larger than one buffer: fill it without touching it first.
      const limit = Math.min(bavail * bsize + 4096, 2 ** 32);
      if (limit < 2 ** 32) {
        expect(() => SharedBuffer.create({ name, size: limit })).toThrow(
          expect.objectContaining({ code: "ERR_SYSTEM", errno: 28, syscall: "fallocate" }),
        );
      } else {
        const before = statfsSync("/dev/shm").bavail;
        held.push(SharedBuffer.create({ name, size: 2 ** 24 }));
        expect((before - statfsSync("/dev/shm").bavail) * bsize).toBeGreaterThanOrEqual(2 ** 24);
        held.pop()?.close();
      }
      expect(existsSync(fileOf(name))).toBe(false);
    } finally {
      for (const buffer of held) buffer.close();
    }
  });

  test("is not opened when it is missing, empty, another kind of file or a symbolic link", () => {
    expect(() => SharedBuffer.open(newName())).toThrow(expect.objectContaining({ code: "ERR_NO_PEER" }));
    const empty = newName();
    writeFileSync(fileOf(empty), "");
    expect(() => SharedBuffer.open(empty)).toThrow(expect.objectContaining({ code: "ERR_INVALID_MESSAGE" }));
    const fifo = newName();
    execFileSync("mkfifo", [fileOf(fifo)]);
    expect(() => SharedBuffer.open(fifo)).toThrow(expect.objectContaining({ code: "ERR_INVALID_MESSAGE" }));
    const link = newName();
    symlinkSync("/etc/hostname", fileOf(link));
    expect(() => SharedBuffer.open(link)).toThrow(expect.objectContaining({ code: "ERR_SYSTEM" }));
  });

  test("is not opened when its owner is not allowed", () => {
    const name = newName();
    using made = SharedBuffer.create({ name, size: 1, mode: 0o666 });
    const owner = statSync(fileOf(name));
    expect(() => SharedBuffer.open(name, { allow: { uids: [owner.uid + 1] } })).toThrow(
      expect.objectContaining({ code: "ERR_ACCESS_DENIED" }),
    );
    expect(() => SharedBuffer.open(name, { allow: (() => true) as never })).toThrow(TypeError);
    if (process.geteuid?.() === 0) {
      chownSync(fileOf(name), 65_534, 65_534);
      expect(() => SharedBuffer.open(name)).toThrow(expect.objectContaining({ code: "ERR_ACCESS_DENIED" }));
      SharedBuffer.open(name, { allow: { uids: [65_534] } }).close();
      SharedBuffer.open(name, { allow: "anyone" }).close();
    } else {
      chmodSync(fileOf(name), 0);
      expect(() => SharedBuffer.open(name)).toThrow(expect.objectContaining({ code: "ERR_ACCESS_DENIED" }));
    }
    expect(made.size).toBe(1);
  });

  test("is opened as large as it is at that time", () => {
    const name = newName();
    using _made = SharedBuffer.create({ name, size: 100 });
    truncateSync(fileOf(name), 50);
    expect(SharedBuffer.open(name).size).toBe(50);
  });

  test.each<[unknown, typeof TypeError | typeof RangeError]>([
    [5, TypeError],
    ["", TypeError],
    ["/", TypeError],
    ["..", TypeError],
    ["/a/b", TypeError],
    ["//a", TypeError],
    ["a\0b", TypeError],
    ["é".repeat(128), RangeError],
  ])("refuses the name %j", (name, kind) => {
    expect(() => SharedBuffer.create({ name: name as string, size: 1 })).toThrow(kind);
    expect(() => SharedBuffer.open(name as string)).toThrow(kind);
    expect(() => SharedBuffer.unlink(name as string)).toThrow(kind);
  });

  test.each<[string, unknown, typeof TypeError | typeof RangeError]>([
    ["options", undefined, TypeError],
    ["options", 7, TypeError],
    ["options.size", {}, TypeError],
    ["options.size", { size: 0 }, RangeError],
    ["options.size", { size: 1.5 }, RangeError],
    ["options.size", { size: 2 ** 33 }, RangeError],
    ["options.mode", { size: 1, name: "/x", mode: 0o1000 }, RangeError],
    ["options.mode", { size: 1, mode: 0o600 }, TypeError],
  ])("refuses wrong %s: %j", (name, options, kind) => {
    expect(() => SharedBuffer.create(options as never)).toThrow(kind);
    expect(() => SharedBuffer.create(options as never)).toThrow(name);
  });

  test("gives views only of what is inside", () => {
    using made = SharedBuffer.create({ size: 100 });
    expect(made.view(Int32Array).length).toBe(25);
    expect(made.view(Int32Array, 96).length).toBe(1);
    expect(made.view(Uint8Array, 100).length).toBe(0);
    expect(() => made.view(Int32Array, 2)).toThrow(RangeError);
    expect(() => made.view(Int32Array, 96, 2)).toThrow(RangeError);
    expect(() => made.view(Int32Array, 101)).toThrow(RangeError);
    expect(() => made.view(Int32Array, -4)).toThrow(RangeError);
    expect(() => made.view("Int32Array" as never)).toThrow(TypeError);
  });
});

describe("anonymous memory", () => {
  test("is shared with a child that inherits its descriptor", async () => {
    using made = SharedBuffer.create({ size: 4096 });
    expect(made.name).toBeUndefined();
    await using peer = startPeer("shared-buffer/segment-holder", ["adopt", "3"], {
      extraStdio: [made.fd ?? -1],
    });
    await peer.expectLine("size 4096");
    const counter = made.view(Int32Array, 0, 1);
    for (let count = 0; count < 200_000; count++) Atomics.add(counter, 0, 1);
    await peer.expectLine("counted");
    expect(Atomics.load(counter, 0)).toBe(400_000);
  });

  test("cannot be cut or grown by anybody", () => {
    using made = SharedBuffer.create({ size: 4096 });
    expect(() => truncateSync(`/proc/self/fd/${made.fd ?? -1}`, 10)).toThrow("EPERM");
    expect(() => truncateSync(`/proc/self/fd/${made.fd ?? -1}`, 10_000)).toThrow("EPERM");
  });

  test("is adopted only when it is sealed", () => {
    const fd = openSync("/dev/null", "r+");
    expect(() => SharedBuffer.adopt(fd)).toThrow(expect.objectContaining({ code: "ERR_ACCESS_DENIED" }));
    expect(() => closeSync(fd)).toThrow("EBADF");
    expect(() => SharedBuffer.adopt(99_999)).toThrow(expect.objectContaining({ code: "ERR_SYSTEM" }));
    expect(() => SharedBuffer.adopt(-1)).toThrow(RangeError);
  });

  test("has no public constructor", () => {
    expect(() => new (SharedBuffer as unknown as new () => SharedBuffer)()).toThrow(TypeError);
  });
});

test("10,000 buffers made and closed leave neither descriptors nor maps nor names behind", () => {
  const name = newName();
  const cycle = (): void => {
    using made = SharedBuffer.create({ name, size: 4096 });
    using same = SharedBuffer.open(name);
    using anonymous = SharedBuffer.create({ size: 4096 });
    made.bytes[0] = same.bytes[1] = anonymous.bytes[2] = 1;
  };
  cycle();
  const before = [openDescriptors(), maps()];
  for (let count = 0; count < 10_000; count++) cycle();
  const after = [openDescriptors(), maps()];
  expect(after[0]).toBe(before[0]);
  // V8 maps memory of its own; 30,000 maps would show.
  expect(Math.abs((after[1] ?? 0) - (before[1] ?? 0))).toBeLessThan(100);
  expect(existsSync(fileOf(name))).toBe(false);
});
