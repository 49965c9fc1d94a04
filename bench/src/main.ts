// Measures sluice beside C and beside what people use today. Started by ../run.mjs, which builds what is needed.
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { readOptions, usage } from "./options.js";
import { writeDocuments } from "./report/document.js";
import { conclude } from "./report/outcome.js";
import { goalsAsText, tableAsText } from "./report/text.js";
import { makePlan } from "./runner/plan.js";
import { runRounds } from "./runner/rounds.js";
import { measureStart } from "./runner/start.js";

const benchFolder = fileURLToPath(new URL("..", import.meta.url));
const root = path.dirname(path.resolve(benchFolder));

async function main(args: readonly string[]): Promise<void> {
  const options = readOptions(args);
  if (options.help) {
    console.log(usage);
    return;
  }
  const plan = makePlan(options);
  if (options.list) {
    for (const { workload, entry } of plan.series) console.log(`${workload.id}  ${entry.name}`);
    for (const { name, reason } of plan.missing) console.log(`left out: ${name}: ${reason}`);
    return;
  }
  const { warm, measure } = options;
  const rounds = await runRounds(plan, options.rounds, { warm, measure }, options.limit);
  const wantsStart = plan.workloads.some(({ task }) => task === "start");
  const start = wantsStart ? measureStart(options.quick ? 9 : 21, root) : undefined;
  const outcome = conclude(plan, start, { rounds, warm, measure });
  for (const table of outcome.tables) console.log(tableAsText(table));
  for (const { name, reason } of outcome.missing) console.log(`left out: ${name}: ${reason}`);
  const judged = outcome.goals.filter(({ reached }) => reached !== undefined);
  if (judged.length > 0) console.log(`\n${goalsAsText(judged)}\n`);
  const results = path.resolve(options.output ?? path.join(benchFolder, "results", "latest.json"));
  mkdirSync(path.dirname(results), { recursive: true });
  writeFileSync(results, outcome.json);
  console.log(`Written: ${results}`);
  if (options.document) {
    await writeDocuments(outcome, path.join(root, "docs"));
    console.log("Written: docs/performance.md, docs/performance/");
  }
  // A peer that fails is a finding; our own contestants must not.
  const broken = plan.series.filter(({ entry, failures }) => entry.kind !== "node" && failures.length > 0);
  for (const { entry, workload, failures } of broken) {
    console.error(`${entry.name} failed at ${workload.id}: ${failures.join("; ")}`);
  }
  if (broken.length > 0) process.exitCode = 1;
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  // The command line was wrong, or a pattern is no regular expression.
  const isMistake = error instanceof TypeError || error instanceof RangeError || error instanceof SyntaxError;
  console.error(isMistake ? `${error.message}\n\n${usage}` : error);
  process.exitCode = 2;
}
