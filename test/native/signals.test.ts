import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { constants } from "node:os";
import { afterEach, expect, test } from "vitest";
import {
  DISPOSITION_DEFAULT,
  DISPOSITION_FOREIGN,
  DISPOSITION_IGNORE,
  DISPOSITION_OURS,
  EAGAIN,
  EBUSY,
  EINVAL,
  ENOENT,
  ESRCH,
  SI_QUEUE,
  SI_USER,
  SIGNAL_CODE,
  SIGNAL_DROPPED,
  SIGNAL_NUMBER,
  SIGNAL_PID,
  SIGNAL_RECORD_BYTES,
  SIGNAL_UID,
  SIGNAL_VALUE,
} from "../../src/native/binding.js";
import { startProgram } from "../support/child.js";
import { bytes, core, Descriptors } from "./kernel.js";

const {
  SIGHUP,
  SIGINT,
  SIGUSR1,
  SIGUSR2,
  SIGPIPE,
  SIGWINCH,
  SIGTERM,
  SIGCHLD,
  SIGKILL,
  SIGSTOP,
  SIGSEGV,
  SIGBUS,
  SIGFPE,
  SIGILL,
} = constants.signals;
const SIGRTMIN = core.constants["SIGRTMIN"]!;
const SIGRTMAX = core.constants["SIGRTMAX"]!;

afterEach(() => {
  for (const signo of [SIGUSR2, SIGWINCH, SIGRTMIN])
    expect(core.signalDisposition(signo)).toBe(DISPOSITION_DEFAULT);
});

/** The records that wait in a pipe. */
function records(reader: number): Int32Array[] {
  const space = new Uint8Array(64 * SIGNAL_RECORD_BYTES);
  const got = core.read(reader, space, 0, space.length);
  if (got === -EAGAIN) return [];
  expect(got % SIGNAL_RECORD_BYTES).toBe(0);
  return Array.from(
    { length: got / SIGNAL_RECORD_BYTES },
    (_, i) => new Int32Array(space.buffer, i * SIGNAL_RECORD_BYTES, SIGNAL_RECORD_BYTES / 4),
  );
}

test("a signal to this process becomes a record with its sender", () => {
  using fds = new Descriptors();
  const [reader, writer] = fds.pipe();
  expect(core.signalOpen(SIGUSR2, writer)).toBe(0);
  expect(core.signalDisposition(SIGUSR2)).toBe(DISPOSITION_OURS);
  expect(core.signalSend(process.pid, SIGUSR2, undefined)).toBe(0);
  const [record, ...rest] = records(reader);
  expect(rest).toEqual([]);
  expect(record?.[SIGNAL_NUMBER]).toBe(SIGUSR2);
  expect(record?.[SIGNAL_CODE]).toBe(SI_USER);
  expect(record?.[SIGNAL_PID]).toBe(process.pid);
  expect(record?.[SIGNAL_UID]).toBe(process.getuid?.());
  expect(record?.[SIGNAL_VALUE]).toBe(0);
  expect(core.signalClose(SIGUSR2, writer)).toBe(0);
  expect(core.signalClose(SIGUSR2, writer)).toBe(-ENOENT);
});

test("real-time signals queue, in order, with their values", () => {
  using fds = new Descriptors();
  const [reader, writer] = fds.pipe();
  core.signalOpen(SIGRTMIN, writer);
  const values = [1, -1, 2147483647, -2147483648, 0];
  for (const value of values) expect(core.signalSend(process.pid, SIGRTMIN, value)).toBe(0);
  const got = records(reader);
  expect(got.map((record) => record[SIGNAL_VALUE])).toEqual(values);
  expect(got.every((record) => record[SIGNAL_CODE] === SI_QUEUE)).toBe(true);
  fds.close(writer);
});

test("a pidfd sends with and without a value, and tells a process that is gone", async () => {
  using fds = new Descriptors();
  const [reader, writer] = fds.pipe();
  core.signalOpen(SIGRTMIN, writer);
  const pidfd = fds.keep(core.pidfdOpen(process.pid));
  expect(core.isCloseOnExec(pidfd)).toBe(1);
  expect(core.pidfdSend(pidfd, SIGRTMIN, 7)).toBe(0);
  expect(core.pidfdSend(pidfd, SIGRTMIN, undefined)).toBe(0);
  expect(core.pidfdSend(pidfd, 0, undefined)).toBe(0);
  expect(records(reader).map((record) => record[SIGNAL_VALUE])).toEqual([7, 0]);
  fds.close(writer);

  await using cat = startProgram("cat", []);
  const other = fds.keep(core.pidfdOpen(cat.pid));
  expect(core.signalSend(cat.pid, 0, undefined)).toBe(0);
  const pid = cat.pid;
  cat.kill("SIGKILL");
  await cat.exit;
  expect(core.pidfdSend(other, 0, undefined)).toBe(-ESRCH);
  expect(core.signalSend(pid, 0, undefined)).toBe(-ESRCH);
  expect(core.pidfdOpen(pid)).toBe(-ESRCH);
});

