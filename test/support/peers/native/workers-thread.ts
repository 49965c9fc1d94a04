// The worker of workers.ts: opens some of everything, tells so, and ends as asked.
import { parentPort } from "node:worker_threads";
import { loadCore, Poll, READABLE, SOCK_SEQPACKET, WRITABLE } from "../../../../src/native/binding.js";

const core = loadCore();
const mode = process.argv[2];
const SIGUSR2 = 12;
const kept: unknown[] = [];
const pair = new Int32Array(2);
for (let i = 0; i < 10; i++) {
  core.socketPair(SOCK_SEQPACKET, pair);
  for (const fd of pair) {
    const poll = new Poll(fd, () => {
      if (mode === "throw" && i === 9) throw new Error("of a worker");
    });
    // Writable at once, so that the callbacks run without a pause.
    poll.set(READABLE | WRITABLE);
    if (mode === "end") poll.unref();
    kept.push(poll);
  }
}
const closed = new Poll(core.eventfd(), () => undefined);
closed.set(READABLE);
closed.close();
const memory = core.createMemory(65_536, "of-a-worker");
kept.push(core.mapMemory(memory, 0, 65_536, true), core.mapRing(memory, 0, 65_536, true));
// Threads that sleep: on memory that goes with the worker, some of them for long.
const map = core.mapMemory(memory, 0, 4096, true);
if (typeof map === "number") throw new Error(`mapMemory failed with errno ${-map}`);
kept.push(map);
const bell = core.eventfd();
for (let i = 0; i < 5; i++) {
  const milliseconds = i === 0 ? 1 : 60_000;
  const sleep = core.sleepBegin(new Int32Array(map), i, 0, milliseconds, i === 1 ? memory : -1, 0, bell);
  if (i === 2) core.sleepCancel(sleep);
}
core.pipe(pair, 0);
core.signalOpen(SIGUSR2, pair[1] ?? -1);
parentPort?.postMessage("open");
if (mode === "exit") process.exit();
