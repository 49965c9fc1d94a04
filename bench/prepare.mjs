// Builds what the benchmark needs, each step only where something changed: the library (dist/), the peers (a package of their own), the C limits, and
// the suite itself, compiled file by file into .build/.
import { createHash } from "node:crypto";
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { changedAt, exists, filesBelow, root, tool } from "../scripts/lib/project.mjs";
import { transpile } from "../scripts/lib/programs.mjs";
import { CommandError, run } from "../scripts/lib/run.mjs";
import { prepare } from "../scripts/prepare.mjs";

const bench = path.join(root, "bench");
const build = path.join(bench, ".build");

export async function prepareBench() {
  await prepare();
  await buildLibrary();
  await installPeers();
  await buildSuite();
}

/** The suite without its peers and without the library's bundle: what its own smoke test needs. */
export async function buildSuite() {
  await compileSources();
  await buildLimits();
}

async function buildLibrary() {
  const sources = [...filesBelow("src", (file) => file.endsWith(".ts")), "tsup.config.ts", "package.json"];
  if (changedAt("dist/index.js") < Math.max(...sources.map(changedAt))) {
    console.error("Building the library …");
    await run(tool("tsup"), []);
  }
  // A copy, as it is published: a build that happens meanwhile must not change what is measured.
  const copy = path.join(build, "node_modules", "sluice");
  rmSync(copy, { recursive: true, force: true });
  for (const part of ["package.json", "dist", "prebuilds"]) {
    cpSync(path.join(root, part), path.join(copy, part), { recursive: true });
  }
}

/** Peers that cannot be installed are left out of the tables with the reason, so a failure here is told, not thrown. */
async function installPeers() {
  const lock = path.join(bench, "package-lock.json");
  const wanted = createHash("sha256").update(readFileSync(lock)).digest("hex");
  const stamp = path.join(bench, "node_modules", ".sluice-bench-installed");
  if (exists(stamp) && readFileSync(stamp, "utf8") === wanted) return;
  console.error("Installing the peers …");
  try {
    // Not `ci`: the lock file names packages for other machines, which a registry may not have. Nothing that an install
    // script would download is wanted; the one addon that has to be compiled is compiled by name.
    const flags = ["--ignore-scripts", "--no-audit", "--no-fund"];
    await run("npm", ["install", ...flags], { cwd: bench, limitSeconds: 600 });
    await run("npm", ["rebuild", "unix-dgram"], { cwd: bench, limitSeconds: 300 });
    writeFileSync(stamp, createHash("sha256").update(readFileSync(lock)).digest("hex"));
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    console.error(`${error.message}\n${error.output}`);
  }
}

async function compileSources() {
  const sources = filesBelow("bench/src", (file) => file.endsWith(".ts") && !file.endsWith(".d.ts"));
  for (const source of sources) {
    const target = path.join(build, path.relative("bench/src", source).replace(/\.ts$/, ".js"));
    mkdirSync(path.dirname(target), { recursive: true });
    writeFileSync(
      target,
      await transpile(readFileSync(path.join(root, source), "utf8"), path.join(root, source)),
    );
  }
  const wanted = new Set(sources.map((source) => path.relative("bench/src", source).replace(/\.ts$/, ".js")));
  for (const file of filesBelow("bench/.build", (name) => name.endsWith(".js"))) {
    if (!wanted.has(path.relative("bench/.build", file))) rmSync(path.join(root, file));
  }
  writeFileSync(path.join(build, "package.json"), '{ "type": "module" }\n');
}

async function buildLimits() {
  const sources = filesBelow("bench/c", (file) => /\.[ch]$/.test(file));
  const target = path.join(build, "limits");
  if (changedAt(target) >= Math.max(...sources.map(changedAt))) return;
  const units = sources.filter((file) => file.endsWith(".c"));
  const flags = ["-std=gnu11", "-O2", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror"];
  try {
    await run(process.env["CC"] ?? "cc", [...flags, "-o", target, ...units]);
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    console.error(`The C limits are left out: ${error.message}\n${error.output}`);
  }
}
