// Merges what fuzzing at length has collected (.build/fuzz/corpora) into the corpora that are kept (test/campaign/fuzz/corpora): only inputs that
// reach something no other does, the smallest first. The targets have been built by a run of test/campaign/fuzz/native.test.ts.
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { root } from "./lib/project.mjs";
import { run } from "./lib/run.mjs";

const collected = join(root, ".build", "fuzz", "corpora");
const kept = join(root, "test", "campaign", "fuzz", "corpora");
for (const target of readdirSync(collected)) {
  const merged = mkdtempSync(join(tmpdir(), "sluice-corpus-"));
  const folder = join(kept, target);
  mkdirSync(folder, { recursive: true });
  // Edges, not how often each was passed: a few dozen files instead of hundreds.
  const options = ["-merge=1", "-use_counters=0", "-use_value_profile=0"];
  await run(join(root, ".build", "fuzz", target), [...options, merged, folder, join(collected, target)]);
  if (existsSync(folder)) rmSync(folder, { recursive: true });
  cpSync(merged, folder, { recursive: true });
  rmSync(merged, { recursive: true });
  console.log(`${target}: ${String(readdirSync(folder).length)} inputs`);
}
