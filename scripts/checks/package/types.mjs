import { cpSync, writeFileSync } from "node:fs";
import path from "node:path";
import { install } from "../../lib/installation.mjs";
import { root, tool } from "../../lib/project.mjs";
import { run } from "../../lib/run.mjs";

/** The oldest that is supported, and the newest there is. */
const nodeTypes = ["20.19.43", "26.6.6"];

/** @type {readonly (readonly [resolution: string, module: string])[]} */
const resolutions = [
  ["node16", "node16"],
  ["nodenext", "nodenext"],
  ["bundler", "esnext"],
];

/**
 * Compiles consumer.ts, which uses every entry point, in projects that have nothing but the library and Node's types: strictly, with the declarations of
 * the library checked too (no skipLibCheck), for each way to resolve modules.
 *
 * @param {import("../../lib/report.mjs").Report} report
 */
export async function checkTypesOfPackage(report) {
  for (const version of nodeTypes) {
    const types = `@types/node@${version}`;
    const project = await report.step(`package: a TypeScript project with ${types}`, () => install([types]));
    if (project === undefined) continue;
    cpSync(path.join(root, "scripts/checks/package/consumer.ts"), path.join(project.folder, "consumer.ts"));
    for (const [moduleResolution, module] of resolutions) {
      await report.step(
        `package: types with moduleResolution ${moduleResolution}, without skipLibCheck`,
        () => compile(project.folder, { module, moduleResolution }),
      );
    }
    await report.step("package: the project's program runs", () =>
      run(process.execPath, ["compiled/consumer.js"], { cwd: project.folder, limitSeconds: 20 }),
    );
  }
}

/** @param {string} folder @param {Readonly<Record<string, string>>} resolution */
async function compile(folder, resolution) {
  const compilerOptions = {
    ...resolution,
    target: "es2022",
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    skipLibCheck: false,
    outDir: "compiled",
    types: ["node"],
  };
  const file = path.join(folder, `tsconfig.${String(resolution["moduleResolution"])}.json`);
  writeFileSync(file, JSON.stringify({ compilerOptions, files: ["consumer.ts"] }));
  await run(tool("tsc"), ["--project", file], { cwd: folder });
}
