// A worker receives messages with descriptors, takes none, and is terminated: tells how many descriptors are open afterwards.
import { readdirSync } from "node:fs";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { UnixSocket } from "sluice";

if (isMainThread) {
  const type = process.argv[2] as "stream" | "seqpacket";
  await round(type);
  const before = openDescriptors();
  for (let count = 0; count < 10; count++) await round(type);
  console.log(JSON.stringify({ grown: openDescriptors() - before }));
} else {
  const [left, right] = UnixSocket.pair({ type: workerData as "stream" | "seqpacket", maxHandles: 4 });
  await left.send(Buffer.from("taken into hand"), { handles: [0, 1] });
  await left.send(Buffer.from("left in the queue"), { handles: [0, 1] });
  const { handles = [] } = await right.receiveEnvelope();
  parentPort?.postMessage(handles.length);
  // Left with what is open.
  await new Promise(() => undefined);
}

async function round(type: string): Promise<void> {
  const worker = new Worker(new URL(import.meta.url), { workerData: type });
  await new Promise((resolve) => worker.once("message", resolve));
  await worker.terminate();
}

function openDescriptors(): number {
  return readdirSync("/proc/self/fd").length;
}
