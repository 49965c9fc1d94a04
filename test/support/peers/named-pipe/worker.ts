// Runs in a worker thread: sends and receives without end on two FIFOs, until it is terminated.
import { parentPort, workerData } from "node:worker_threads";
import { NamedPipe } from "sluice";

const { path } = workerData as { path: string };
const reader = await NamedPipe.openReader(`${path}.in`);
const writer = await NamedPipe.openWriter(`${path}.out`);
parentPort?.postMessage("open");
void (async () => {
  for (;;) await writer.send(Buffer.alloc(1000));
})();
for await (const message of reader) parentPort?.postMessage(message.length);
