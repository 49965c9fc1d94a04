// Starts workers that end, each in the way that is asked for, with everything the core has to offer still open.
import { readdirSync, readFileSync } from "node:fs";
import { Worker } from "node:worker_threads";
import { loadCore } from "../../../../src/native/binding.js";

const core = loadCore();
const mode = process.argv[2] ?? "";
const rounds = 50;
const worker = new URL("./workers-thread.js", import.meta.url);
const SIGUSR2 = 12;

const maps = (): number =>
  readFileSync("/proc/self/maps", "latin1")
    .split("\n")
    .filter((line) => line.includes("memfd:of-a-worker")).length;

async function round(): Promise<void> {
  const thread = new Worker(worker, { argv: [mode] });
  const ended = new Promise<void>((resolve) => thread.once("exit", () => resolve()));
  const failed = new Promise<Error>((resolve) => thread.once("error", resolve));
  await new Promise<void>((resolve) => thread.once("message", () => resolve()));
  // Traffic for the worker's Polls goes on while it ends.
  if (mode === "terminate") await thread.terminate();
  if (mode === "throw") {
    const error = await failed;
    if (error.message !== "of a worker") throw error;
  }
  await ended;
}

await round();
const before = readdirSync("/proc/self/fd").length;
for (let i = 0; i < rounds; i++) await round();
const after = readdirSync("/proc/self/fd").length;
console.log(after === before ? "descriptors as before" : `${after - before} descriptors too many`);
console.log(maps() === 0 ? "maps as before" : `${maps()} maps too many`);
console.log(`disposition ${core.signalDisposition(SIGUSR2)}`);
