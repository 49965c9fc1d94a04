// npm test: proves everything. Installs and builds what is missing, runs all checks in turn, goes on after a failure,
// and closes with the line "N passed, N failed". `npm test -- lint types` runs only the checks that are named.
import { Report } from "./lib/report.mjs";
import { missingPackages } from "./lib/tools.mjs";
import { CommandError } from "./lib/run.mjs";
import { prepare } from "./prepare.mjs";
import { checkDocs } from "./checks/docs.mjs";
import { checkExamples } from "./checks/examples.mjs";
import { checkPackage } from "./checks/package.mjs";
import { checkFormat, checkLint, checkNative, checkTypes, checkUnused } from "./checks/source.mjs";
import { checkTests } from "./checks/tests.mjs";

/** @type {Readonly<Record<string, (report: Report) => Promise<void>>>} */
const checks = {
  format: checkFormat,
  lint: checkLint,
  types: checkTypes,
  unused: checkUnused,
  native: checkNative,
  tests: checkTests,
  package: checkPackage,
  examples: checkExamples,
  docs: checkDocs,
};

const report = new Report();
await main();
console.log(report.summary);
// A check that left something running must not keep the run from ending.
process.exit(report.failed === 0 ? 0 : 1);

async function main() {
  const missing = missingPackages();
  if (missing.length > 0) {
    console.error(
      `The tests need tools that are missing here. Install them: apt-get install -y ${missing.join(" ")}`,
    );
    report.failed += 1;
    return;
  }
  const names = process.argv.slice(2);
  const unknown = names.find((name) => !Object.hasOwn(checks, name));
  if (unknown !== undefined) {
    console.error(`There is no check "${unknown}". The checks are: ${Object.keys(checks).join(", ")}`);
    report.failed += 1;
    return;
  }
  try {
    await prepare();
  } catch (error) {
    console.error(error instanceof CommandError ? `${error.message}\n${error.output}` : error);
    report.failed += 1;
    return;
  }
  for (const [name, check] of Object.entries(checks)) {
    if (names.length === 0 || names.includes(name)) await check(report);
  }
}
