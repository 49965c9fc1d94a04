// A process that talks by signals with the process that started it, or with itself, as its argument says.
import { readdirSync, readFileSync } from "node:fs";
import { isMainThread, parentPort, Worker } from "node:worker_threads";
import { Signal } from "sluice";

const [scenario = "", pid = "0"] = process.argv.slice(2);
const own = { peer: process.pid };

const scenarios: Record<string, () => unknown> = {
  /** Sends each signal back with its value. */
  echo: async () => {
    const channel = Signal.open(["SIGRTMIN+3"], { peer: Number(pid) });
    console.log("open");
    for await (const message of channel) await channel.send(message);
  },
  /** Opens and closes channels, and tells what that has cost. */
  cycles: async () => {
    await cycle(500);
    const before = measure();
    await cycle(10_000);
    const after = measure();
    console.log(
      JSON.stringify({
        descriptors: after.descriptors - before.descriptors,
        residentBytes: after.residentBytes - before.residentBytes,
      }),
    );
  },
  close: async () => {
    const receiver = Signal.open(["SIGRTMIN+3"]);
    await Signal.open(["SIGRTMIN+4"], own).close();
    await receiver.close();
    console.log("done");
  },
  destroy: () => {
    const receiver = Signal.open(["SIGRTMIN+3"]);
    receiver.receive().catch(() => undefined);
    receiver.destroy();
    console.log("done");
  },
  unref: () => {
    const receiver = Signal.open(["SIGRTMIN+3"]).unref();
    receiver.receive().catch(() => undefined);
    console.log("done");
  },
  throw: async () => {
    const receiver = Signal.open(["SIGRTMIN+3"]);
    Signal.send(process.pid, "SIGRTMIN+3");
    await receiver.receive();
    process.nextTick(() => {
      throw new Error("thrown by the user");
    });
  },
  workers: async () => {
    await runWorker();
    const before = readdirSync("/proc/self/fd").length;
    for (let count = 0; count < 20; count++) await runWorker();
    console.log(JSON.stringify({ descriptorsLeft: readdirSync("/proc/self/fd").length - before }));
  },
};

if (isMainThread) await scenarios[scenario]?.();
else await hearInWorker();

async function cycle(count: number): Promise<void> {
  for (let index = 0; index < count; index++) {
    const receiver = Signal.open(["SIGRTMIN+3"]);
    const sender = Signal.open([], own);
    await sender.send({ signal: "SIGRTMIN+3", value: index });
    const { value } = await receiver.receive();
    if (value !== index) throw new Error(`the value is ${String(value)} instead of ${index}`);
    await Promise.all([sender.close(), receiver.close()]);
  }
}

function measure(): { descriptors: number; residentBytes: number } {
  return {
    descriptors: readdirSync("/proc/self/fd").length,
    residentBytes: Number(readFileSync("/proc/self/statm", "utf8").split(" ")[1]) * 4096,
  };
}

/** Opens a channel in a worker, sends it signals, and terminates it in the midst of them. */
async function runWorker(): Promise<void> {
  // Keeps the signal handled when the worker, which has opened it, is gone.
  using _ = Signal.on("SIGRTMIN+5", () => undefined);
  const worker = new Worker(new URL(import.meta.url));
  await new Promise((resolve, reject) => {
    worker.once("error", reject);
    worker.once("message", resolve);
  });
  let heard = 0;
  const enough = new Promise<void>((resolve) => {
    worker.on("message", () => {
      if (++heard === 50) resolve();
    });
  });
  for (let count = 0; count < 200; count++) Signal.send(process.pid, "SIGRTMIN+5", { value: count });
  await enough;
  await worker.terminate();
}

async function hearInWorker(): Promise<void> {
  const receiver = Signal.open(["SIGRTMIN+5"]);
  parentPort?.postMessage("open");
  for await (const { value } of receiver) parentPort?.postMessage(value);
}
