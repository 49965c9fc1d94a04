// Runs the tests on a native core built with AddressSanitizer, LeakSanitizer and UndefinedBehaviorSanitizer. What they find in memory or
// behaviour aborts the process in which it happened, so that its test fails; leaks are told when a process ends. The reports are collected and shown here.
//
//   npm run test:asan                        all tests
//   npm run test:asan -- test/native         some, as for vitest
//
// The sanitizer comes into Node, which was built without it, by LD_PRELOAD, and by inheritance into every program that a test starts.

import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const folder = join(root, ".build", "asan");
const core = join(folder, `linux-${process.arch}.node`);

/**
 * @param {string} command
 * @param {string[]} args
 * @param {NodeJS.ProcessEnv} [env]
 */
function run(command, args, env) {
  const result = spawnSync(command, args, { cwd: root, stdio: "inherit", env: { ...process.env, ...env } });
  if (result.error) throw result.error;
  return result.status ?? 1;
}

/** @param {string} compiler */
function findRuntime(compiler) {
  const result = spawnSync(compiler, ["-print-file-name=libasan.so"], { encoding: "utf8" });
  const path = result.status === 0 ? result.stdout.trim() : "";
  // gcc prints the bare name of what it does not have.
  return existsSync(path) ? path : undefined;
}

const compiler = process.env["CC"] ?? "gcc";
const runtime = findRuntime(compiler);
if (runtime === undefined) {
  console.error(
    `test-asan: ${compiler} has no libasan.so: install gcc with its sanitizers, or name another gcc in CC`,
  );
  process.exit(1);
}
const built = run(process.execPath, [join(root, "scripts", "build-native.mjs"), "--asan"], { CC: compiler });
if (built !== 0) process.exit(built);

const reports = join(folder, "reports");
rmSync(reports, { recursive: true, force: true });
mkdirSync(reports);

const status = run(
  process.execPath,
  [join(root, "node_modules", "vitest", "vitest.mjs"), "run", ...process.argv.slice(2)],
  {
    SLUICE_NATIVE: core,
    LD_PRELOAD: runtime,
    ASAN_OPTIONS: [
      "detect_leaks=1",
      "detect_stack_use_after_return=1",
      "strict_string_checks=1",
      // Tests look at how much memory a process holds.
      "quarantine_size_mb=8",
      // Errors abort; a leak leaves the exit code as it is, since compilers, shells and interpreters leak as they please.
      "abort_on_error=1",
      "exitcode=0",
      // Node's symbols take seconds to read, in each process. Ours are looked up below.
      "symbolize=0",
      `log_path=${join(reports, "report")}`,
    ].join(":"),
    UBSAN_OPTIONS: "print_stacktrace=1:halt_on_error=1",
  },
);

const frame = /\((\S*\/linux-(?:x64|arm64)\.node)\+(0x[0-9a-f]+)\)/;

/**
 * A leak is ours when our code asked for the memory: itself, or through one function of Node-API. What V8 allocates for its own ends further up,
 * and loses where a process ends while a worker runs, is not.
 *
 * @param {string} stack
 */
const isOurs = (stack) =>
  stack
    .split("\n")
    .slice(0, 5)
    .some((line) => frame.test(line));

/** @param {string} text */
function withSymbols(text) {
  return text.replaceAll(new RegExp(frame, "g"), (all, module, address) => {
    const result = spawnSync("addr2line", ["-f", "-s", "-e", module, address], { encoding: "utf8" });
    return result.status === 0 ? result.stdout.trim().split("\n").join(" ") : all;
  });
}

const problems = readdirSync(reports).flatMap((name) => {
  const text = readFileSync(join(reports, name), "utf8");
  if (!text.includes("ERROR: LeakSanitizer")) return [text];
  return text
    .split("\n\n")
    .filter((block) => /^(Direct|Indirect) leak/.test(block.trim()) && isOurs(block.trim()));
});
for (const problem of problems) console.error(withSymbols(problem));
const found = problems.length;
console.log(found === 0 ? "test-asan: no errors, no leaks" : `test-asan: ${found} problems, shown above`);
process.exitCode = status !== 0 ? status : found > 0 ? 1 : 0;
