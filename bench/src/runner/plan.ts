import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Options } from "../options.js";
import { type Entry, entries } from "./contestants.js";
import { hasTwoCores, limitsProgram } from "./processes.js";
import type { Series } from "./results.js";
import { takesPart, type Workload, workloads } from "./workloads.js";

/** Something that this run leaves out, and why. */
export interface Missing {
  readonly name: string;
  readonly reason: string;
}

/** What a run measures. */
export interface Plan {
  readonly workloads: readonly Workload[];
  readonly series: readonly Series[];
  readonly missing: readonly Missing[];
  /** Whether every series is measured in every round, or, after the first round, only what goals compare. */
  readonly repeatsAll: boolean;
}

const benchFolder = fileURLToPath(new URL("../..", import.meta.url));

/** Why a package cannot be measured here; undefined if it loads. */
function whyMissing(name: string): string | undefined {
  const { status, stderr } = spawnSync(
    process.execPath,
    ["--input-type=module", "--eval", `await import(${JSON.stringify(name)}); process.exit(0);`],
    { cwd: benchFolder, encoding: "utf8" },
  );
  if (status === 0) return undefined;
  const reason = stderr.split("\n").find((line) => line.includes("Error")) ?? stderr.split("\n")[0];
  return `${name} does not load: ${reason ?? "it said nothing"}`;
}

/** Chooses the contestants and workloads that the options ask for and this machine allows. */
export function makePlan({ quick, only, workload }: Options): Plan {
  const missing: Missing[] = [];
  const chosenWorkloads = workloads.filter((one) => {
    if (workload !== undefined ? !workload.test(one.id) : quick && one.quick !== true) return false;
    if (one.placement !== "two cores" || hasTwoCores || one.task !== "round-trip") return true;
    missing.push({ name: one.title, reason: "this process may use one processor only" });
    return false;
  });
  const reasons = new Map<string, string | undefined>();
  const chosen: Entry[] = [];
  for (const entry of entries) {
    if (only !== undefined ? !only.test(entry.name) : quick && entry.quick !== true) continue;
    let reason: string | undefined;
    if (entry.package !== undefined) {
      if (!reasons.has(entry.package)) reasons.set(entry.package, whyMissing(entry.package));
      reason = reasons.get(entry.package);
    } else if (entry.kind === "c" && !existsSync(limitsProgram)) {
      reason = "the C programs are not built: install a C compiler";
    }
    if (reason === undefined) chosen.push(entry);
    else missing.push({ name: entry.name, reason });
  }
  const series = chosenWorkloads.flatMap((one) =>
    chosen
      .filter((entry) => takesPart(entry, one))
      .map((entry): Series => ({ entry, workload: one, samples: [], failures: [] })),
  );
  return {
    workloads: chosenWorkloads,
    series,
    missing,
    repeatsAll: quick || only !== undefined || workload !== undefined,
  };
}
