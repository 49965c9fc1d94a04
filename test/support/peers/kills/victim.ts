// Takes a part in one scenario of test/campaign/kills, and dies at the step that it is told: it reads its plan from the first line of its standard input, plays its role, and then says
// which steps it has come by, and how often.
import { createInterface } from "node:readline";
import { watchSteps } from "../../../../src/core/step.js";
import { roles } from "./roles/index.js";
import type { Plan } from "./roles/plan.js";

const counts: Record<string, number> = {};

function watch({ step, nth }: Plan): void {
  watchSteps((name) => {
    const count = (counts[name] ?? 0) + 1;
    counts[name] = count;
    // Nothing of this process runs after it: the kernel ends the thread that asks for it before it returns.
    if (name === step && count === nth) process.kill(process.pid, "SIGKILL");
  });
}

const lines = createInterface({ input: process.stdin });
const further: string[] = [];
let taker: ((line: string) => void) | undefined;
const nextLine = (): Promise<string> => {
  const line = further.shift();
  return line === undefined ? new Promise((resolve) => (taker = resolve)) : Promise.resolve(line);
};
// An end of the input is the end of the test's process: nothing is left to be done.
lines.on("close", () => process.exit(71));
lines.on("line", (line) => {
  const take = taker;
  taker = undefined;
  if (take === undefined) further.push(line);
  else take(line);
});

console.log("ready");
const plan = JSON.parse(await nextLine()) as Plan;
const role = roles[plan.role];
if (role === undefined) throw new Error(`There is no role ${plan.role}`);
watch(plan);
await role(plan.args, { nextLine, timesAt: (step) => counts[step] ?? 0 });
console.log(`done ${JSON.stringify(counts)}`);
process.exit(0);
