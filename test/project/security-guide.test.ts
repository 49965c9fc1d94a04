import { existsSync, readFileSync } from "node:fs";
import { expect, it } from "vitest";

const guide = new URL("../../docs/security.md", import.meta.url);

it("docs/security.md names a test for each threat, and every test that it names exists", () => {
  const rows = readFileSync(guide, "utf8")
    .split("\n")
    .filter((line) => line.startsWith("|"))
    .slice(2);
  expect(rows.length).toBeGreaterThan(10);
  for (const row of rows) {
    const tests = row.match(/test\/[\w/-]+(?:\.test\.ts)?/g) ?? [];
    expect(tests, row).not.toEqual([]);
    for (const test of tests) expect(existsSync(new URL(`../../${test}`, import.meta.url)), test).toBe(true);
  }
});
