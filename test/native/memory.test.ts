import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, statSync, symlinkSync, unlinkSync } from "node:fs";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, test } from "vitest";
import {
  EEXIST,
  EFBIG,
  EINVAL,
  ELOOP,
  ENAMETOOLONG,
  ENOENT,
  ENOSPC,
  EPERM,
  F_SEAL_FUTURE_WRITE,
  F_SEAL_GROW,
  F_SEAL_SEAL,
  F_SEAL_SHRINK,
} from "../../src/native/binding.js";
import { core, Descriptors } from "./kernel.js";

const page = core.pageSize();
const { O_RDWR, O_CREAT, O_EXCL, O_RDONLY } = core.constants as Record<
  "O_RDWR" | "O_CREAT" | "O_EXCL" | "O_RDONLY",
  number
>;

function map(fd: number, length: number, writable = true, offset = 0): ArrayBuffer {
  const buffer = core.mapMemory(fd, offset, length, writable);
  if (typeof buffer === "number") throw new Error(`mapMemory failed with errno ${-buffer}`);
  return buffer;
}

function mapsOf(name: string): number {
  return readFileSync("/proc/self/maps", "latin1")
    .split("\n")
    .filter((line) => line.includes(name)).length;
}

async function collectGarbage(): Promise<void> {
  setFlagsFromString("--expose-gc");
  const gc = runInNewContext("gc") as () => void;
  // The finalizer of an external buffer is run by an immediate after the collection.
  for (let i = 0; i < 5; i++) {
    gc();
    await new Promise(setImmediate);
  }
}

test("memory that is sealed against future writes is still written by the map that was there, and by no other", () => {
  using fds = new Descriptors();
  const fd = fds.keep(core.createUnsealed(page, "broadcast"));
  expect(core.getSeals(fd)).toBe(0);
  const buffer = map(fd, page);
  const seals = F_SEAL_FUTURE_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
  expect(core.seal(fd, seals)).toBe(0);
  expect(core.getSeals(fd)).toBe(seals);
  expect(core.mapMemory(fd, 0, page, true)).toBe(-EPERM);
  expect(core.write(fd, Buffer.from("no"), 0, 2)).toBe(-EPERM);
  expect(core.seal(fd, F_SEAL_GROW)).toBe(-EPERM);
  new Uint8Array(buffer)[7] = 42;
  const seen = map(fd, page, false);
  expect(new Uint8Array(seen)[7]).toBe(42);
  core.unmapMemory(seen);
  core.unmapMemory(buffer);
});

