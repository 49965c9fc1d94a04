import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { changedAt, filesBelow, root, tool } from "./project.mjs";
import { run } from "./run.mjs";

/**
 * The library as a user gets it: packed, and installed from the tarball into an empty project outside of this one, with npm's scripts disabled.
 *
 * @typedef {{ folder: string, tarball: string }} Installation
 */

/** What the examples use beside the library; of the versions that this project is developed with. */
const besides = ["zod", "vscode-jsonrpc", "prom-client"];

/** @type {Promise<string> | undefined} */
let tarball;
/** @type {Promise<Installation> | undefined} */
let installation;
/** @type {Promise<Installation> | undefined} */
let without;

/**
 * Builds, packs and installs at the first call; later calls give the same installation. It is removed at exit.
 *
 * @returns {Promise<Installation>}
 */
export function installed() {
  installation ??= install(pinned(besides));
  return installation;
}

/**
 * The same for who does not want optional packages.
 *
 * @returns {Promise<Installation>}
 */
export function installedWithoutOptional() {
  without ??= install([...pinned(besides), "--omit=optional"]);
  return without;
}

/**
 * Installs the library, and what else is named, into a new project.
 *
 * @param {readonly string[]} args more packages, and options of npm
 * @returns {Promise<Installation>}
 */
export async function install(args) {
  tarball ??= pack();
  const packed = await tarball;
  const folder = scratchFolder();
  writeFileSync(path.join(folder, "package.json"), JSON.stringify({ private: true, type: "module" }));
  const quietly = ["--no-audit", "--no-fund", "--no-package-lock", "--prefer-offline", "--ignore-scripts"];
  await run("npm", ["install", ...quietly, packed, ...args], { cwd: folder });
  return { folder, tarball: packed };
}

/** A new folder that is removed at exit. */
export function scratchFolder() {
  const folder = mkdtempSync(path.join(tmpdir(), "sluice-package-"));
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/**
 * Unpacks the library into a project without npm: for runtimes that would read what npm leaves, and where no registry is at hand. Built before only if a source
 * is newer than the build.
 *
 * @param {string} project
 * @returns {Promise<string>} the folder of the package
 */
export async function unpack(project) {
  const sources = [...filesBelow("src", (file) => file.endsWith(".ts")), "package.json", "tsup.config.ts"];
  const newest = Math.max(...sources.map(changedAt));
  if (changedAt("dist/index.js") < newest) await run(tool("tsup"), []);
  const target = path.join(project, "node_modules/sluice");
  mkdirSync(target, { recursive: true });
  const packed = await packBuild(project);
  await run("tar", ["-xzf", packed, "--strip-components=1", "-C", target]);
  rmSync(packed);
  return target;
}

/** @returns {Promise<string>} */
async function pack() {
  await run(tool("tsup"), []);
  return packBuild(scratchFolder());
}

/**
 * @param {string} folder
 * @returns {Promise<string>} the tarball of what has been built
 */
async function packBuild(folder) {
  // npm's own build-before-pack is not needed.
  await run("npm", ["pack", "--ignore-scripts", "--pack-destination", folder], { cwd: root });
  const name = readdirSync(folder).find((file) => file.endsWith(".tgz"));
  if (name === undefined) throw new Error("npm pack left no tarball");
  return path.join(folder, name);
}

/** @param {readonly string[]} names */
function pinned(names) {
  const { devDependencies } = JSON.parse(readFileSync(path.join(root, "package.json"), "utf8"));
  return names.map((name) => `${name}@${String(devDependencies[name])}`);
}
