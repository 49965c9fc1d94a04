// npm run docs:table: makes the table of docs/choosing.md anew. Compiled to .build/scripts/ipc-table/, three folders below the root.
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { format, resolveConfig } from "prettier";
import { type Measured, renewTable } from "./table.js";

const root = path.resolve(import.meta.dirname, "../../..");
const guide = path.join(root, "docs/choosing.md");
const measured = JSON.parse(
  readFileSync(path.join(root, "docs/performance/results.json"), "utf8"),
) as Measured;

const old = readFileSync(guide, "utf8");
const renewed = await format(await renewTable(old, measured), {
  ...(await resolveConfig(guide)),
  filepath: guide,
});
if (renewed === old) console.log("docs/choosing.md: the table is up to date");
else {
  writeFileSync(guide, renewed);
  console.log("docs/choosing.md: the table was renewed");
}
