import { readFileSync } from "node:fs";
import path from "node:path";
import { format, resolveConfig } from "prettier";
import { expect, test } from "vitest";
import { COMMAND, type Measured, renewTable } from "../../scripts/ipc-table/table.js";

const root = path.resolve(import.meta.dirname, "../..");
const file = path.join(root, "docs/choosing.md");
const guide = readFileSync(file, "utf8");
const measured = JSON.parse(
  readFileSync(path.join(root, "docs/performance/results.json"), "utf8"),
) as Measured;

test("the table of docs/choosing.md is what the channels' traits and the measurements say", async () => {
  const renewed = await format(await renewTable(guide, measured), {
    ...(await resolveConfig(file)),
    filepath: file,
  });
  expect(guide, `docs/choosing.md is stale: run ${COMMAND}`).toBe(renewed);
});

test("a mechanism without a measurement is said to be not measured", async () => {
  const text = await renewTable(guide, { results: [] });
  const rows = text.split("\n").filter((line) => /^\| (\[)?`(?!SharedBuffer.*memory with)/.test(line));
  expect(rows.length).toBe(13);
  for (const row of rows) expect(row).toMatch(/\| not measured \| (not measured|one way only) \|/);
});

test("a guide that has lost its markers is told", async () => {
  await expect(renewTable("# Choosing", measured)).rejects.toThrow("has lost its markers");
});
