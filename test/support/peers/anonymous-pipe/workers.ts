// Workers that have a child and a pipeline are terminated in mid-traffic. Tells how many descriptors are left, once all children have ended.
import { readdirSync } from "node:fs";
import { isMainThread, parentPort, Worker } from "node:worker_threads";
import { AnonymousPipe } from "sluice";

if (isMainThread) {
  // The first worker loads what stays.
  await runWorker();
  const before = readdirSync("/proc/self/fd").length;
  for (let count = 0; count < 10; count++) await runWorker();
  console.log(readdirSync("/proc/self/fd").length - before);
} else await work();

async function runWorker(): Promise<void> {
  // The writing end is held by the children alone, so that it ends with them.
  const { reader, writer } = AnonymousPipe.create();
  const handle = writer.detach();
  process.env["HELD"] = String(handle.fd);
  const worker = new Worker(new URL(import.meta.url));
  await new Promise((resolve) => worker.once("message", resolve));
  handle.close();
  await worker.terminate();
  await reader.receive().catch(() => undefined);
  await reader.closed;
}

async function work(): Promise<void> {
  const held = Number(process.env["HELD"]);
  const { channel } = AnonymousPipe.spawn("sh", ["-c", "exec cat <&4 >&5"], {
    stdio: ["ignore", "ignore", "inherit", held],
  });
  const pipeline = AnonymousPipe.pipeline([["yes"], ["cat"]]);
  await channel.send(Buffer.from("x"));
  await Promise.all([channel.receive(), pipeline.output.receive()]);
  parentPort?.postMessage("in traffic");
  for (;;) await channel.send(Buffer.alloc(1000));
}
