import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { exists, root, tool } from "../lib/project.mjs";
import { CommandError, run } from "../lib/run.mjs";

/**
 * @typedef {{ status: string, fullName?: string, failureMessages?: readonly string[] }} TestResult
 * @typedef {{ name?: string, status: string, message?: string, assertionResults: readonly TestResult[] }} FileResult
 * @typedef {{ numPassedTests: number, numFailedTests: number, numTotalTests: number, success: boolean,
 *   testResults: readonly FileResult[] }} VitestResult
 */

/**
 * Unit tests, contract suites and tests against foreign programs.
 *
 * @param {import("../lib/report.mjs").Report} report
 */
export async function checkTests(report) {
  await report.tests("tests: vitest", runTests);
}

/** @returns {Promise<{ passed: number, failed: number, failures: string[], output: string }>} */
async function runTests() {
  const folder = mkdtempSync(path.join(tmpdir(), "sluice-tests-"));
  const file = path.join(folder, "result.json");
  try {
    const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${file}`];
    const end = await run(tool("vitest"), ["run", ...reporters], {
      limitSeconds: 3600,
      env: { NO_COLOR: "1", FORCE_COLOR: undefined },
    }).catch((/** @type {unknown} */ error) => {
      // Failed tests are counted below; without the result file the run itself is broken.
      if (error instanceof CommandError && exists(file)) return error;
      throw error;
    });
    /** @type {VitestResult} */
    const result = JSON.parse(readFileSync(file, "utf8"));
    return { ...count(result), failures: failuresOf(result), output: end.output };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * Nothing fails in silence: a test that was skipped, a file that could not be loaded and a run that failed although
 * every test passed (an uncaught error between tests) count as failed.
 *
 * @param {VitestResult} result
 * @returns {{ passed: number, failed: number }}
 */
export function count(result) {
  const passed = result.numPassedTests;
  const notRun = result.numTotalTests - result.numPassedTests - result.numFailedTests;
  const brokenFiles = result.testResults.filter(
    ({ status, assertionResults }) =>
      status === "failed" && assertionResults.every((test) => test.status !== "failed"),
  ).length;
  const failed = result.numFailedTests + notRun + brokenFiles;
  return { passed, failed: failed === 0 && !result.success ? 1 : failed };
}

/**
 * A line for each test that did not pass, and for each file that could not be loaded: its file, its name, and the beginning of the reason.
 *
 * @param {VitestResult} result
 * @returns {string[]}
 */
export function failuresOf(result) {
  return result.testResults.flatMap(({ name = "", status, message = "", assertionResults }) => {
    const file = path.relative(root, name);
    const tests = assertionResults.filter((test) => test.status !== "passed");
    if (tests.length === 0) return status === "failed" ? [`${file}: ${beginning(message)}`] : [];
    return tests.map(
      ({ fullName = "", status: why, failureMessages = [] }) =>
        `${file}: ${fullName.replaceAll("\n", " ")}: ${beginning(failureMessages[0] ?? why)}`,
    );
  });
}

/** @param {string} text */
function beginning(text) {
  return text.split("\n", 1)[0] ?? "";
}