test("process groups and invalid signals are refused", () => {
  for (const pid of [0, -1, -process.pid]) expect(core.signalSend(pid, 0, undefined)).toBe(-EINVAL);
  expect(core.signalSend(process.pid, 65, undefined)).toBe(-EINVAL);
  expect(core.signalSend(process.pid, -1, 5)).toBe(-EINVAL);
});

test("each subscriber of a signal gets its own record, and the last to leave restores what was there", () => {
  using fds = new Descriptors();
  const [firstReader, firstWriter] = fds.pipe();
  const [secondReader, secondWriter] = fds.pipe();
  core.signalOpen(SIGUSR2, firstWriter);
  core.signalOpen(SIGUSR2, firstWriter);
  core.signalOpen(SIGUSR2, secondWriter);
  core.signalOpen(SIGWINCH, secondWriter);
  core.signalSend(process.pid, SIGUSR2, undefined);
  core.signalSend(process.pid, SIGWINCH, undefined);
  expect(records(firstReader).map((record) => record[SIGNAL_NUMBER])).toEqual([SIGUSR2]);
  expect(records(secondReader).map((record) => record[SIGNAL_NUMBER])).toEqual([SIGUSR2, SIGWINCH]);
  core.signalClose(SIGUSR2, firstWriter);
  expect(core.signalDisposition(SIGUSR2)).toBe(DISPOSITION_OURS);
  core.signalSend(process.pid, SIGUSR2, undefined);
  expect(records(firstReader)).toEqual([]);
  expect(records(secondReader).length).toBe(1);
  core.signalClose(SIGUSR2, secondWriter);
  expect(core.signalDisposition(SIGUSR2)).toBe(DISPOSITION_DEFAULT);
  core.signalClose(SIGWINCH, secondWriter);
});

test("closing the descriptor ends its subscriptions", () => {
  using fds = new Descriptors();
  const [, writer] = fds.pipe();
  core.signalOpen(SIGUSR2, writer);
  core.signalOpen(SIGRTMIN, writer);
  fds.close(writer);
  expect(core.signalDisposition(SIGUSR2)).toBe(DISPOSITION_DEFAULT);
  expect(core.signalDisposition(SIGRTMIN)).toBe(DISPOSITION_DEFAULT);
  expect(core.signalDropped(writer)).toBe(-ENOENT);
});

test("records that do not fit are counted, and the next record tells how many were lost", () => {
  using fds = new Descriptors();
  const [reader, writer] = fds.pipe(4096);
  core.signalOpen(SIGRTMIN, writer);
  const room = core.pipeCapacity(writer) / SIGNAL_RECORD_BYTES;
  for (let i = 0; i < room + 5; i++) core.signalSend(process.pid, SIGRTMIN, i);
  expect(core.signalDropped(writer)).toBe(5);
  let seen = 0;
  for (let got = records(reader); got.length > 0; got = records(reader)) {
    for (const record of got) expect(record[SIGNAL_VALUE]).toBe(seen++);
  }
  expect(seen).toBe(room);
  core.signalSend(process.pid, SIGRTMIN, 1);
  core.signalSend(process.pid, SIGRTMIN, 2);
  expect(records(reader).map((record) => record[SIGNAL_DROPPED])).toEqual([5, 0]);
  expect(core.signalDropped(writer)).toBe(5);
  fds.close(writer);
});

test("a handler of process.on() goes on being called, and keeps working afterwards", async () => {
  using fds = new Descriptors();
  const [reader, writer] = fds.pipe();
  const arrived: number[] = [];
  let wake: () => void = () => undefined;
  const listener = (): void => {
    arrived.push(1);
    wake();
  };
  const next = (): Promise<void> => new Promise((resolve) => (wake = resolve));
  process.on("SIGUSR2", listener);
  try {
    expect(core.signalDisposition(SIGUSR2)).toBe(DISPOSITION_FOREIGN);
    core.signalOpen(SIGUSR2, writer);
    let called = next();
    core.signalSend(process.pid, SIGUSR2, undefined);
    await called;
    expect(records(reader).length).toBe(1);
    core.signalClose(SIGUSR2, writer);
    expect(core.signalDisposition(SIGUSR2)).toBe(DISPOSITION_FOREIGN);
    called = next();
    core.signalSend(process.pid, SIGUSR2, undefined);
    await called;
    expect(records(reader)).toEqual([]);
    expect(arrived.length).toBe(2);
  } finally {
    process.off("SIGUSR2", listener);
  }
});

