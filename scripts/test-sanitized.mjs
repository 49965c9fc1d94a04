// Runs the tests on a native core built with sanitizers. The reports are collected and shown here.
//
//   npm run test:asan                        all tests: AddressSanitizer, LeakSanitizer and UndefinedBehaviorSanitizer
//   npm run test:asan -- test/native         some, as for vitest
//   npm run test:tsan -- test/native         ThreadSanitizer
//
// The sanitizer comes into Node, which was built without it, by LD_PRELOAD, and by inheritance into every program that a test starts.

import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

/**
 * A sanitizer: its runtime library, where its options are, and whether a report is about our code.
 *
 * @typedef {{ library: string, environment: (reports: string) => NodeJS.ProcessEnv, reportsIn: (text: string) => string[] }} Sanitizer
 */

const frame = /\((?:\S*\/)?linux-(?:x64|arm64)\.node\+(0x[0-9a-f]+)\)/;

/** @type {Record<string, Sanitizer>} */
const sanitizers = {
  asan: {
    library: "libasan.so",
    environment: (reports) => ({
      ASAN_OPTIONS: [
        "detect_leaks=1",
        "detect_stack_use_after_return=1",
        "strict_string_checks=1",
        // Tests look at how much memory a process holds.
        "quarantine_size_mb=8",
        // Errors abort, so that the test fails; a leak leaves the exit code as it is, since compilers, shells and interpreters leak as they please.
        "abort_on_error=1",
        "exitcode=0",
        // Node's symbols take seconds to read, in each process. Ours are looked up below.
        "symbolize=0",
        `log_path=${reports}`,
      ].join(":"),
      UBSAN_OPTIONS: "print_stacktrace=1:halt_on_error=1",
    }),
    // A leak is ours when our code asked for the memory: itself, or through one function of Node-API. What V8 allocates for its own ends further up,
    // and loses where a process ends while a worker runs, is not.
    reportsIn: (text) =>
      text.includes("ERROR: LeakSanitizer")
        ? text
            .split("\n\n")
            .filter((block) => /^(Direct|Indirect) leak/.test(block.trim()))
            .filter((block) => block.trim().split("\n").slice(0, 5).some(isOurs))
        : // No report: a thread ended in the moment in which LeakSanitizer looked at it.
          [text.replace(/^==\d+==Unable to get registers from thread \d+\.\n/gm, "")].filter(
            (rest) => rest.trim() !== "",
          ),
  },
  tsan: {
    library: "libtsan.so",
    environment: (reports) => ({
      // With symbols, it would read and open the files of Node for each report, on whatever thread, while tests count descriptors. Ours are looked up below.
      TSAN_OPTIONS: ["exitcode=0", "second_deadlock_stack=1", "symbolize=0", `log_path=${reports}`].join(":"),
      // A shell crashes with this library, which stands for setjmp(3) and does not find the real one. Where python3 is a script of a shell that looks for the
      // program, it is found here.
      PATH: `${dirname(pathOfPython())}:${process.env["PATH"] ?? ""}`,
    }),
    // What orders the threads of Node (atomics of V8 and libuv) is not seen, so that much of what they do is reported: ours is a race in which our code, or a
    // function of the C library that it called, touches the memory.
    reportsIn: (text) =>
      text
        .split("==================\n")
        .filter((report) => report.includes("WARNING: ThreadSanitizer"))
        .filter((report) => report.split("\n\n").some((stack) => isOurs(firstOfProgram(stack)))),
  },
};

/** @param {string} line */
function isOurs(line) {
  return frame.test(line);
}

/**
 * The first frame of a stack that is not of the sanitizer, which stands for the functions of the C library.
 *
 * @param {string} stack
 */
function firstOfProgram(stack) {
  return stack.split("\n").find((line) => /^ +#\d+ /.test(line) && !/\(lib[at]san\.so/.test(line)) ?? "";
}

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const [kind = "", ...tests] = process.argv.slice(2);
const sanitizer =
  sanitizers[kind] ?? stop(`there is no sanitizer "${kind}", but ${Object.keys(sanitizers).join(" and ")}`);
const folder = join(root, ".build", kind);
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
  const result = spawnSync(compiler, [`-print-file-name=${sanitizer.library}`], { encoding: "utf8" });
  const path = result.status === 0 ? result.stdout.trim() : "";
  // gcc prints the bare name of what it does not have.
  return existsSync(path) ? path : undefined;
}

function pathOfPython() {
  const result = spawnSync("python3", ["-c", "import sys; print(sys.executable)"], { encoding: "utf8" });
  if (result.status !== 0) stop("there is no python3, which tests need: apt-get install python3");
  return result.stdout.trim();
}

const compiler = process.env["CC"] ?? "gcc";
const runtime = findRuntime(compiler);
if (runtime === undefined)
  stop(`${compiler} has no ${sanitizer.library}: install gcc with its sanitizers, or name another gcc in CC`);
const built = run(process.execPath, [join(root, "scripts", "build-native.mjs"), `--${kind}`], {
  CC: compiler,
});
if (built !== 0) process.exit(built);

const reports = join(folder, "reports");
rmSync(reports, { recursive: true, force: true });
mkdirSync(reports);
// Tests start programs as other users too.
chmodSync(reports, 0o1777);

const status = run(process.execPath, [join(root, "node_modules", "vitest", "vitest.mjs"), "run", ...tests], {
  SLUICE_NATIVE: core,
  LD_PRELOAD: runtime,
  ...sanitizer.environment(join(reports, "report")),
});

/** @param {string} text */
function withSymbols(text) {
  return text.replaceAll(new RegExp(frame, "g"), (all, address) => {
    const result = spawnSync("addr2line", ["-f", "-s", "-e", core, address], { encoding: "utf8" });
    return result.status === 0 ? result.stdout.trim().split("\n").join(" ") : all;
  });
}

const problems = readdirSync(reports).flatMap((name) =>
  sanitizer.reportsIn(readFileSync(join(reports, name), "utf8")),
);
for (const problem of problems) console.error(withSymbols(problem));
const found = problems.length;
console.log(found === 0 ? `test-${kind}: no errors` : `test-${kind}: ${found} problems, shown above`);
process.exitCode = status !== 0 ? status : found > 0 ? 1 : 0;

/**
 * @param {string} message
 * @returns {never}
 */
function stop(message) {
  console.error(`test-sanitized: ${message}`);
  process.exit(1);
}
