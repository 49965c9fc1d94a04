// Opens ends of channels in worker threads and terminates them in mid-traffic, then tells how many descriptors are left. With several makers (their names, with commas) each
// in turn, while a pair of every kind in this thread carries messages of which none may be lost.
import { mkdirSync } from "node:fs";
import path from "node:path";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { ChannelError } from "sluice";
import { type End, type EndName, type Maker, makePair, type Way } from "../../contract/maker.js";
import { loadMaker } from "../load-maker.js";
import { settledDescriptors } from "../settled-descriptors.js";
import { type Plan, receiveToEnd, sendToEnd } from "../../contract/traffic.js";

interface Task {
  readonly name: string;
  readonly directory: string;
  /** Which ends the worker opens. */
  readonly ends: "both" | "second";
}

const PLAN: Plan = { seed: 5, least: 8, usual: 500, most: 5000 };

if (isMainThread) {
  const [names = "", directory = "", count = ""] = process.argv.slice(2);
  await runWorkers(names.split(","), directory, Number(count));
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

async function runWorkers(names: readonly string[], directory: string, count: number): Promise<void> {
  const makers = await Promise.all(names.map(loadMaker));
  // The first workers load what stays, such as an addon.
  let refused: string | undefined;
  for (const maker of makers)
    refused = await runWorker(maker, path.join(directory, `first-${maker.name}`), "both");
  const before = await settledDescriptors();
  const bystanders =
    names.length === 1 ? [] : await Promise.all(makers.map((maker) => bystander(maker, directory)));
  for (let index = 1; index < count && refused === undefined; index++) {
    const maker = makers[index % makers.length]!;
    const ends = maker.twoProcesses && Math.floor(index / makers.length) % 2 === 1 ? "second" : "both";
    await runWorker(maker, path.join(directory, String(index)), ends);
  }
  const carried = await Promise.all(bystanders.map((stop) => stop()));
  const descriptorsLeft = (await settledDescriptors()) - before;
  const outcome =
    refused === undefined ? { terminated: count, descriptorsLeft } : { refused, descriptorsLeft };
  console.log(JSON.stringify(names.length === 1 ? outcome : { ...outcome, carried }));
}

/** A pair in this thread, with numbered messages all the time. The function ends it, and tells how many have arrived, every one in its place, or throws. */
async function bystander(maker: Maker, directory: string): Promise<() => Promise<number>> {
  const folder = path.join(directory, `bystander-${maker.name}`);
  mkdirSync(folder);
  const [first, second] = await makePair(maker, folder, {});
  const [sender, receiver] = maker.ways[0] === "first-to-second" ? [first, second] : [second, first];
  let stopped = false;
  let sent = 0;
  const sending = (async () => {
    const message = Buffer.alloc(64);
    while (!stopped) {
      message.writeUInt32LE(sent);
      await sender.send(message);
      sent++;
      // Sixteen channels share this thread, and the workers need the processor.
      if (sent % 8 === 0) await new Promise((resolve) => setTimeout(resolve, 10));
    }
  })();
  let received = 0;
  const receiving = (async () => {
    while (!stopped || received < sent) {
      const number = (await receiver.receive()).readUInt32LE();
      if (number !== received)
        throw new Error(`${maker.name}: message ${received} is missing, ${number} came`);
      received++;
    }
  })();
  return async () => {
    // One more message wakes the receiver, should it have got all the others.
    stopped = true;
    await sending;
    const last = Buffer.alloc(64);
    last.writeUInt32LE(sent++);
    await sender.send(last);
    await receiving;
    await Promise.all([first.close(), second.close()]);
    maker.remove?.(folder);
    return received;
  };
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