test("a handler that process.on() installs later stays, and signalOpen() puts ours back", () => {
  using fds = new Descriptors();
  const [reader, writer] = fds.pipe();
  core.signalOpen(SIGUSR2, writer);
  const listener = (): undefined => undefined;
  process.on("SIGUSR2", listener);
  try {
    expect(core.signalDisposition(SIGUSR2)).toBe(DISPOSITION_FOREIGN);
    expect(core.signalOpen(SIGUSR2, writer)).toBe(0);
    core.signalSend(process.pid, SIGUSR2, undefined);
    expect(records(reader).length).toBe(1);
    core.signalClose(SIGUSR2, writer);
    expect(core.signalDisposition(SIGUSR2)).toBe(DISPOSITION_FOREIGN);

    core.signalOpen(SIGWINCH, writer);
    process.on("SIGWINCH", listener);
    core.signalClose(SIGWINCH, writer);
    expect(core.signalDisposition(SIGWINCH)).toBe(DISPOSITION_FOREIGN);
  } finally {
    process.off("SIGUSR2", listener);
    process.off("SIGWINCH", listener);
  }
});

test("signals that cannot or must not be handled are refused", () => {
  using fds = new Descriptors();
  const [, writer] = fds.pipe();
  for (const signo of [0, -1, 65, 32, SIGKILL, SIGSTOP, SIGCHLD, SIGSEGV, SIGBUS, SIGFPE, SIGILL]) {
    expect(core.signalOpen(signo, writer)).toBe(-EINVAL);
    expect(core.signalClose(signo, writer)).toBeLessThan(0);
    expect(core.setSignalDisposition(signo, DISPOSITION_IGNORE)).toBe(-EINVAL);
  }
  expect(core.signalDisposition(0)).toBe(-EINVAL);
  expect(core.signalOpen(SIGRTMAX, writer)).toBe(0);
  expect(core.signalClose(SIGRTMAX, writer)).toBe(0);
});

test("a signal can be ignored and set back to its default, but not while somebody listens to it", () => {
  using fds = new Descriptors();
  const [, writer] = fds.pipe();
  expect(core.signalDisposition(SIGPIPE)).toBe(DISPOSITION_IGNORE);
  expect(core.setSignalDisposition(SIGUSR2, DISPOSITION_IGNORE)).toBe(0);
  expect(core.signalDisposition(SIGUSR2)).toBe(DISPOSITION_IGNORE);
  expect(core.signalSend(process.pid, SIGUSR2, undefined)).toBe(0);
  core.signalOpen(SIGUSR2, writer);
  expect(core.setSignalDisposition(SIGUSR2, DISPOSITION_DEFAULT)).toBe(-EBUSY);
  core.signalClose(SIGUSR2, writer);
  expect(core.signalDisposition(SIGUSR2)).toBe(DISPOSITION_IGNORE);
  expect(core.setSignalDisposition(SIGUSR2, DISPOSITION_DEFAULT)).toBe(0);
  expect(core.setSignalDisposition(SIGUSR2, DISPOSITION_OURS)).toBe(-EINVAL);
});

test("256 descriptors can subscribe, one more is EAGAIN, and a place that is left is used again", () => {
  using fds = new Descriptors();
  const [, writer] = fds.pipe();
  const copies = Array.from({ length: 256 }, () => fds.keep(core.duplicate(writer)));
  for (const fd of copies) expect(core.signalOpen(SIGWINCH, fd)).toBe(0);
  expect(core.signalOpen(SIGWINCH, writer)).toBe(-EAGAIN);
  core.signalClose(SIGWINCH, copies[100]!);
  expect(core.signalOpen(SIGWINCH, writer)).toBe(0);
  for (const fd of [...copies, writer]) fds.close(fd);
});

/** Runs Node with `script`, in which `core` is the native core and `records(reader)` reads what came. */
async function inChild(
  script: string,
): Promise<{ code: number | null; signal: string | null; output: string; errors: string }> {
  const prelude = `const core = require(${JSON.stringify(process.env["SLUICE_NATIVE"] ?? `${process.cwd()}/prebuilds/linux-${process.arch}.node`)});
    const pair = new Int32Array(2); core.pipe(pair, 0); const [reader, writer] = pair;
    const poll = core.pollOpen(reader, () => { const b = new Int32Array(512); const n = core.read(reader, new Uint8Array(b.buffer), 0, 2048); for (let i = 0; i < n / 32; i++) onRecord(b.subarray(i * 8, i * 8 + 8)); });
    core.pollSet(poll, 1);\n`;
  await using child = startProgram(process.execPath, ["-e", prelude + script]);
  const lines: string[] = [];
  for await (const line of child.lines) lines.push(line);
  const { code, signal } = await child.exit;
  return { code, signal, output: lines.join("\n"), errors: child.stderr };
}

