// The project's own tests on each Node that the package is made for: the contract of every channel, the native core and the mechanisms, with all processes that they
// start. At length only: shortly, the smoke test of the package stands for them.
import { describe, expect, it } from "vitest";
import { record } from "../../support/campaign.js";
import { runtimes } from "./runtimes.js";
import { LIMIT_SECONDS, passedTests } from "./vitest.js";

const suites = {
  "the contract": ["test/contract"],
  "the other tests of the library": [
    "test/native",
    "test/mechanisms",
    "test/rpc",
    "test/pubsub",
    "test/daemon",
    "test/door",
  ],
};
const nodes = Object.entries(runtimes).filter(([name]) => name.startsWith("Node"));

/** Once the runtimes are installed. */
export function describeSuites(): void {
  describe.each(nodes)("%s", (name, { command }) => {
    it.each(Object.entries(suites))(
      "passes %s",
      { timeout: LIMIT_SECONDS * 1000 },
      async (suite, folders) => {
        const tests = await passedTests(command[0], folders);
        expect(tests).toBeGreaterThan(1000);
        record("runtimes", `${suite} on ${name}`, { tests });
      },
    );
  });
}
