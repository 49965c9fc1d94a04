// The tests themselves, on a native core with sanitizers (scripts/test-sanitized.mjs): a few shortly, all that concern one at length.
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { CommandError, run } from "../../../scripts/lib/run.mjs";
import { filesBelow, root } from "../../../scripts/lib/project.mjs";
import { atLength, record } from "../../support/campaign.js";

interface Suite {
  readonly sanitizer: "asan" | "tsan";
  readonly name: string;
  readonly short: readonly string[];
  /** What runs at length, each group by itself. */
  readonly long: Readonly<Record<string, RegExp>>;
  readonly without?: readonly string[];
}

const suites: readonly Suite[] = [
  {
    sanitizer: "asan",
    name: "AddressSanitizer, LeakSanitizer and UndefinedBehaviorSanitizer",
    short: ["test/native/memory.test.ts", "test/native/packets.test.ts"],
    // The campaign's other parts have sanitizers of their own, or processes by the thousand; benchmarks and the project's own tests have nothing native in them.
    long: {
      "the contract": /^test\/contract\//,
      "the core and the mechanisms": /^test\/(native|mechanisms)\//,
      "all others": /^test\/(?!contract|native|mechanisms|campaign|bench|project)/,
    },
    // LeakSanitizer cannot look into a process that is the first of its pid namespace: it ends that with an error of its own.
    without: ["--testNamePattern", "^(?!.*as process 1)"],
  },
  {
    sanitizer: "tsan",
    name: "ThreadSanitizer",
    short: ["test/native/queues.test.ts", "test/native/sleeps.test.ts"],
    // Where the core has threads of its own, or is used by several: queues, locks, workers.
    long: {
      "the core, queues, shared memory, workers":
        /^test\/(native\/(?!signals|symbol-gate)|mechanisms\/(message-queue|shared-buffer)\/|mechanisms\/.*workers)/,
    },
    // Of several real-time signals that come while one waits to be handled, ThreadSanitizer hands on one: the driver of signals does not count them.
    without: ["--testNamePattern", "^(?!.*a signal reaches the subscribers)"],
  },
];
const limitSeconds = atLength ? 4 * 3600 : 300;

for (const { sanitizer, name, short, long, without = [] } of suites) {
  const groups = atLength
    ? Object.entries(long).map(([group, accepted]) => ({ group, files: testsOf(accepted) }))
    : [{ group: "some of them", files: short }];

  describe(`the tests on a core with ${name}`, () => {
    for (const { group, files } of groups) {
      it(`pass without a report: ${group}`, { timeout: limitSeconds * 1000 }, async () => {
        // One at a time: many of them watch the clock, and sanitizers slow everything down.
        const script = join(root, "scripts", "test-sanitized.mjs");
        const args = [script, sanitizer, "--maxWorkers=1", ...without, ...files];
        const env = { NO_COLOR: "1", FORCE_COLOR: undefined, SLUICE_CAMPAIGN_MINUTES: undefined };
        const { output } = await run(process.execPath, args, { limitSeconds, env }).catch(
          (error: unknown) => {
            // Which test, or which report, is in what was printed.
            throw error instanceof CommandError
              ? new Error(`${error.message}\n${error.output}`, { cause: error })
              : error;
          },
        );
        expect(output).toContain(`test-${sanitizer}: no errors`);
        const passed = Number(/^\s*Tests\s+(\d+) passed/m.exec(output)?.[1]);
        expect(passed).toBeGreaterThan(0);
        const figures = { files: files.length, tests: passed, errors: 0 };
        record("sanitizers", `The tests under ${name}: ${group}`, figures);
      });
    }
  });
}

function testsOf(accepted: RegExp): string[] {
  return filesBelow("test", (file) => file.endsWith(".test.ts")).filter((file) => accepted.test(file));
}