test("SIGINT and SIGTERM can be listened to and afterwards end the process again", async () => {
  for (const [name, signo] of [
    ["SIGINT", SIGINT],
    ["SIGTERM", SIGTERM],
  ] as const) {
    const result = await inChild(`
      let count = 0;
      function onRecord(record) { console.log(record[0]); if (++count === 2) { core.signalClose(${signo}, writer); } core.signalSend(process.pid, ${signo}); }
      console.log(core.signalDisposition(${signo}), core.signalOpen(${signo}, writer)); core.signalSend(process.pid, ${signo});`);
    expect(result).toEqual({ code: null, signal: name, output: `0 0\n${signo}\n${signo}`, errors: "" });
  }
});

test("listening to SIGUSR1 keeps Node's debugger from starting", async () => {
  const result = await inChild(`
    function onRecord(record) { console.log(record[0]); core.pollClose(poll); }
    core.signalOpen(${SIGUSR1}, writer); core.signalSend(process.pid, ${SIGUSR1});`);
  expect(result).toEqual({ code: 0, signal: null, output: String(SIGUSR1), errors: "" });
});

test("a thread that is confined blocks the signal, and only real-time signals that are subscribed can be", async () => {
  using fds = new Descriptors();
  const [reader, writer] = fds.pipe();
  const signo = SIGRTMIN + 3;
  const thread = readdirSync("/proc/self/task")
    .map(Number)
    .find((tid) => tid !== process.pid)!;
  const blocks = (): boolean => {
    const mask = /^SigBlk:\s*([0-9a-f]+)$/m.exec(
      readFileSync(`/proc/self/task/${thread}/status`, "latin1"),
    )![1]!;
    return ((BigInt(`0x${mask}`) >> BigInt(signo - 1)) & 1n) === 1n;
  };
  expect(core.signalConfine(signo, thread)).toBe(-ENOENT);
  expect(core.signalConfine(SIGUSR2, thread)).toBe(-EINVAL);
  expect(core.signalConfine(signo, process.pid)).toBe(-EINVAL);
  core.signalOpen(signo, writer);
  expect(core.signalConfine(signo, 2 ** 30)).toBe(-ESRCH);
  expect(blocks()).toBe(false);
  expect(core.signalConfine(signo, thread)).toBe(0);
  expect(blocks()).toBe(true);
  // The request is no signal that anybody is told of.
  expect(records(reader)).toEqual([]);
  fds.close(writer);
});

test("bash and python3 send to us, and python3 receives the value that we queue", async () => {
  using fds = new Descriptors();
  const [reader, writer] = fds.pipe();
  core.signalOpen(SIGUSR2, writer);
  core.signalOpen(SIGHUP, writer);
  execFileSync("bash", ["-c", `kill -USR2 ${process.pid}`]);
  execFileSync("python3", ["-c", `import os,signal; os.kill(${process.pid}, signal.SIGHUP)`]);
  const got = records(reader);
  expect(got.map((record) => record[SIGNAL_NUMBER])).toEqual([SIGUSR2, SIGHUP]);
  expect(got.every((record) => record[SIGNAL_PID] !== process.pid)).toBe(true);
  fds.close(writer);

  const script = `import signal
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGRTMIN])
print("ready", flush=True)
i=signal.sigwaitinfo([signal.SIGRTMIN]); print(i.si_pid, i.si_code, flush=True)`;
  await using python = startProgram("python3", ["-c", script]);
  await python.expectLine("ready");
  expect(core.signalSend(python.pid, SIGRTMIN, 5)).toBe(0);
  await python.expectLine(`${process.pid} -1`);
});

test("a flood of signals from many processes loses none that the pipe has room for", async () => {
  using fds = new Descriptors();
  const [reader, writer] = fds.pipe(1 << 20);
  core.signalOpen(SIGRTMIN, writer);
  const script = `import os,signal\nfor i in range(2000): os.kill(${process.pid}, signal.SIGRTMIN)`;
  await using one = startProgram("python3", ["-c", script]);
  await using two = startProgram("python3", ["-c", script]);
  await Promise.all([one.exit, two.exit]);
  let seen = 0;
  for (let got = records(reader); got.length > 0; got = records(reader)) seen += got.length;
  expect(seen + core.signalDropped(writer)).toBe(4000);
  expect(core.write(writer, bytes("x"), 0, 1)).toBe(1);
  fds.close(writer);
});
