// The C core on inputs that a fuzzer finds by coverage: see targets/. The corpora are kept small by `node scripts/fuzz-corpora.mjs`, which merges into them what
// runs at length have collected in .build/fuzz/corpora.
import { expect, test } from "vitest";
import { record, seconds, seed, timeoutFor } from "../../support/campaign.js";
import { fuzz, targets } from "./native-targets.js";

const duration = seconds(1, 0.4 / targets.length);

test.each(targets)(
  "%s.c keeps its rules, whatever the kernel or a peer gives",
  async (target) => {
    const figures = await fuzz(target, (seed % 2 ** 31) + 1, duration);
    expect(figures.executions).toBeGreaterThan(100);
    expect(figures.edges).toBeGreaterThan(20);
    record("fuzz", `C: ${target}`, { ...figures, findings: 0 });
  },
  timeoutFor(duration),
);
