// npm run docs:campaign: puts the figures of the last long campaign (.build/campaign/PART.jsonl, see campaign.mjs) into docs/reliability.md, each
// part's between its two marks. A part that was not run keeps its table.
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
  const rows = readFileSync(file, "utf8").trimEnd().split("\n").map(rowOf);
  const table = ["| what was done | figures | seed |", "| --- | --- | ---: |", ...rows].join("\n");
  const marks = new RegExp(`(<!-- campaign ${part}: begin -->).*?(<!-- campaign ${part}: end -->)`, "s");
  text = text.replace(marks, (_, begin, end) => `${begin}\n\n${table}\n\n${end}`);
}
if (found === 0) {
  console.error("There are no figures of a campaign here. Run it first: npm run test:campaign");
  process.exitCode = 1;
} else {
  writeFileSync(guide, await format(text, { ...(await resolveConfig(guide)), filepath: guide }));
  console.log(`docs/reliability.md: figures of ${String(found)} of ${String(parts.length)} parts`);
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
