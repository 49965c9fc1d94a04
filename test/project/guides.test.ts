import { existsSync, readFileSync } from "node:fs";
import { expect, it } from "vitest";

it.each([
  ["security", "threat"],
  ["reliability", "promise"],
])("docs/%s.md names a test for each %s, and every test that it names exists", (name, what) => {
  const text = readFileSync(new URL(`../../docs/${name}.md`, import.meta.url), "utf8");
  const table = text.slice(text.search(new RegExp(`^\\| ${what} +\\|`, "m"))).split("\n\n", 1)[0] ?? "";
  const rows = table.split("\n").slice(2);
  expect(rows.length).toBeGreaterThan(8);
  for (const row of rows) {
    const tests = row.match(/test\/[\w/-]+(?:\.test\.ts)?/g) ?? [];
    expect(tests, row).not.toEqual([]);
    for (const test of tests) expect(existsSync(new URL(`../../${test}`, import.meta.url)), test).toBe(true);
  }
});
