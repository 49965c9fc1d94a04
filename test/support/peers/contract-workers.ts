// Opens ends of channels in worker threads and terminates them in mid-traffic, then tells how many descriptors are left.
import { mkdirSync, readdirSync } from "node:fs";
import path from "node:path";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { ChannelError } from "sluice";
import { type End, type EndName, type Maker, makePair, type Way } from "../../contract/maker.js";
import { loadMaker } from "../load-maker.js";
import { type Plan, receiveToEnd, sendToEnd } from "../../contract/traffic.js";

interface Task {
  readonly name: string;
  readonly directory: string;
  /** Which ends the worker opens. */
  readonly ends: "both" | "second";
}

const PLAN: Plan = { seed: 5, least: 8, usual: 500, most: 5000 };

if (isMainThread) {
  const [name = "", directory = "", count = ""] = process.argv.slice(2);
  await runWorkers(name, directory, Number(count));
} else await work(workerData as Task);

async function work({ name, directory, ends }: Task): Promise<void> {
  const maker = await loadMaker(name);
  let opened: readonly End[];
  try {
    opened = ends === "both" ? await makePair(maker, directory, {}) : [await maker.second(directory, {})];
  } catch (error) {
    parentPort?.postMessage({ refused: error instanceof ChannelError ? error.code : String(error) });
    return;
  }
  let told = false;
  const progress = (count: number): void => {
    if (told || count < 200) return;
    told = true;
    parentPort?.postMessage({ traffic: true });
  };
  const names = ends === "both" ? (["first", "second"] as const) : (["second"] as const);
  await Promise.all(opened.map((end, index) => pump(maker, names[index]!, end, progress)));
}

function pump(maker: Maker, name: EndName, end: End, progress?: (count: number) => void): Promise<unknown> {
  const pumps: Promise<unknown>[] = [];
  const sends: Way = name === "first" ? "first-to-second" : "second-to-first";
  const receives: Way = name === "first" ? "second-to-first" : "first-to-second";
  if (maker.ways.includes(sends)) pumps.push(sendToEnd(end, PLAN, progress));
  if (maker.ways.includes(receives)) pumps.push(receiveToEnd(end, PLAN, 0, progress));
  return Promise.all(pumps);
}

async function runWorkers(name: string, directory: string, count: number): Promise<void> {
  const maker = await loadMaker(name);
  // The first worker loads what stays, such as an addon.
  const refused = await runWorker(maker, path.join(directory, "first"), "both");
  const before = descriptors();
  for (let index = 1; index < count && refused === undefined; index++) {
    const ends = maker.twoProcesses && index % 2 === 1 ? "second" : "both";
    await runWorker(maker, path.join(directory, String(index)), ends);
  }
  const descriptorsLeft = descriptors() - before;
  console.log(
    JSON.stringify(
      refused === undefined ? { terminated: count, descriptorsLeft } : { refused, descriptorsLeft },
    ),
  );
}

/** Runs a worker until there is traffic, terminates it, and waits until the end that is here has noticed. */
async function runWorker(maker: Maker, directory: string, ends: Task["ends"]): Promise<string | undefined> {
  mkdirSync(directory);
  const bequests = ends === "second" ? maker.bequeath?.() : undefined;
  bequests?.first.claim();
  const first = ends === "second" ? await maker.first(directory, {}) : undefined;
  const task: Task = { name: maker.name, directory, ends };
  bequests?.second.claim();
  const worker = new Worker(new URL(import.meta.url), { workerData: task });
  const message = await new Promise<{ refused?: string }>((resolve, reject) => {
    worker.once("error", reject);
    worker.once("message", resolve);
    void first?.channel.then((end) => pump(maker, "first", end));
  });
  await worker.terminate();
  if (first !== undefined) {
    const end = await first.channel;
    // A datagram socket is not told.
    if (!maker.receiverSeesEnd) end.destroy();
    await end.closed;
  }
  maker.remove?.(directory);
  return message.refused;
}

function descriptors(): number {
  return readdirSync("/proc/self/fd").length;
}
