// npm run test:campaign: the tests of test/campaign at length. `npm test` runs each for seconds.
//
//   npm run test:campaign                              all parts, an hour each
//   npm run test:campaign -- --minutes 10 kills fuzz   these parts, ten minutes each
//   npm run test:campaign -- --seed 42                 the same random choices again
//
// The figures go to .build/campaign/PART.jsonl, from which `npm run docs:campaign` makes the tables of docs/reliability.md.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { root } from "./lib/project.mjs";
import { prepare } from "./prepare.mjs";

const parts = readdirSync(join(root, "test", "campaign"), { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map((entry) => entry.name);

const { values, positionals } = parseArgs({
  options: { minutes: { type: "string", default: "60" }, seed: { type: "string" } },
  allowPositionals: true,
});
const minutes = Number(values.minutes);
const seed = values.seed ?? String(Math.floor(Math.random() * 2 ** 31));
const unknown = positionals.find((name) => !parts.includes(name));
if (unknown !== undefined) stop(`There is no part "${unknown}". The parts are: ${parts.join(", ")}`);
if (!(minutes > 0)) stop(`--minutes must be a number greater than 0, not ${values.minutes}`);
if (!/^\d+$/.test(seed)) stop(`--seed must be a whole number, not ${seed}`);

await prepare();
const figures = join(root, ".build", "campaign");
mkdirSync(figures, { recursive: true });
const failed = [];
for (const part of positionals.length > 0 ? positionals : parts) {
  console.log(`\n== ${part}: ${String(minutes)} minutes, seed ${seed}`);
  const file = join(figures, `${part}.jsonl`);
  if (existsSync(file)) rmSync(file);
  const result = spawnSync(
    process.execPath,
    [
      join(root, "node_modules", "vitest", "vitest.mjs"),
      "run",
      "--no-file-parallelism",
      `test/campaign/${part}/`,
    ],
    {
      cwd: root,
      stdio: "inherit",
      env: { ...process.env, SLUICE_CAMPAIGN_MINUTES: String(minutes), SLUICE_SEED: seed },
    },
  );
  if (result.status !== 0) failed.push(part);
}
if (failed.length > 0) stop(`failed: ${failed.join(", ")} (seed ${seed})`);
console.log(`\nEvery part passed (seed ${seed}).`);

/**
 * @param {string} message
 * @returns {never}
 */
function stop(message) {
  console.error(message);
  process.exit(1);
}
