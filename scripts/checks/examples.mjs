import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { installed } from "../lib/installation.mjs";
import { filesBelow, root } from "../lib/project.mjs";
import { transpile } from "../lib/programs.mjs";
import { run } from "../lib/run.mjs";

const limitSeconds = 30;

/**
 * Runs every program of examples/ as a user would, against the installed package: each ends with 0 within the limit
 * and has something to say. Programs are examples/NAME.ts and examples/NAME/main.ts; other files are their parts.
 *
 * @param {import("../lib/report.mjs").Report} report
 */
export async function checkExamples(report) {
  const sources = filesBelow("examples", (file) => file.endsWith(".ts"));
  const programs = sources.filter((file) => /^examples\/([^/]+|[^/]+\/main)\.ts$/.test(file));
  const installation = await report.step(
    `examples: ${String(programs.length)} programs compile`,
    async () => {
      if (programs.length === 0) throw new Error("There are no examples");
      const { folder } = await installed();
      for (const source of sources) await compile(source, folder);
      return { folder };
    },
  );
  if (installation === undefined) return;
  for (const program of programs) {
    await report.step(program, async () => {
      const { stdout } = await run(process.execPath, [program.replace(/\.ts$/, ".js")], {
        cwd: installation.folder,
        limitSeconds,
      });
      if (stdout.trim() === "") throw new Error(`${program} printed nothing`);
    });
  }
}

/** @param {string} source @param {string} folder */
async function compile(source, folder) {
  const target = path.join(folder, source.replace(/\.ts$/, ".js"));
  mkdirSync(path.dirname(target), { recursive: true });
  writeFileSync(
    target,
    await transpile(readFileSync(path.join(root, source), "utf8"), path.join(root, source)),
  );
}
