// Fuzzes targets of test/campaign/fuzz/javascript, each for so long, and tells of each in a line of JSON: `javascript SEED SECONDS FOLDER [TARGET]`.
//
// An input that reaches code which none before it has reached is kept, and others are made of it. One that breaks a rule, or takes longer than a second, ends the
// process; it lies in FOLDER then. Those that are about to be tried lie there too, for whoever finds that the process hangs.
// With the path of an input in the place of SECONDS it is run once: `javascript INPUT TARGET`.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { javascriptTargets } from "../../../campaign/fuzz/javascript/all.js";
import {
  coverageFigures,
  forgetCoverage,
  hasNewCoverage,
  startCoverage,
} from "../../../campaign/fuzz/javascript/coverage.js";
import { mutate } from "../../../campaign/fuzz/javascript/mutate.js";
import type { Target } from "../../../campaign/fuzz/javascript/target.js";
import { randomNumbers } from "../../campaign.js";

const BATCH = 500;
const MOST_MILLISECONDS = 1000;
const MOST_BYTES = 768 * 2 ** 20;

function tryOne(target: Target, input: Buffer, folder: string): void {
  const begin = performance.now();
  try {
    target.run(input);
    // Another process may have had the CPU meanwhile: of what seems slow the time on the CPU is measured.
    if (performance.now() - begin > MOST_MILLISECONDS) {
      const before = process.cpuUsage();
      target.run(input);
      const { user, system } = process.cpuUsage(before);
      if (user + system > MOST_MILLISECONDS * 1000)
        throw new Error(`took ${((user + system) / 1000).toFixed(0)} ms of CPU`);
    }
  } catch (error) {
    const file = join(folder, `${target.name.replaceAll(/\W+/g, "-")}.input`);
    writeFileSync(file, input);
    throw new Error(`${target.name} breaks a rule on the input ${file}`, { cause: error });
  }
}

/** Runs inputs again, halved until those are found that reach something new. */
function keepNew(target: Target, inputs: readonly Buffer[], corpus: Buffer[], folder: string): void {
  forgetCoverage();
  for (const input of inputs) tryOne(target, input, folder);
  const [only] = inputs;
  if (only === undefined || !hasNewCoverage(inputs.length === 1)) return;
  if (inputs.length === 1) {
    corpus.push(only);
    return;
  }
  const middle = inputs.length >> 1;
  keepNew(target, inputs.slice(0, middle), corpus, folder);
  keepNew(target, inputs.slice(middle), corpus, folder);
}

async function fuzz(target: Target, random: () => number, seconds: number, folder: string): Promise<void> {
  const before = coverageFigures();
  const corpus = target.seeds.map((seed) => Buffer.from(seed));
  keepNew(target, [...corpus], [], folder);
  // Seeds reach what they do the first time only.
  const end = performance.now() + seconds * 1000;
  let executions = corpus.length;
  do {
    const pick = (): Buffer => corpus[Math.floor(random() * corpus.length)] ?? Buffer.alloc(0);
    const batch = Array.from({ length: BATCH }, () => mutate(pick(), pick(), target.words, random));
    writeFileSync(
      join(folder, "under-way.json"),
      JSON.stringify({ target: target.name, batch: batch.map((input) => input.toString("base64")) }),
    );
    keepNew(target, batch, corpus, folder);
    executions += BATCH;
    const { rss } = process.memoryUsage();
    if (rss > MOST_BYTES) throw new Error(`${target.name} has come to hold ${rss} bytes`);
    console.log("goes on");
    // Channels that were made and destroyed end in their own time.
    await new Promise((resolve) => setImmediate(resolve));
  } while (performance.now() < end);
  const { functions, characters } = coverageFigures();
  const reached = { functions: functions - before.functions, characters: characters - before.characters };
  console.log(JSON.stringify({ target: target.name, executions, corpus: corpus.length, ...reached }));
}

const [first = "", second = "", folder = ""] = process.argv.slice(2);
if (folder === "") {
  javascriptTargets.find(({ name }) => name === second)?.run(readFileSync(first));
} else {
  mkdirSync(folder, { recursive: true });
  startCoverage();
  const random = randomNumbers(Number(first));
  for (const target of javascriptTargets)
    await fuzz(target, random, Number(second) / javascriptTargets.length, folder);
  process.exit(0);
}
