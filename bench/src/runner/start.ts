import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { median } from "./results.js";

/** What it costs to have the library, and what some things cost in one process. */
export interface StartReport extends LockReport {
  /** Milliseconds that a process takes longer when it imports sluice than when it imports nothing. */
  readonly importMilliseconds: number;
  /** Bytes of the packed package. */
  readonly tarballBytes: number;
}

/** Nanoseconds of processor time, when nobody else is there. */
export interface LockReport {
  /** Acquiring a mutex and releasing it. */
  readonly mutexNanoseconds: number;
  /** Reading all fields of a record. */
  readonly recordNanoseconds: number;
  /** Reading the same fields by hand, by typed arrays. */
  readonly plainNanoseconds: number;
}

const folder = fileURLToPath(new URL("../start/", import.meta.url));

function milliseconds(program: string): number {
  const started = performance.now();
  const { status } = spawnSync(process.execPath, [folder + program], { stdio: "ignore" });
  if (status !== 0) throw new Error(`${program} ended with ${String(status)}`);
  return performance.now() - started;
}

function measureLocks(): LockReport {
  const { status, stdout } = spawnSync(process.execPath, [`${folder}locks.js`], { encoding: "utf8" });
  if (status !== 0) throw new Error(`locks.js ended with ${String(status)}`);
  return JSON.parse(stdout) as LockReport;
}

/** Starts processes in turn with and without the library, and packs it. */
export function measureStart(pairs: number, root: string): StartReport {
  const differences: number[] = [];
  milliseconds("import.js");
  for (let pair = 0; pair < pairs; pair++) {
    const empty = milliseconds("empty.js");
    differences.push(milliseconds("import.js") - empty);
  }
  const packed = spawnSync("npm", ["pack", "--dry-run", "--json", "--ignore-scripts"], {
    cwd: root,
    encoding: "utf8",
  });
  const size = /"size":\s*(\d+)/.exec(packed.stdout)?.[1];
  if (size === undefined) throw new Error(`npm pack did not tell a size: ${packed.stderr}`);
  return { importMilliseconds: median(differences) ?? NaN, tarballBytes: Number(size), ...measureLocks() };
}
