// Runs before `npm publish` and refuses to publish what would not be whole: CONTRIBUTING.md, "Publishing". After it npm builds and packs.
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import path from "node:path";
import { exists, root } from "./lib/project.mjs";

/**
 * Why this version cannot be published now, in sentences.
 *
 * @param {{ version: string, repository?: { url?: string } }} manifest
 * @param {string} changelog
 * @param {string} uncommitted what `git status --porcelain` prints
 * @param {readonly string[]} cpus for which the native core is built
 * @returns {string[]}
 */
export function obstacles(manifest, changelog, uncommitted, cpus) {
  const found = [];
  if (manifest.repository?.url === undefined)
    found.push(
      'package.json has no "repository": provenance ties the package to the repository it is built from.',
    );
  if (!changelog.includes(`\n## ${manifest.version}`))
    found.push(
      `CHANGELOG.md has no section "## ${manifest.version}": give "Unreleased" its version and date.`,
    );
  if (uncommitted !== "") found.push(`Some files are not committed:\n${uncommitted}`);
  for (const cpu of ["x64", "arm64"]) {
    if (!cpus.includes(cpu))
      found.push(
        `The native core for ${cpu} is not built: install a compiler for it, then npm run build:native.`,
      );
  }
  return found;
}

if (process.argv[1] === import.meta.filename) {
  const read = (/** @type {string} */ file) => readFileSync(path.join(root, file), "utf8");
  spawnSync(process.execPath, [path.join(root, "scripts/build-native.mjs")], { stdio: "inherit" });
  const { stdout } = spawnSync("git", ["status", "--porcelain"], { cwd: root, encoding: "utf8" });
  const cpus = ["x64", "arm64"].filter((cpu) => exists(path.join(root, `prebuilds/linux-${cpu}.node`)));
  const found = obstacles(JSON.parse(read("package.json")), read("CHANGELOG.md"), stdout, cpus);
  for (const obstacle of found) console.error(obstacle);
  if (found.length > 0) process.exitCode = 1;
}
