import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import {
  EAGAIN,
  EBADF,
  EEXIST,
  EINVAL,
  ELOOP,
  ENOENT,
  ENXIO,
  EPIPE,
  S_IFIFO,
  S_IFMT,
  STATUS_DEVICE,
  STATUS_GID,
  STATUS_INODE,
  STATUS_LENGTH,
  STATUS_LINKS,
  STATUS_MODE,
  STATUS_SIZE,
  STATUS_UID,
} from "../../src/native/binding.js";
import { bytes, core, Descriptors, Folder } from "./kernel.js";
import { openDescriptors } from "../support/open-descriptors.js";

const { O_RDONLY, O_WRONLY, O_RDWR, O_CREAT, O_NOFOLLOW } = core.constants as Record<
  "O_RDONLY" | "O_WRONLY" | "O_RDWR" | "O_CREAT" | "O_NOFOLLOW",
  number
>;

test("what is written to a pipe is read from its other end, then nothing, then the end", () => {
  using fds = new Descriptors();
  const [reader, writer] = fds.pipe();
  expect(core.write(writer, bytes("_hello_"), 1, 5)).toBe(5);
  expect(core.queuedBytes(reader)).toBe(5);
  const buffer = new Uint8Array(16);
  expect(core.read(reader, buffer, 2, 14)).toBe(5);
  expect(buffer.subarray(0, 8)).toEqual(bytes("\0\0hello\0"));
  expect(core.read(reader, buffer, 0, 16)).toBe(-EAGAIN);
  fds.close(writer);
  expect(core.read(reader, buffer, 0, 16)).toBe(0);
});

test("a write to a pipe without a reader is EPIPE and no signal", () => {
  using fds = new Descriptors();
  const [reader, writer] = fds.pipe();
  fds.close(reader);
  expect(core.write(writer, bytes("x"), 0, 1)).toBe(-EPIPE);
});

test("a full pipe takes a part, then says EAGAIN", () => {
  using fds = new Descriptors();
  const [, writer] = fds.pipe();
  const big = new Uint8Array(core.pipeCapacity(writer) + 1000);
  expect(core.write(writer, big, 0, big.length)).toBe(core.pipeCapacity(writer));
  expect(core.write(writer, big, 0, 1)).toBe(-EAGAIN);
});

test("writev() writes the buffers from start to end one after another", () => {
  using fds = new Descriptors();
  const [reader, writer] = fds.pipe();
  const parts = ["zero", "one", "", "three", "four"].map(bytes);
  expect(core.writev(writer, parts, 1, 4)).toBe(8);
  const buffer = new Uint8Array(16);
  expect(core.read(reader, buffer, 0, 16)).toBe(8);
  expect(buffer.subarray(0, 8)).toEqual(bytes("onethree"));
  expect(core.writev(writer, parts, 2, 2)).toBe(0);
  // More than IOV_MAX: the first 1,024 are written.
  const many = Array.from({ length: 3000 }, () => bytes("m"));
  expect(core.writev(writer, many, 0, 3000)).toBe(1024);
});

test("drain() throws away what waits and says how much it was", () => {
  using fds = new Descriptors();
  const [reader, writer] = fds.pipe();
  core.write(writer, new Uint8Array(9000), 0, 9000);
  expect(core.drain(reader)).toBe(9000);
  expect(core.drain(reader)).toBe(0);
});

test("pipe() sets the capacity that was asked for, and keeps the default beyond the system's limit", () => {
  using fds = new Descriptors();
  const out = new Int32Array(2);
  expect(core.pipe(out, 262_144)).toBe(262_144);
  fds.keep(out[0]!);
  fds.keep(out[1]!);
  expect(core.setPipeCapacity(out[0]!, 8192)).toBe(8192);
  expect(core.pipeCapacity(out[1]!)).toBe(8192);
  expect(core.pipe(out, 2 ** 40)).toBe(65_536);
  fds.keep(out[0]!);
  fds.keep(out[1]!);
});

test("descriptors that the core makes are non-blocking and close-on-exec, and both can be changed", () => {
  using fds = new Descriptors();
  const [reader] = fds.pipe();
  expect(core.isNonBlocking(reader)).toBe(1);
  expect(core.isCloseOnExec(reader)).toBe(1);
  expect(core.setNonBlocking(reader, false)).toBe(0);
  expect(core.setCloseOnExec(reader, false)).toBe(0);
  expect(core.isNonBlocking(reader)).toBe(0);
  expect(core.isCloseOnExec(reader)).toBe(0);
  const copy = fds.keep(core.duplicate(reader));
  expect(core.isCloseOnExec(copy)).toBe(1);
  expect(core.setNonBlocking(copy, true)).toBe(0);
  expect(core.isNonBlocking(reader)).toBe(1);
});

