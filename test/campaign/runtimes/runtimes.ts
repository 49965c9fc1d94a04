// The runtimes of package.json beside this file, installed when they are first wanted, and how to run a program on each.
import { execFileSync } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";
import { unpack } from "../../../scripts/lib/installation.mjs";
import { buildFolder, root } from "../../../scripts/lib/project.mjs";
import { run } from "../../../scripts/lib/run.mjs";

/** A command with its first arguments, to which the program and its arguments are added. */
export interface Runtime {
  readonly command: readonly [string, ...string[]];
  readonly env?: Readonly<Record<string, string>>;
}

const source = path.join(root, "test/campaign/runtimes");
const folder = path.join(buildFolder, "runtimes");
/** A file of a package that is installed. */
export const binary = (name: string, file: string): string => path.join(folder, "node_modules", name, file);
const node = (name: string): Runtime => ({ command: [binary(name, "bin/node")] });
const muslLibraries = path.join(folder, "musl");
const muslLoader = "/lib/ld-musl-x86_64.so.1";

/** By the heading of their column in the README. */
export const runtimes: Readonly<Record<string, Runtime>> = {
  "Node 20": node("node-20"),
  "Node 22": node("node-22"),
  "Node 24": node("node-24"),
  "Node 26": node("node-26"),
  Deno: { command: [binary("deno", "deno"), "run", "--allow-all"] },
  Bun: { command: [binary("bun", "bin/bun")] },
  "Bun, musl": {
    command: [binary("bun-musl", "bin/bun")],
    env: { LD_LIBRARY_PATH: muslLibraries },
  },
};

/** Installs what is not there yet, 1 GB of it. Their packages run no scripts. */
export async function installRuntimes(): Promise<void> {
  const stamp = path.join(folder, "installed.json");
  const wanted = readFileSync(path.join(source, "package-lock.json"), "utf8");
  if (!existsSync(stamp) || readFileSync(stamp, "utf8") !== wanted) {
    mkdirSync(folder, { recursive: true });
    for (const file of ["package.json", "package-lock.json"])
      copyFileSync(path.join(source, file), path.join(folder, file));
    // The packages are of several CPUs and C libraries.
    await run("npm", ["ci", "--force", "--ignore-scripts", "--no-audit", "--no-fund"], {
      cwd: folder,
      limitSeconds: 600,
    });
    writeFileSync(stamp, wanted);
  }
  need(muslLoader, "musl");
  linkMuslLibraries();
}

/** Fails with what to do where a file of the system is missing. */
export function need(file: string, debianPackage: string): void {
  if (!existsSync(file))
    throw new Error(`${file} is missing here. Install it: apt-get install -y ${debianPackage}`);
}

function linkMuslLibraries(): void {
  mkdirSync(muslLibraries, { recursive: true });
  for (const library of ["libstdc++.so.6", "libgcc_s.so.1"]) {
    const file = execFileSync("gcc", [`-print-file-name=${library}`], { encoding: "utf8" }).trim();
    rmSync(path.join(muslLibraries, library), { force: true });
    symlinkSync(path.resolve(file), path.join(muslLibraries, library));
  }
  const flags = "-shared -fPIC -O1 -nostdlib -U_FORTIFY_SOURCE -fno-stack-protector".split(" ");
  const out = path.join(muslLibraries, "ld-linux-x86-64.so.2");
  execFileSync("gcc", [...flags, "-o", out, path.join(source, "glibc-names.c")]);
}

/**
 * The package as a user gets it, unpacked into an empty project in which no script ran, with the programs of the smoke test beside it.
 *
 * @returns the path of the program that runs first
 */
export async function packedSmoke(): Promise<string> {
  const project = path.join(folder, "project");
  rmSync(project, { recursive: true, force: true });
  await unpack(project);
  writeFileSync(path.join(project, "package.json"), JSON.stringify({ private: true, type: "module" }));
  for (const name of ["smoke", "second", "trials", "trial", "anonymous-pipe", "pipe-echo"]) {
    const file = `${name}.js`;
    copyFileSync(path.join(buildFolder, "test/support/peers/runtimes", file), path.join(project, file));
  }
  return path.join(project, "smoke.js");
}
