// A run of vitest within a test: on another Node, or in another project.
import path from "node:path";
import { root } from "../../../scripts/lib/project.mjs";
import { CommandError, run } from "../../../scripts/lib/run.mjs";

/** All the tests of the library take half an hour, or several times that on a machine that does more than this. */
export const LIMIT_SECONDS = 2 * 3600;

/**
 * How many tests have passed. Rejects with all that was printed if one has failed.
 *
 * @param node - the program that runs it, and all processes that the tests start
 * @param files - parts of the names of the test files
 */
export async function passedTests(
  node: string,
  files: readonly string[],
  { cwd = root, env = {} }: { cwd?: string; env?: NodeJS.ProcessEnv } = {},
): Promise<number> {
  const vitest = path.join(root, "node_modules/vitest/vitest.mjs");
  const { output } = await run(node, [vitest, "run", ...files], {
    cwd,
    limitSeconds: LIMIT_SECONDS,
    env: { NO_COLOR: "1", FORCE_COLOR: undefined, SLUICE_CAMPAIGN_MINUTES: undefined, ...env },
  }).catch((error: unknown) => {
    // Which test it was is in what was printed.
    throw error instanceof CommandError
      ? new Error(`${error.message}\n${error.output}`, { cause: error })
      : error;
  });
  return Number(/^\s*Tests\s+(\d+) passed/m.exec(output)?.[1]);
}
