import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import type { Span } from "../sides/source.js";
import type { Task } from "../sides/task.js";
import type { Entry } from "./contestants.js";
import { IDLE_CONNECTIONS, SUBSCRIBERS, type Workload } from "./workloads.js";

/** A line that one of the sides wrote. */
export type Line = Readonly<Record<string, unknown>>;

const buildFolder = fileURLToPath(new URL("..", import.meta.url));
const hostProgram = path.join(buildFolder, "sides", "host.js");
/** The C limits. */
export const limitsProgram: string = path.join(buildFolder, "limits");
const LIMIT_MILLISECONDS = 30_000;
/** There is nothing to compile while it runs; only caches and pages have to warm up. */
const MOST_WARM_MILLISECONDS_IN_C = 20;

/** The first two processors that this process may use. */
function processors(): [number, number] {
  const allowed = /^Cpus_allowed_list:\s*(\S+)$/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1] ?? "0";
  const numbers = allowed.split(",").flatMap((range) => {
    const [first = 0, last = first] = range.split("-").map(Number);
    return Array.from({ length: last - first + 1 }, (_, index) => first + index);
  });
  const [first = 0, second = first] = numbers;
  return [first, second];
}

const [firstCpu, secondCpu] = processors();
/** Whether the two sides can have a processor each. */
export const hasTwoCores: boolean = firstCpu !== secondCpu;

/** Runs one contestant at one workload, once. Rejects with the reason when a side failed or a message was not as it must be. */
export async function runOnce(entry: Entry, workload: Workload, span: Span): Promise<Line[]> {
  const [hostCpu, guestCpu] = cpusFor(workload);
  if ("mechanism" in entry.program) {
    const { mechanism, style } = entry.program;
    const warm = Math.min(span.warm, MOST_WARM_MILLISECONDS_IN_C);
    const args = { workload: workload.task, mechanism, style, size: workload.size, ...span, warm };
    const list = {
      ...args,
      "host-cpu": hostCpu ?? -1,
      "guest-cpu": guestCpu ?? -1,
      subscribers: SUBSCRIBERS,
    };
    return spawnLines(
      limitsProgram,
      Object.entries(list).flatMap(([name, value]) => [`--${name}`, String(value)]),
    );
  }
  const folder = mkdtempSync(path.join(tmpdir(), "sluice-bench-"));
  try {
    const threads = entry.program.module === "message-port" && workload.placement === "two cores";
    const task: Task = {
      module: entry.program.module,
      style: entry.program.style,
      workload: workload.task === "start" ? "one-way" : workload.task,
      size: workload.size,
      span,
      folder,
      guests: guestsOf(workload),
      spin: entry.program.spin === true,
      ...(guestCpu === undefined ? {} : { guestCpus: String(guestCpu) }),
    };
    const args = [...(workload.task === "idle" ? ["--expose-gc"] : []), hostProgram, JSON.stringify(task)];
    if (hostCpu === undefined) return await spawnLines(process.execPath, args);
    // Two threads of one process have the two processors between them.
    const cpus = threads ? `${firstCpu},${secondCpu}` : String(hostCpu);
    return await spawnLines("taskset", ["-c", cpus, process.execPath, ...args]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function guestsOf({ task, subscribers }: Workload): number {
  if (task === "fan-out") return subscribers ?? SUBSCRIBERS;
  return task === "idle" ? IDLE_CONNECTIONS : 1;
}

function cpusFor({ placement }: Workload): [number | undefined, number | undefined] {
  if (placement === "free") return [undefined, undefined];
  return [firstCpu, placement === "one core" ? firstCpu : secondCpu];
}

/** The JSON lines that a program wrote to its end. */
function spawnLines(command: string, args: readonly string[]): Promise<Line[]> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"], detached: true });
    let stdout = "";
    let stderr = "";
    let overdue = false;
    child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
    const { pid } = child;
    const killGroup = (): void => {
      if (pid !== undefined) process.kill(-pid, "SIGKILL");
    };
    const timer = setTimeout(() => {
      overdue = true;
      killGroup();
    }, LIMIT_MILLISECONDS);
    const interrupted = (): void => {
      killGroup();
      process.exit(130);
    };
    process.once("SIGINT", interrupted);
    child.once("error", reject);
    child.once("close", (code, signal) => {
      clearTimeout(timer);
      process.removeListener("SIGINT", interrupted);
      if (code === 0) {
        resolve(
          stdout
            .split("\n")
            .filter(Boolean)
            .map((line) => JSON.parse(line) as Line),
        );
      } else {
        const how = overdue
          ? `no end after ${LIMIT_MILLISECONDS / 1000} s`
          : `ended with ${signal ?? String(code)}`;
        reject(new Error(`${how}: ${reasonIn(stderr)}`));
      }
    });
  });
}

/** The line of an error output that says what was wrong, without the paths of this machine. */
function reasonIn(stderr: string): string {
  const lines = stderr.split("\n").filter((line) => line.trim() !== "");
  const telling = lines.find((line) => /^\w*Error|verification|needs/.test(line.trim())) ?? lines[0];
  return telling?.replaceAll(buildFolder, "") ?? "it said nothing";
}
