// Builds the native core into prebuilds/linux-CPU.node: for this machine's CPU, and for the other one where its cross compiler is there.
// One binary serves every C library (glibc and musl alike): it is linked against none, and the symbols it uses are resolved by the
// process that loads it. scripts/symbol-gate.mjs checks that it stays so. Node's builtins only: this runs before anything is installed.
//
//   node scripts/build-native.mjs            prebuilds/
//   node scripts/build-native.mjs --asan     .build/asan/, for this CPU, with AddressSanitizer and UndefinedBehaviorSanitizer
//   node scripts/build-native.mjs --tsan     .build/tsan/, for this CPU, with ThreadSanitizer
//   node scripts/build-native.mjs --faults   .build/faults/, for this CPU, with system calls that fail on demand (test/native/faults)
//
// CC names another C compiler, NODE_INCLUDE_DIR another folder with node_api.h.

import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { checkSymbols } from "./symbol-gate.mjs";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
/** Another core than the one of the package: sanitized, or with system calls that fail. */
const variant = ["asan", "tsan", "faults"].find((name) => process.argv.includes(`--${name}`));

const common = [
  ..."-std=gnu11 -D_GNU_SOURCE -DNAPI_VERSION=8 -fPIC -fvisibility=hidden -Wall -Wextra -Werror -shared".split(
    " ",
  ),
  // Paths of this machine must not get into the binary: the same sources give the same bytes.
  `-ffile-prefix-map=${root}=.`,
];
// Nothing that would pull in symbols of one libc's version. `nodelete`: Node closes an addon with the last worker that uses it, but a
// signal may still be on its way to the handler in it.
const universal = [
  // Small rather than unrolled: what takes time here are system calls, and the package carries a file for each CPU.
  ..."-Os -U_FORTIFY_SOURCE -fno-stack-protector -fno-plt -nostdlib -nostartfiles".split(" "),
  // Tables for unwinding, which C does not do, are a sixth of the file, and on arm64 make it fill a second page of 64 KiB.
  ..."-fno-unwind-tables -fno-asynchronous-unwind-tables".split(" "),
  ..."-Wl,-z,relro,-z,now,-z,noexecstack,-z,nodelete -Wl,--build-id=none -s".split(" "),
];
const sanitized = "-O1 -g -fno-omit-frame-pointer -Wl,-z,nodelete".split(" ");

const faultsFile = join("test", "native", "faults", "faults.c");

/** The calls that go through faults.c: those of its first list. */
function wrapped() {
  const list =
    /#define CALLS\(X\)(.*?[^\\])\n/s.exec(readFileSync(join(root, faultsFile), "utf8"))?.[1] ?? "";
  return [...list.matchAll(/X\((\w+)\)/g)].map(([, name]) => `-Wl,--wrap=${name}`);
}

/** @param {string | undefined} name */
function flagsOf(name) {
  switch (name) {
    case "asan":
      return [...sanitized, "-fsanitize=address,undefined", "-fno-sanitize-recover=all"];
    case "tsan":
      return [...sanitized, "-fsanitize=thread"];
    case "faults":
      return [...universal, ...wrapped()];
    default:
      return universal;
  }
}

const targets = [
  { cpu: "x64", compilers: ["x86_64-linux-gnu-gcc"], flags: [] },
  // Outline atomics are functions of libgcc, which is not there.
  { cpu: "arm64", compilers: ["aarch64-linux-gnu-gcc"], flags: ["-mno-outline-atomics"] },
];

/**
 * @param {string} message
 * @returns {never}
 */
function fail(message) {
  console.error(`build-native: ${message}`);
  process.exit(1);
}

/** @param {string} compiler */
function runs(compiler) {
  return spawnSync(compiler, ["--version"], { stdio: "ignore" }).status === 0;
}

function findHeaders() {
  const named = process.env["NODE_INCLUDE_DIR"];
  const folders = named
    ? [named]
    : [join(dirname(process.execPath), "..", "include", "node"), "/usr/include/node"];
  const found = folders.find(
    (folder) => existsSync(join(folder, "node_api.h")) && existsSync(join(folder, "uv.h")),
  );
  if (found === undefined) {
    fail(
      `Cannot find node_api.h and uv.h in ${folders.join(" or ")}: install Node's headers, ` +
        "or name their folder in NODE_INCLUDE_DIR",
    );
  }
  return found;
}

/**
 * @param {{ cpu: string, flags: string[] }} target
 * @param {string} compiler
 * @param {string} headers
 */
function build(target, compiler, headers) {
  const sources = join(root, "src", "native");
  const files = readdirSync(sources, { recursive: true })
    .map(String)
    .filter((name) => name.endsWith(".c"))
    .sort()
    .map((name) => join("src", "native", name));
  if (variant === "faults") files.push(faultsFile);
  if (variant === "tsan") files.push(join("test", "native", "sanitizers", "open-log.c"));
  const folder = variant === undefined ? join(root, "prebuilds") : join(root, ".build", variant);
  const output = join(folder, `linux-${target.cpu}.node`);
  const scratch = `${output}.${process.pid}`;
  mkdirSync(folder, { recursive: true });
  // Relative names, so that __FILE__ and the order of sections do not depend on the checkout.
  const flags = [...common, ...target.flags, ...flagsOf(variant)];
  const result = spawnSync(compiler, [...flags, "-isystem", headers, ...files, "-o", scratch], {
    cwd: root,
    stdio: ["ignore", "inherit", "inherit"],
  });
  if (result.status !== 0) {
    rmSync(scratch, { force: true });
    fail(`${compiler} could not build ${output}; its messages are above`);
  }
  if (variant === undefined) {
    const problems = checkSymbols(scratch);
    if (problems.length > 0) {
      rmSync(scratch, { force: true });
      fail(`${output} would not load everywhere:\n  ${problems.join("\n  ")}`);
    }
  }
  // Renamed into place: a process that has the old file mapped keeps it, and none ever sees half a file.
  renameSync(scratch, output);
  console.log(`build-native: ${output.slice(root.length + 1)} (${compiler})`);
}

if (process.platform !== "linux") {
  console.log(`build-native: nothing to do on ${process.platform}: the native core is for Linux`);
  process.exit(0);
}
const headers = findHeaders();
for (const target of targets) {
  const native = target.cpu === process.arch;
  if (variant !== undefined && !native) continue;
  const named = native && process.env["CC"] ? [process.env["CC"]] : [];
  const candidates = native ? [...named, "cc", "gcc", "clang"] : target.compilers;
  const compiler = candidates.find(runs);
  if (compiler !== undefined) build(target, compiler, headers);
  else if (native)
    fail(`Cannot find a C compiler (tried ${candidates.join(", ")}): install gcc, or name one in CC`);
  else console.log(`build-native: no ${candidates.join(" or ")}, so linux-${target.cpu} is left out`);
}
