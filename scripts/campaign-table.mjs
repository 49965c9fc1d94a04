// npm run docs:campaign: puts the figures of the last long campaign (.build/campaign/PART.jsonl, see campaign.mjs) into docs/reliability.md, each
// part's between its two marks. What was not done again keeps its row, with the figures and the seed of its last time.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { format, resolveConfig } from "prettier";
import { exists, root } from "./lib/project.mjs";

const guide = join(root, "docs", "reliability.md");
let text = readFileSync(guide, "utf8");
const parts = [...text.matchAll(/<!-- campaign (\w+): begin -->/g)].map(([, part]) => part ?? "");
let found = 0;
for (const part of parts) {
  const file = join(root, ".build", "campaign", `${part}.jsonl`);
  if (!exists(file)) continue;
  found += 1;
  const marks = new RegExp(`(<!-- campaign ${part}: begin -->)(.*?)(<!-- campaign ${part}: end -->)`, "s");
  text = text.replace(marks, (_, begin, /** @type {string} */ earlier, end) => {
    const rows = readFileSync(file, "utf8").trimEnd().split("\n").map(rowOf);
    const again = new Set(rows.map(nameOf));
    const kept = earlier.split("\n").filter((line) => isRow(line) && !again.has(nameOf(line)));
    const table = ["| what was done | figures | seed |", "| --- | --- | ---: |", ...kept, ...rows].join("\n");
    return `${begin}\n\n${table}\n\n${end}`;
  });
}
if (found === 0) {
  console.error("There are no figures of a campaign here. Run it first: npm run test:campaign");
  process.exitCode = 1;
} else {
  writeFileSync(guide, await format(text, { ...(await resolveConfig(guide)), filepath: guide }));
  console.log(`docs/reliability.md: figures of ${String(found)} of ${String(parts.length)} parts`);
}

/** @param {string} row its first cell tells what was done */
function nameOf(row) {
  return /^\| (.*?)(?<!\\)\|/.exec(row)?.[1]?.trim();
}

/** @param {string} line below the heads of the table */
function isRow(line) {
  return line.startsWith("| ") && !line.startsWith("| what was done") && !line.startsWith("| --");
}

/** @param {string} line what record() of test/support/campaign.ts has written */
function rowOf(line) {
  const { what, seed, ...figures } = JSON.parse(line);
  const listed = Object.entries(figures).map(([name, value]) => `${name}: ${inWords(value)}`);
  return `| ${cell(what)} | ${cell(listed.join(", "))} | ${String(seed)} |`;
}

/** @param {unknown} value */
function inWords(value) {
  return typeof value === "number"
    ? value.toLocaleString("en-US", { maximumFractionDigits: 2 })
    : String(value);
}

/** @param {string} content */
function cell(content) {
  return content.replaceAll("|", "\\|").replaceAll("\n", " ");
}
