import { writeSync } from "node:fs";
import type { Contestant, Style } from "./contestant.js";
import type { Span } from "./source.js";

/** What the two sides of a run are to do. */
export interface Task {
  /** The contestant's file, below contestants/. */
  readonly module: string;
  readonly style: string;
  readonly workload: "one-way" | "round-trip" | "fan-out" | "idle" | "calls";
  /** Bytes of a message; of calls, how many are in flight. */
  readonly size: number;
  readonly span: Span;
  /** An empty folder for sockets and FIFOs. */
  readonly folder: string;
  /** How many guests, or (idle) how many connections of one guest. */
  readonly guests: number;
  readonly spin: boolean;
  /** The processors that a guest may use, as taskset(1) takes them; undefined: any. */
  readonly guestCpus?: string;
}

/** A contestant whose links nobody else looks into. */
type AnyContestant = Contestant<unknown>;

/** Loads the contestant and the style that the task names. */
export async function load(task: Task): Promise<{ contestant: AnyContestant; style: Style<unknown> }> {
  const loaded = (await import(`../contestants/${task.module}.js`)) as { default: AnyContestant };
  const style = loaded.default.styles[task.style];
  if (style === undefined) throw new Error(`${task.module} has no style ${task.style}`);
  return { contestant: loaded.default, style };
}

/** The part of a style that a workload needs. */
export function part<Part>(found: Part | undefined, name: string, task: Task): Part {
  if (found === undefined) throw new Error(`${task.module} in the style ${task.style} does not ${name}`);
  return found;
}

/** Writes one line for the runner. Several processes write to the same pipe; a line this short stays whole. */
export function tell(report: object): void {
  writeSync(1, `${JSON.stringify(report)}\n`);
}
