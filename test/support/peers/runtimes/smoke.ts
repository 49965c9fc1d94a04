// The first process of the smoke test: takes every mechanism in turn, with a second process of the same runtime, and prints a line of JSON for
// each. It exits by itself, with code 0, whatever the mechanisms did: an exit code other than that is a fault of the library or the runtime.
//
//   RUNTIME smoke.js MESSAGES [NAME...]      SLUICE_SMOKE_COMMAND says how to run a program: JSON, an array
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { command } from "./anonymous-pipe.js";
import { FAILED, judge, linesOf, type Order, type Trial, type Verdict } from "./trial.js";
import { trials } from "./trials.js";

const TIMEOUT = 60_000;
/** A first round makes what is made once and kept. */
const WARM_UP = 10;
const ROUNDS = 3;

const [, , messages = "1000", ...names] = process.argv;
const folder = mkdtempSync(`${tmpdir()}/sluice-smoke-`);
const [executable, ...args] = command;
const second = spawn(executable, [...args, new URL("./second.js", import.meta.url).pathname], {
  stdio: ["pipe", "pipe", "inherit"],
});
const nextLine = linesOf(second.stdout);
const say = (line: string): unknown => second.stdin.write(`${line}\n`);
await nextLine();
for (const trial of trials) {
  if (names.length > 0 && !names.includes(trial.name)) continue;
  let result = await attempt(trial, WARM_UP);
  let leaked = 0;
  // What leaks grows with every round; a runtime may have one more descriptor open for itself.
  for (let round = 0; round < ROUNDS && result.outcome === "works" && (round === 0 || leaked > 0); round++) {
    const before = result;
    result = await attempt(trial, Number(messages), before);
    leaked = result.mine + result.theirs - before.mine - before.theirs;
  }
  const { outcome, text } =
    result.outcome !== "works" || leaked <= 0
      ? result
      : { outcome: "leak", text: `${String(leaked)} descriptors stayed open, round for round` };
  console.log(JSON.stringify({ mechanism: trial.name, outcome, text }));
}
say("end");
const code = await new Promise((resolve) => second.once("exit", resolve));
rmSync(folder, { recursive: true });
const exit = { mechanism: "exit", outcome: code === 0 ? "works" : `exit code ${String(code)}`, text: "" };
console.log(JSON.stringify(exit));

/** How both fared, and how many descriptors each has open afterwards. */
interface Result {
  readonly outcome: string;
  readonly text: string;
  readonly mine: number;
  readonly theirs: number;
}

async function attempt({ name, first }: Trial, messages: number, before?: Result): Promise<Result> {
  say(JSON.stringify({ name, folder, messages, descriptors: before?.theirs } satisfies Order));
  const ready = async (): Promise<string> => {
    const line = await nextLine();
    if (line === `ready ${FAILED}`) throw Object.assign(new Error(FAILED), { code: FAILED });
    return line.slice("ready ".length);
  };
  const goOn = (): Promise<void> => {
    say("go on");
    return Promise.resolve();
  };
  const wait = { signal: new AbortController().signal, timeout: TIMEOUT };
  const mine = await judge(() => first({ folder, messages, wait, ready, goOn }), before?.mine);
  say(mine.outcome === "works" ? "over" : "stop");
  const theirs = JSON.parse(await nextLine()) as Verdict;
  const { outcome, text } = mine.outcome === "works" || mine.outcome === FAILED ? theirs : mine;
  return { outcome, text, mine: mine.descriptors, theirs: theirs.descriptors };
}