test("a sealed memory is zeroed, has its size, and can neither shrink nor grow nor be unsealed", () => {
  using fds = new Descriptors();
  const fd = fds.keep(core.createMemory(2 * page, "sealed"));
  expect(core.getSeals(fd)).toBe(F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
  expect(core.truncate(fd, page)).toBe(-EPERM);
  expect(core.truncate(fd, 4 * page)).toBe(-EPERM);
  expect(core.allocate(fd, 4 * page)).toBe(-EPERM);
  const buffer = map(fd, 2 * page);
  expect(buffer.byteLength).toBe(2 * page);
  expect(new Uint8Array(buffer).every((byte) => byte === 0)).toBe(true);
  core.unmapMemory(buffer);
});

test("two maps of one memory show each other's writes, and atomics work on them", () => {
  using fds = new Descriptors();
  const fd = fds.keep(core.createMemory(2 * page, "shared"));
  const one = map(fd, 2 * page);
  const other = map(fd, page, false, page);
  new Uint8Array(one)[page + 5] = 42;
  expect(new Uint8Array(other)[5]).toBe(42);
  const words = new Int32Array(one);
  expect(Atomics.add(words, 0, 3)).toBe(0);
  expect(Atomics.load(words, 0)).toBe(3);
  core.unmapMemory(one);
  core.unmapMemory(other);
});

test("a ring shows its bytes twice in a row", () => {
  using fds = new Descriptors();
  const fd = fds.keep(core.createMemory(3 * page, "ring"));
  const ring = core.mapRing(fd, page, 2 * page, true) as ArrayBuffer;
  expect(ring.byteLength).toBe(4 * page);
  const view = new Uint8Array(ring);
  view.set([1, 2, 3, 4], 2 * page - 2);
  expect([...view.subarray(0, 2)]).toEqual([3, 4]);
  expect([...view.subarray(4 * page - 2)]).toEqual([1, 2]);
  const plain = map(fd, 3 * page);
  expect([...new Uint8Array(plain).subarray(page, page + 2)]).toEqual([3, 4]);
  core.unmapMemory(ring);
  core.unmapMemory(plain);
});

test("unmapping detaches every view, and a second time is a clear error", () => {
  using fds = new Descriptors();
  const fd = fds.keep(core.createMemory(page, "unmapped"));
  const buffer = map(fd, page);
  const view = new Uint8Array(buffer, 8, 16);
  expect(mapsOf("memfd:unmapped")).toBe(1);
  expect(core.unmapMemory(buffer)).toBe(0);
  expect(view.length).toBe(0);
  expect(view[0]).toBeUndefined();
  expect(buffer.byteLength).toBe(0);
  expect(mapsOf("memfd:unmapped")).toBe(0);
  expect(() => core.unmapMemory(buffer)).toThrow(TypeError);
});

test("only what the core has mapped can be unmapped", () => {
  const foreign = [new ArrayBuffer(8), new SharedArrayBuffer(8), new Uint8Array(8), {}, null, 5, undefined];
  for (const value of foreign) {
    expect(() => core.unmapMemory(value as ArrayBuffer)).toThrow(TypeError);
  }
});

test("memory that another buffer has taken over is released by the garbage collector, once", async () => {
  using fds = new Descriptors();
  const fd = fds.keep(core.createMemory(page, "transferred"));
  let buffer: (ArrayBuffer & { transfer?: () => ArrayBuffer }) | undefined = map(fd, page);
  if (buffer.transfer !== undefined) {
    // Node 22 and later: the memory now belongs to the second buffer, so the first must not take it away from under it.
    let second: ArrayBuffer | undefined = buffer.transfer();
    new Uint8Array(second)[0] = 1;
    const first = buffer;
    expect(() => core.unmapMemory(first)).toThrow(TypeError);
    expect(mapsOf("memfd:transferred")).toBe(1);
    second = undefined;
  }
  buffer = undefined;
  await collectGarbage();
  expect(mapsOf("memfd:transferred")).toBe(0);
});

test("forgotten maps are released by the garbage collector", async () => {
  using fds = new Descriptors();
  const fd = fds.keep(core.createMemory(page, "forgotten"));
  for (let i = 0; i < 50; i++) map(fd, page);
  expect(mapsOf("memfd:forgotten")).toBeGreaterThan(0);
  await collectGarbage();
  expect(mapsOf("memfd:forgotten")).toBe(0);
});

test("10,000 maps made and unmapped leave none behind", async () => {
  using fds = new Descriptors();
  const fd = fds.keep(core.createMemory(4 * page, "cycles"));
  for (let i = 0; i < 10_000; i++) {
    const buffer = i % 2 === 0 ? map(fd, page) : (core.mapRing(fd, 0, 2 * page, true) as ArrayBuffer);
    new Uint8Array(buffer)[0] = i;
    core.unmapMemory(buffer);
  }
  expect(mapsOf("memfd:cycles")).toBe(0);
  await collectGarbage();
});

test("ranges outside the file, off the page, empty or huge are refused", () => {
  using fds = new Descriptors();
  const fd = fds.keep(core.createMemory(2 * page, "ranges"));
  expect(core.mapMemory(fd, 0, 2 * page + 1, true)).toBe(-EINVAL);
  expect(core.mapMemory(fd, 2 * page, 1, true)).toBe(-EINVAL);
  expect(core.mapMemory(fd, 1, page, true)).toBe(-EINVAL);
  expect(core.mapMemory(fd, 0, 0, true)).toBe(-EINVAL);
  expect(core.mapMemory(fd, 0, 2 ** 33, true)).toBe(-EFBIG);
  expect(core.mapMemory(fd, 2 ** 53 - 1, 1, true)).toBe(-EINVAL);
  expect(core.mapRing(fd, 0, page + 1, true)).toBe(-EINVAL);
  expect(core.mapRing(fd, 0, 4 * page, true)).toBe(-EINVAL);
  expect(core.mapRing(fd, 0, 0, true)).toBe(-EINVAL);
  expect(core.mapRing(fd, 0, 2 ** 32, true)).toBe(-EFBIG);
  expect(mapsOf("memfd:ranges")).toBe(0);
});

test("the largest map that is allowed works", () => {
  using fds = new Descriptors();
  const fd = fds.keep(core.createMemory(2 ** 32, "largest"));
  const buffer = core.mapMemory(fd, 0, 2 ** 32, true) as ArrayBuffer;
  expect(buffer.byteLength).toBe(2 ** 32);
  expect(core.unmapMemory(buffer)).toBe(0);
});

test("named memory is created exclusively, mapped by python3 under its name, and gone once unlinked", () => {
  using fds = new Descriptors();
  const name = `/sluice-native-${process.pid}`;
  const fd = fds.keep(core.openShared(name, O_RDWR | O_CREAT | O_EXCL, 0o600));
  try {
    expect(core.openShared(name, O_RDWR | O_CREAT | O_EXCL, 0o600)).toBe(-EEXIST);
    expect(statSync(`/dev/shm${name}`).mode & 0o777).toBe(0o600);
    expect(core.allocate(fd, page)).toBe(0);
    const buffer = map(fd, page);
    new Uint8Array(buffer).set(Buffer.from("hello"));
    const script = `import mmap,os,sys
fd=os.open("/dev/shm"+sys.argv[1], os.O_RDWR); m=mmap.mmap(fd,0); print(m[:5].decode(), len(m)); m[5:8]=b"!!!"`;
    expect(execFileSync("python3", ["-c", script, name], { encoding: "utf8" })).toBe(`hello ${page}\n`);
    expect(Buffer.from(buffer, 0, 8).toString()).toBe("hello!!!");
    core.unmapMemory(buffer);
    expect(fds.keep(core.openShared(name.slice(1), O_RDONLY, 0))).toBeGreaterThan(0);
  } finally {
    expect(core.unlinkShared(name)).toBe(0);
  }
  expect(existsSync(`/dev/shm${name}`)).toBe(false);
  expect(core.openShared(name, O_RDWR, 0)).toBe(-ENOENT);
  expect(core.unlinkShared(name)).toBe(-ENOENT);
});

test("names of memory that would lead elsewhere are refused, links too", () => {
  for (const name of ["/", "a/b", "/a/b", "//a", ".", "..", "/.."]) {
    expect(core.openShared(name, O_RDWR, 0)).toBe(-EINVAL);
    expect(core.unlinkShared(name)).toBe(-EINVAL);
  }
  expect(core.openShared("x".repeat(256), O_RDWR, 0)).toBe(-ENAMETOOLONG);
  const link = `/dev/shm/sluice-link-${process.pid}`;
  symlinkSync("/etc/passwd", link);
  try {
    expect(core.openShared(link.slice("/dev/shm".length), O_RDONLY, 0)).toBe(-ELOOP);
  } finally {
    unlinkSync(link);
  }
});

test("memory that the system does not have is refused when it is allocated", () => {
  using fds = new Descriptors();
  const name = `/sluice-large-${process.pid}`;
  const fd = fds.keep(core.openShared(name, O_RDWR | O_CREAT | O_EXCL, 0o600));
  try {
    expect([-ENOSPC, -EFBIG]).toContain(core.allocate(fd, 2 ** 50));
  } finally {
    core.unlinkShared(name);
  }
});