test("accessMode() tells reading, writing and both", () => {
  using fds = new Descriptors();
  const [reader, writer] = fds.pipe();
  expect(core.accessMode(reader)).toBe(0);
  expect(core.accessMode(writer)).toBe(1);
  expect(core.accessMode(fds.pair(1)[0])).toBe(2);
});

test("a closed descriptor is EBADF to every function", () => {
  using fds = new Descriptors();
  const [reader] = fds.pipe();
  fds.close(reader);
  const buffer = new Uint8Array(8);
  const calls = [
    core.close(reader),
    core.read(reader, buffer, 0, 8),
    core.write(reader, buffer, 0, 8),
    core.writev(reader, [buffer], 0, 1),
    core.duplicate(reader),
    core.isNonBlocking(reader),
    core.setNonBlocking(reader, true),
    core.isCloseOnExec(reader),
    core.drain(reader),
    core.status(reader, new BigInt64Array(STATUS_LENGTH)),
    core.lock(reader, "exclusive"),
    core.queuedBytes(reader),
  ];
  expect(calls).toEqual(calls.map(() => -EBADF));
});

test("disown() and adopt() tell who closes a descriptor", () => {
  using fds = new Descriptors();
  const [reader] = fds.pipe();
  expect(core.disown(reader)).toBe(0);
  expect(core.disown(reader)).toBe(-EBADF);
  expect(core.adopt(reader)).toBe(0);
  expect(core.disown(reader)).toBe(0);
});

test("status() and statusOf() agree with Node's stat, and statusOf() does not follow a link", () => {
  using folder = new Folder();
  using fds = new Descriptors();
  const path = folder.file("file");
  writeFileSync(path, "four", { mode: 0o640 });
  symlinkSync(path, folder.file("link"));
  const expected = statSync(path, { bigint: true });
  const out = new BigInt64Array(STATUS_LENGTH);
  const compare = (): void => {
    expect(out[STATUS_MODE]).toBe(expected.mode);
    expect(out[STATUS_DEVICE]).toBe(expected.dev);
    expect(out[STATUS_INODE]).toBe(expected.ino);
    expect(out[STATUS_UID]).toBe(expected.uid);
    expect(out[STATUS_GID]).toBe(expected.gid);
    expect(out[STATUS_SIZE]).toBe(4n);
    expect(out[STATUS_LINKS]).toBe(1n);
  };
  expect(core.statusOf(path, out)).toBe(0);
  compare();
  out.fill(0n);
  expect(core.status(fds.keep(core.open(path, O_RDONLY, 0)), out)).toBe(0);
  compare();
  expect(core.statusOf(folder.file("link"), out)).toBe(0);
  expect(out[STATUS_INODE]).not.toBe(expected.ino);
  expect(core.statusOf(folder.file("nothing"), out)).toBe(-ENOENT);
});

test("open() creates with a mode, refuses a link where it is told to, and removes nothing", () => {
  using folder = new Folder();
  using fds = new Descriptors();
  const fd = fds.keep(core.open(folder.file("new"), O_RDWR | O_CREAT, 0o600));
  expect(core.isCloseOnExec(fd)).toBe(1);
  expect(statSync(folder.file("new")).mode & 0o777).toBe(0o600);
  symlinkSync(folder.file("new"), folder.file("link"));
  expect(core.open(folder.file("link"), O_RDWR | O_NOFOLLOW, 0)).toBe(-ELOOP);
  expect(core.unlink(folder.file("link"))).toBe(0);
  expect(core.unlink(folder.file("link"))).toBe(-ENOENT);
  expect(core.setMode(fd, 0o644)).toBe(0);
  expect(statSync(folder.file("new")).mode & 0o777).toBe(0o644);
});

test("a lock keeps another open file out until it is let go, across processes too", () => {
  using folder = new Folder();
  using fds = new Descriptors();
  const path = folder.file("lock");
  const first = fds.keep(core.open(path, O_RDWR | O_CREAT, 0o600));
  const second = fds.keep(core.open(path, O_RDWR, 0));
  expect(core.lock(first, "exclusive")).toBe(0);
  expect(core.lock(second, "exclusive")).toBe(-EAGAIN);
  expect(core.lock(second, "shared")).toBe(-EAGAIN);
  const other = `import fcntl,sys
try: fcntl.flock(open(sys.argv[1]), fcntl.LOCK_EX | fcntl.LOCK_NB); print("taken")
except BlockingIOError: print("held")`;
  const ask = (): string => execFileSync("python3", ["-c", other, path], { encoding: "utf8" }).trim();
  expect(ask()).toBe("held");
  expect(core.unlock(first)).toBe(0);
  expect(ask()).toBe("taken");
  expect(core.lock(first, "shared")).toBe(0);
  expect(core.lock(second, "shared")).toBe(0);
});

