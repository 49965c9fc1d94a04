// A signal that a main thread and a worker both listen to.
import { isMainThread, parentPort, Worker } from "node:worker_threads";
import { fileURLToPath } from "node:url";
import { loadCore, Poll, READABLE, SIGNAL_RECORD_BYTES } from "../../../../src/native/binding.js";

const core = loadCore();
const signo = core.constants["SIGRTMIN"] ?? 0;
const pair = new Int32Array(2);
core.pipe(pair, 0);
const [reader = -1, writer = -1] = pair;
core.signalOpen(signo, writer);

function count(): Promise<number> {
  let seen = 0;
  return new Promise((resolve) => {
    const poll = new Poll(reader, () => {
      seen += core.drain(reader) / SIGNAL_RECORD_BYTES;
      if (seen < 5) return;
      poll.close();
      core.close(writer);
      core.close(reader);
      resolve(seen);
    });
    poll.set(READABLE);
  });
}

if (isMainThread) {
  const worker = new Worker(fileURLToPath(import.meta.url));
  await new Promise((resolve) => worker.once("message", resolve));
  const fromWorker = new Promise((resolve) => worker.once("message", resolve));
  const mine = count();
  for (let i = 0; i < 5; i++) core.signalSend(process.pid, signo, i);
  console.log(`main ${await mine}`);
  console.log(`worker ${String(await fromWorker)}`);
} else {
  const mine = count();
  parentPort?.postMessage("ready");
  parentPort?.postMessage(await mine);
}
