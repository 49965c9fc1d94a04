// Starts threads of every kind, drops privileges by the options given as JSON, and tells what has become of it. Each further line of standard input is the path of a
// file to be read: told is what became of that in the main thread, in the thread pool, and in a worker that was there before.
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import { Worker } from "node:worker_threads";
import { ChannelError, MessageQueue, SharedBuffer } from "sluice";
import { dropPrivileges, type DropPrivilegesOptions } from "sluice/daemon";

const [options = "{}", key] = process.argv.slice(2);

const codeOf = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? String(error);
const program = `
  const { parentPort } = require("node:worker_threads");
  parentPort.on("message", (path) => {
    try { require("node:fs").readFileSync(path); parentPort.postMessage("read"); }
    catch (error) { parentPort.postMessage(error.code); }
  });
  parentPort.postMessage("ready");`;
const worker = new Worker(program, { eval: true });
await once(worker, "message");
await Promise.all(Array.from({ length: 4 }, () => readFile("/proc/self/status")));
// A thread of the native core each: one waits at a queue, one sleeps at a lock.
const queue =
  key === undefined ? undefined : await MessageQueue.open(Number(key), { kind: "sysv", create: true });
const queueWait = queue?.receive();
queueWait?.catch(() => undefined); // it ends with its queue
const buffer = SharedBuffer.create({ size: 4096 });
const held = await buffer.mutex(0).acquire();
const lockWait = buffer.mutex(0).acquire();

try {
  const given = JSON.parse(options) as DropPrivilegesOptions;
  console.log(JSON.stringify({ result: dropPrivileges(given), threads: threads(), child: child() }));
} catch (error) {
  const { name: kind, message } = error as Error;
  const code = error instanceof ChannelError ? error.code : kind;
  console.log(JSON.stringify({ code, message, threads: threads(), child: child() }));
}

for await (const path of createInterface({ input: process.stdin })) {
  const inPool = await readFile(path).then(() => "read", codeOf);
  worker.postMessage(path);
  const [inWorker] = (await once(worker, "message")) as [string];
  console.log([tryRead(path), inPool, inWorker].join(" "));
}
held.release();
(await lockWait).release();
buffer.close();
queue?.destroy();
await worker.terminate();

function tryRead(path: string): string {
  try {
    readFileSync(path);
    return "read";
  } catch (error) {
    return codeOf(error);
  }
}

function threads(): Record<string, string>[] {
  return readdirSync("/proc/self/task").map((tid) => statusFields(`/proc/self/task/${tid}/status`));
}

function statusFields(path: string): Record<string, string> {
  const lines = readFileSync(path, "latin1").split("\n");
  return Object.fromEntries(
    lines.map((line) => line.split(":").map((part) => part.trim())) as [string, string][],
  );
}

/** Who a child is, in its own words. */
function child(): string {
  const command = 'echo "$(id -u):$(id -G):$HOME:$USER:$LOGNAME:$(grep NoNewPrivs /proc/self/status)"';
  return execFileSync("/bin/sh", ["-c", command], { encoding: "utf8" }).trim().replace(/\s+/g, " ");
}
