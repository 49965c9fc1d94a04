import { mkdtempSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { root, tool } from "./project.mjs";
import { run } from "./run.mjs";

/**
 * The library as a user gets it: packed, and installed from the tarball into an empty project.
 *
 * @typedef {{ folder: string, tarball: string }} Installation
 */

/** @type {Promise<Installation> | undefined} */
let installation;

/**
 * Builds, packs and installs at the first call; later calls give the same installation. It is removed at exit.
 *
 * @returns {Promise<Installation>}
 */
export function installed() {
  installation ??= install();
  return installation;
}

/** @returns {Promise<Installation>} */
async function install() {
  await run(tool("tsup"), []);
  const folder = mkdtempSync(path.join(tmpdir(), "sluice-package-"));
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  // The build has been done, so npm's own build-before-pack is not needed.
  await run("npm", ["pack", "--ignore-scripts", "--pack-destination", folder], { cwd: root });
  const name = readdirSync(folder).find((file) => file.endsWith(".tgz"));
  if (name === undefined) throw new Error("npm pack left no tarball");
  const tarball = path.join(folder, name);
  writeFileSync(path.join(folder, "package.json"), JSON.stringify({ private: true, type: "module" }));
  await run("npm", ["install", "--no-audit", "--no-fund", "--no-package-lock", "--prefer-offline", tarball], {
    cwd: folder,
  });
  // What an example uses beside the library. Linked, so that nothing is fetched.
  for (const name of ["zod", "vscode-jsonrpc", "prom-client"])
    symlinkSync(path.join(root, "node_modules", name), path.join(folder, "node_modules", name));
  return { folder, tarball };
}
