// The program of the other side: it connects, does its part of the workload, and ends when the host lets it.
//
//   node guest.js TASK      (a GuestTask as JSON), or as a worker thread with ThreadData
import { writeFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { isMainThread, parentPort, workerData } from "node:worker_threads";
import type { Meeting } from "./contestant.js";
import type { GuestTask, ThreadData } from "./guests.js";
import { Calls } from "./calls.js";
import { measureIdle, OPENED } from "./idle.js";
import { Ping } from "./ping.js";
import { Sink } from "./sink.js";
import { Source } from "./source.js";
import { load, part, tell } from "./task.js";

/** A guest whose host has gone ends after this time, whatever it is doing. */
const ORPHAN_MILLISECONDS = 2000;

const thread = isMainThread ? undefined : (workerData as ThreadData);
const task = thread?.task ?? (JSON.parse(process.argv[2] ?? "{}") as GuestTask);
const { contestant, style } = await load(task);

let released = false;
let wake: (() => void) | undefined;
let steps = 0;
listenToHost();

function listenToHost(): void {
  const step = (): void => {
    steps++;
    wake?.();
  };
  const release = (): void => {
    released = true;
    wake?.();
    setTimeout(() => process.exit(1), ORPHAN_MILLISECONDS).unref();
  };
  if (parentPort === null) {
    const lines = createInterface({ input: process.stdin });
    lines.on("line", step);
    lines.on("close", release);
  } else {
    parentPort.on("message", (message) => (message === "next" ? step() : release()));
  }
}

/** Waits until the host has said "next" so many times, or lets us end. */
async function untilStep(count: number): Promise<void> {
  while (steps < count && !released) {
    await new Promise<void>((resolve) => {
      wake = resolve;
    });
  }
}

function meetingIn(folder: string, guests: number, index: number): Meeting {
  const ports = thread === undefined ? [] : [thread.port];
  const twoWay = task.workload === "round-trip";
  return { folder, guests, index, size: task.size, twoWay, spin: task.spin, children: [], ports };
}

const report = (line: object): void => {
  if (parentPort === null) tell(line);
  else parentPort.postMessage(line);
};

async function idle(): Promise<void> {
  const openAll = async (folder: string, count: number): Promise<unknown[]> => {
    const links: unknown[] = [];
    while (links.length < count) links.push(await contestant.connect(meetingIn(folder, count, links.length)));
    return links;
  };
  const warm = await openAll(`${task.folder}/few`, task.guests >> 4);
  await untilStep(1);
  const measured = await measureIdle(task.guests, async () => {
    const links = await openAll(`${task.folder}/all`, task.guests);
    writeFileSync(`${task.folder}/${OPENED}`, "");
    return links;
  });
  report({ role: "idle-guest", ...measured.report });
  await untilStep(2);
  const send = part(style.send, "send", task);
  for (const link of measured.links) await send(link, new Source(task.size, { warm: 0, measure: 0 }));
  if (warm.length === 0) throw new Error("the first connections are gone");
}

async function work(): Promise<void> {
  if (task.workload === "idle") return idle();
  const link = await contestant.connect(meetingIn(task.folder, task.guests, task.index));
  if (task.workload === "one-way") {
    const source = new Source(task.size, task.span);
    await part(style.send, "send", task)(link, source);
    report(source.report());
  } else if (task.workload === "fan-out") {
    const sink = new Sink(task.size);
    await part(style.receive, "receive", task)(link, sink);
    report(sink.report());
  } else if (task.workload === "calls") {
    const calls = new Calls(task.size, task.span);
    await part(style.call, "call", task)(link, calls);
    report(calls.report());
  } else {
    const ping = new Ping(task.size, task.span);
    await part(style.ask, "ask", task)(link, ping);
    report(ping.report());
  }
}

await work();
// What was sent must not die with this process before the host has had it.
if (task.workload === "one-way" || task.workload === "idle") await untilStep(Infinity);
if (parentPort !== null) {
  // A worker's exit would overtake its last message.
  parentPort.close();
  thread?.port.close();
} else {
  process.exit(0);
}