test.each([0o600, 0o622, 0o666, 0o777, 0o000])(
  "makeFifo() gives exactly mode %o, whatever the umask",
  (mode) => {
    using folder = new Folder();
    const before = process.umask(0o077);
    try {
      const path = folder.file("fifo");
      const out = new BigInt64Array(STATUS_LENGTH);
      expect(core.makeFifo(path, mode)).toBe(0);
      expect(core.statusOf(path, out)).toBe(0);
      expect(Number(out[STATUS_MODE])).toBe(S_IFIFO | mode);
      expect(Number(out[STATUS_MODE]) & S_IFMT).toBe(S_IFIFO);
      expect(core.makeFifo(path, mode)).toBe(-EEXIST);
    } finally {
      process.umask(before);
    }
  },
);

test("makeFifo() leaves no descriptor open, also where it fails", () => {
  using folder = new Folder();
  const before = openDescriptors();
  core.makeFifo(folder.file("a"), 0o666);
  core.makeFifo(folder.file("a"), 0o666);
  core.makeFifo(folder.file("missing/a"), 0o666);
  expect(openDescriptors()).toBe(before);
});

test("a FIFO opens for writing only while a reader is there, and never blocks", () => {
  using folder = new Folder();
  using fds = new Descriptors();
  const path = folder.file("fifo");
  core.makeFifo(path, 0o600);
  expect(core.open(path, O_WRONLY, 0)).toBe(-ENXIO);
  const reader = fds.keep(core.open(path, O_RDONLY, 0));
  const writer = fds.keep(core.open(path, O_WRONLY, 0));
  expect(core.write(writer, bytes("x"), 0, 1)).toBe(1);
  expect(core.read(reader, new Uint8Array(2), 0, 2)).toBe(1);
});

test("watchOpens() makes the watcher readable when somebody opens the path, and unwatch() ends that", () => {
  using folder = new Folder();
  using fds = new Descriptors();
  const path = folder.file("fifo");
  core.makeFifo(path, 0o600);
  const watcher = fds.keep(core.createWatcher());
  expect(core.watchOpens(watcher, folder.file("missing"))).toBe(-ENOENT);
  const watch = core.watchOpens(watcher, path);
  expect(watch).toBeGreaterThan(0);
  expect(core.watchOpens(watcher, path)).toBe(watch);
  expect(core.drain(watcher)).toBe(0);
  closeSync(openSync(path, "r+"));
  expect(core.drain(watcher)).toBeGreaterThan(0);
  expect(core.unwatch(watcher, watch)).toBe(0);
  core.drain(watcher);
  closeSync(openSync(path, "r+"));
  expect(core.drain(watcher)).toBe(0);
  expect(core.unwatch(watcher, watch)).toBe(-EINVAL);
  core.watchOpens(watcher, path);
  core.unlink(path);
  expect(core.drain(watcher)).toBeGreaterThan(0);
});

test("a child process inherits no descriptor of the core", async () => {
  using fds = new Descriptors();
  const mine = [
    ...fds.pipe(),
    ...fds.pair(1),
    fds.keep(core.eventfd()),
    fds.keep(core.createMemory(4096, "x")),
  ];
  const child = spawn("ls", ["/proc/self/fd"], { stdio: ["ignore", "pipe", "inherit"] });
  let listing = "";
  child.stdout.on("data", (chunk) => (listing += String(chunk)));
  await once(child, "close");
  const inherited = listing.trim().split("\n").map(Number);
  expect(inherited).toContain(1);
  expect(inherited.filter((fd) => mine.includes(fd))).toEqual([]);
});

test("an eventfd counts signals and is cleared by one read", () => {
  using fds = new Descriptors();
  const fd = fds.keep(core.eventfd());
  expect(core.clearEvent(fd)).toBe(-EAGAIN);
  for (let i = 0; i < 3; i++) expect(core.signalEvent(fd)).toBe(0);
  expect(core.clearEvent(fd)).toBe(3);
  // At its limit the counter takes no more, and that is as good as a signal.
  expect(core.write(fd, new Uint8Array([0xfe, ...Array<number>(7).fill(0xff)]), 0, 8)).toBe(8);
  expect(core.signalEvent(fd)).toBe(0);
});

test("10,000 pipes opened and closed leave the count of descriptors as it was", () => {
  const before = openDescriptors();
  const out = new Int32Array(2);
  for (let i = 0; i < 10_000; i++) {
    core.pipe(out, 0);
    core.close(out[0]!);
    core.close(out[1]!);
  }
  expect(openDescriptors()).toBe(before);
});

test("reading a directory or with a wrong flag tells the errno", () => {
  using fds = new Descriptors();
  const folder = fds.keep(core.open("/", O_RDONLY, 0));
  expect(core.read(folder, new Uint8Array(4), 0, 4)).toBe(-21);
  expect(core.setPipeCapacity(folder, 2 ** 31)).toBe(-EINVAL);
  expect(readFileSync(`/proc/self/fdinfo/${folder}`, "utf8")).toContain("flags:");
});
