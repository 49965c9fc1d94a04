import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { installed, installedWithoutOptional } from "../lib/installation.mjs";
import { exists, filesBelow, root } from "../lib/project.mjs";
import { transpile } from "../lib/programs.mjs";
import { run } from "../lib/run.mjs";

/** @typedef {import("../lib/report.mjs").Report} Report */

const limitSeconds = 30;

/** Asks for the engine that comes with an optional package. */
const engine = `import { UnixSocket } from "sluice";
try {
  const pair = await UnixSocket.pair({ type: "seqpacket", engine: "node-unix-socket" });
  console.log("opened", pair.length);
  for (const channel of pair) await channel.close();
} catch (error) {
  console.log(error.code, error.message);
}`;

/**
 * Runs every program of examples/ as a user would, against the installed package: each ends with 0 within the limit
 * and has something to say. Programs are examples/NAME.ts and examples/NAME/main.ts; other files are their parts.
 *
 * @param {Report} report
 */
export async function checkExamples(report) {
  await runExamples(report, "examples", installed);
  await runExamples(report, "examples without optional packages", installedWithoutOptional);
  await report.step("examples: without its package an engine says so", async () => {
    const [{ folder }, { folder: without }] = [await installed(), await installedWithoutOptional()];
    if (exists(path.join(without, "node_modules/node-unix-socket")))
      throw new Error("npm installed node-unix-socket in spite of --omit=optional");
    await expectOutput(folder, engine, /^opened 2$/);
    await expectOutput(without, engine, /^ERR_UNSUPPORTED .*node-unix-socket/);
  });
}

/**
 * @param {Report} report
 * @param {string} title
 * @param {() => Promise<import("../lib/installation.mjs").Installation>} install
 */
async function runExamples(report, title, install) {
  const sources = filesBelow("examples", (file) => file.endsWith(".ts"));
  const programs = sources.filter((file) => /^examples\/([^/]+|[^/]+\/main)\.ts$/.test(file));
  const installation = await report.step(
    `${title}: ${String(programs.length)} programs compile`,
    async () => {
      if (programs.length === 0) throw new Error("There are no examples");
      const { folder } = await install();
      for (const source of sources) await compile(source, folder);
      return { folder };
    },
  );
  if (installation === undefined) return;
  for (const program of programs) {
    await report.step(`${title}: ${program}`, async () => {
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
  const code = await transpile(readFileSync(path.join(root, source), "utf8"), source);
  // Outside of the repository nothing of it is at hand, so that an example works for who has the package alone.
  if (code.includes(root)) throw new Error(`${source} names the folder of this repository`);
  writeFileSync(target, code);
}

/** @param {string} cwd @param {string} code @param {RegExp} expected */
async function expectOutput(cwd, code, expected) {
  const { stdout } = await run(process.execPath, ["--input-type=module", "--eval", code], {
    cwd,
    limitSeconds,
  });
  if (!expected.test(stdout.trim()))
    throw new Error(`It printed "${stdout.trim()}", not ${String(expected)}`);
}
