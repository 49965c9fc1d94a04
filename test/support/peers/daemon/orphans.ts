// A daemon that starts children of its own and of a shell that leaves its own behind, as often as its argument says.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { Worker } from "node:worker_threads";
import { runDaemon } from "sluice/daemon";

const [folder = "", count = "1"] = process.argv.slice(2);
const rounds = Number(count);
const silent = { debug: nothing, info: nothing, warn: nothing, error: nothing };

function nothing(): void {
  // no log
}

/** How many children have ended and were not waited for. */
function zombies(): number {
  return readdirSync("/proc").filter((name) => {
    if (!/^[0-9]+$/.test(name)) return false;
    let stat: string;
    try {
      stat = readFileSync(`/proc/${name}/stat`, "latin1");
    } catch {
      return false; // it has gone meanwhile
    }
    const [state, parent] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return state === "Z" && Number(parent) === process.pid;
  }).length;
}

/** Runs a program to its end: the code that Node tells. */
async function codeOf(command: string, args: readonly string[]): Promise<unknown> {
  const child = spawn(command, args, { stdio: "ignore" });
  const [code] = (await once(child, "exit")) as [number | null];
  return code;
}

await runDaemon({
  name: "orphans",
  runtimeDirectory: folder,
  logger: silent,
  reap: process.env["REAP"] === "1" ? true : undefined,
});
let wrong = 0;
const worker = new Worker(
  `const { spawn } = require("node:child_process"); const { parentPort } = require("node:worker_threads");
   (async () => { let wrong = 0; for (let i = 0; i < ${rounds}; i++) { const child = spawn("sh", ["-c", "exit 5"]);
   if (await new Promise((resolve) => child.once("exit", resolve)) !== 5) wrong++; } parentPort.postMessage(wrong); })()`,
  { eval: true },
);
const work = Array.from({ length: rounds }, async (_, index) => {
  const own = index % 200;
  // The shell ends at once; what it leaves behind ends a moment later, and is handed to this process.
  const [left, mine] = await Promise.all([
    codeOf("sh", ["-c", "(sleep 0.05; exit 3) & (exit 4) & exit 7"]),
    codeOf("sh", ["-c", `exit ${own}`]),
  ]);
  if (left !== 7 || mine !== own) wrong++;
});
const [inWorker] = (await once(worker, "message")) as [number];
await Promise.all(work);
console.log(`pid ${process.pid}, wrong ${wrong}, wrong in the worker ${inWorker}`);
// The last of them are still to end.
while (readFileSync("/proc/self/task/" + String(process.pid) + "/children", "latin1").trim() !== "")
  await new Promise((resolve) => setImmediate(resolve));
console.log(`zombies ${zombies()}`);
