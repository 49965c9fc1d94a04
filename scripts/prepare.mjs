// Installs and builds what is missing or out of date, so that `npm start` and `npm test` work as the first command
// after a clone. Uses nothing but Node until the packages are there.
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { changedAt, exists, filesBelow, root } from "./lib/project.mjs";
import { buildPrograms } from "./lib/programs.mjs";
import { run } from "./lib/run.mjs";

const oldestNode = [20, 19];

/** Packages, native core and compiled programs, in this order; each step is skipped where nothing changed. */
export async function prepare() {
  checkNode();
  await installPackages();
  await buildNative();
  const { errors } = await buildPrograms();
  for (const error of errors) console.error(error);
}

function checkNode() {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  const [wantedMajor = 0, wantedMinor = 0] = oldestNode;
  if (major > wantedMajor || (major === wantedMajor && minor >= wantedMinor)) return;
  throw new Error(
    `sluice needs Node ${oldestNode.join(".")} or newer; this is Node ${process.versions.node}`,
  );
}

async function installPackages() {
  const lock = readFileSync(path.join(root, "package-lock.json"));
  const wanted = createHash("sha256").update(lock).digest("hex");
  const stamp = path.join(root, "node_modules", ".sluice-installed");
  if (exists(stamp) && readFileSync(stamp, "utf8") === wanted) return;
  console.log("Installing packages …");
  // `npm ci` would empty a node_modules that others may be using.
  const command = exists(path.join(root, "node_modules")) ? "install" : "ci";
  await run("npm", [command, "--no-audit", "--no-fund"], { limitSeconds: 600 });
  mkdirSync(path.dirname(stamp), { recursive: true });
  const installed = readFileSync(path.join(root, "package-lock.json"));
  writeFileSync(stamp, createHash("sha256").update(installed).digest("hex"));
}

/** The native core is for Linux; elsewhere the library says so itself where the core would be needed. */
async function buildNative() {
  if (process.platform !== "linux") return;
  const sources = [...filesBelow("src/native", (file) => /\.[ch]$/.test(file)), "scripts/build-native.mjs"];
  const newest = Math.max(...sources.map(changedAt));
  if (changedAt(`prebuilds/linux-${process.arch}.node`) >= newest) return;
  console.log("Building the native core …");
  await run(process.execPath, ["scripts/build-native.mjs"]);
}
