// How the smoke test of the package is made on one runtime, and what is expected of it.
import { readFileSync } from "node:fs";
import path from "node:path";
import { expect } from "vitest";
import { root } from "../../../scripts/lib/project.mjs";
import { startProgram } from "../../support/child.js";
import type { Runtime } from "./runtimes.js";

/** Mechanism by mechanism: `works`, or the code of the error. */
type Outcomes = Record<string, string>;

/** How many go there and back over each mechanism. */
export const MESSAGES = 1000;

/** What the README's table says of a runtime; `exit` stands for the end of both processes. */
export function promised(column: string): Outcomes {
  const readme = readFileSync(path.join(root, "README.md"), "utf8");
  const rows = readme
    .slice(readme.indexOf("## Runtimes"))
    .split("\n")
    .filter((line) => line.startsWith("|"))
    .map((line) => line.split("|").map((cell) => cell.trim().replaceAll("`", "")));
  const place = (rows[0] ?? []).indexOf(column);
  expect(place, `the README's table has no column "${column}"`).toBeGreaterThan(0);
  const cells = rows.slice(2).map((row): [string, string] => [row[1] ?? "", row[place] ?? ""]);
  return Object.fromEntries([...cells, ["exit", "works"]]);
}

/**
 * Runs both processes on a runtime.
 *
 * @param runtime - how it runs a program
 * @param program - the path of the first one's program
 * @param messages - how many go there and back, by each mechanism
 * @param names - the mechanisms; all, if there are none
 */
export async function measure(
  runtime: Runtime,
  program: string,
  messages: number,
  names: readonly string[] = [],
): Promise<Outcomes> {
  const { command, env } = runtime;
  const [executable, ...args] = command;
  await using peer = startProgram(executable, [...args, program, String(messages), ...names], {
    env: { ...env, SLUICE_SMOKE_COMMAND: JSON.stringify(command) },
  });
  const found: Outcomes = {};
  for await (const line of peer.lines) {
    const { mechanism, outcome, text } = JSON.parse(line) as Record<"mechanism" | "outcome" | "text", string>;
    found[mechanism] = outcome;
    // What is not promised to work must say why, and what else to use.
    if (outcome === "ERR_UNSUPPORTED") expect(text).toMatch(/^Cannot .+: .+; use /);
    else if (outcome !== "works") found[mechanism] = `${outcome}: ${text}`;
  }
  expect(await peer.exit, peer.stderr).toEqual({ code: 0, signal: null });
  return found;
}
