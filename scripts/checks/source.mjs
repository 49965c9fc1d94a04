import { tool } from "../lib/project.mjs";
import { run } from "../lib/run.mjs";

/** @typedef {import("../lib/report.mjs").Report} Report */

/** @param {Report} report */
export async function checkFormat(report) {
  await report.step("format: prettier", () => run(tool("prettier"), ["--check", "."]));
}

/** @param {Report} report */
export async function checkLint(report) {
  await report.step("lint: eslint, with the layer table", () =>
    run(tool("eslint"), [".", "--max-warnings", "0"]),
  );
}

/** @param {Report} report */
export async function checkTypes(report) {
  await report.step("types: everything", () => run(tool("tsc"), []));
  await report.step("types: src, with declarations", () =>
    run(tool("tsc"), ["--project", "tsconfig.src.json"]),
  );
}

/** @param {Report} report */
export async function checkUnused(report) {
  await report.step("unused files, exports and packages: knip", () => run(tool("knip"), ["--no-progress"]));
}

/** @param {Report} report */
export async function checkNative(report) {
  await report.step("native core: build without warnings, symbol gate", () =>
    run(process.execPath, ["scripts/build-native.mjs"]),
  );
}
