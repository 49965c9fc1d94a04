// The C files of the native core under sanitizers, worked hard by threads of programs without JavaScript (drivers/): more threads at once than a test in Node has, all of
// whose order ThreadSanitizer sees, and small enough for valgrind. No report is suppressed.
import { execFile } from "node:child_process";
import { mkdirSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { beforeAll, describe, expect, it } from "vitest";
import { root } from "../../../scripts/lib/project.mjs";
import { record, seconds, seed, timeoutFor } from "../../support/campaign.js";

interface Kind {
  readonly name: string;
  readonly flags: readonly string[];
  /** What the program is run by, such as valgrind. */
  readonly runner: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

const kinds: readonly Kind[] = [
  {
    name: "AddressSanitizer, LeakSanitizer and UndefinedBehaviorSanitizer",
    flags: ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"],
    runner: [],
    env: { ASAN_OPTIONS: "detect_leaks=1:detect_stack_use_after_return=1:strict_string_checks=1" },
  },
  {
    name: "ThreadSanitizer",
    flags: ["-fsanitize=thread"],
    runner: [],
    env: { TSAN_OPTIONS: "halt_on_error=1:second_deadlock_stack=1" },
  },
  {
    name: "valgrind",
    flags: [],
    // A thread that is just ending may still have its stack when the program ends: "possibly lost". What nobody points to is lost.
    runner: [
      ..."valgrind --quiet --error-exitcode=99 --leak-check=full --show-leak-kinds=definite --errors-for-leak-kinds=definite".split(
        " ",
      ),
      // Else one thread that spins keeps the others from running.
      "--fair-sched=yes",
    ],
    env: {},
  },
];
const drivers = ["sysv-waits", "sleepers", "signals", "packets"];

const run = promisify(execFile);
const folder = join(root, ".build", "sanitizers");
/** Each driver under each kind, and a third of the campaign's time for all of them. */
const duration = seconds(0.4, 1 / 3 / (drivers.length * kinds.length));

/** Node's headers, of which sleeper.c needs libuv's types. */
const headers = ["-isystem", join(dirname(process.execPath), "..", "include", "node")];

async function build(kind: Kind): Promise<string> {
  const native = join(root, "src", "native");
  const core = readdirSync(native).filter((file) => /^(?!binding|poll\.).*\.c$/.test(file));
  const own = join(root, "test", "campaign", "sanitizers", "drivers");
  const sources = [
    ...core.map((file) => join(native, file)),
    ...readdirSync(own).flatMap((file) => (file.endsWith(".c") ? [join(own, file)] : [])),
  ];
  const program = join(folder, kind.name.replace(/\W+/g, "-"));
  const flags =
    "-std=gnu11 -D_GNU_SOURCE -Wall -Wextra -Werror -g -O1 -fno-omit-frame-pointer -pthread".split(" ");
  await run("gcc", [...flags, ...kind.flags, ...headers, ...sources, "-o", program], { cwd: root });
  return program;
}

describe.each(kinds)("the native core under $name", (kind) => {
  let program: string;
  beforeAll(async () => {
    mkdirSync(folder, { recursive: true });
    program = await build(kind);
  }, 300_000);

  it.each(drivers)(
    "makes no mistake that it sees: %s",
    async (driver) => {
      const argv = [...kind.runner, program, driver, String(duration), String(seed)];
      const [command, ...args] = argv as [string, ...string[]];
      const env = { ...process.env, ...kind.env };
      // The sanitizer that Node itself may be running under is not this program's.
      delete env["LD_PRELOAD"];
      const { stdout, stderr } = await run(command, args, { env }).catch((error: unknown) => {
        const { stderr: report } = error as { stderr?: string };
        throw new Error(`seed ${String(seed)}: ${command} ${args.join(" ")} failed:\n${report ?? ""}`, {
          cause: error,
        });
      });
      expect(stderr).toBe("");
      const rounds = Number(/^(\d+) rounds\n$/.exec(stdout)?.[1]);
      expect(rounds).toBeGreaterThan(0);
      record("sanitizers", `${driver} under ${kind.name}`, {
        seconds: Math.round(duration),
        rounds,
        errors: 0,
      });
    },
    timeoutFor(duration),
  );
});
