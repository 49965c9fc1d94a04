import { type Find, type Goal, judge } from "../runner/goals.js";
import type { Missing, Plan } from "../runner/plan.js";
import { medianOf, type Series } from "../runner/results.js";
import type { StartReport } from "../runner/start.js";
import { tableOf, type Table } from "./figures.js";
import { describeMachine, type Machine } from "./machine.js";

/** How a run was made. */
export interface Settings {
  readonly rounds: number;
  readonly warm: number;
  readonly measure: number;
}

/** All that a run found. */
export interface Outcome {
  readonly date: string;
  readonly machine: Machine;
  readonly settings: Settings;
  readonly goals: readonly Goal[];
  readonly tables: readonly Table[];
  readonly missing: readonly Missing[];
  /** The same, as text for other programs. */
  readonly json: string;
}

/** Puts the results into tables and judges the goals. */
export function conclude(plan: Plan, start: StartReport | undefined, settings: Settings): Outcome {
  const byName = new Map(plan.series.map((series) => [`${series.workload.id} ${series.entry.name}`, series]));
  const find: Find = (workload, name) => byName.get(`${workload} ${name}`);
  const date = new Date().toISOString();
  const machine = describeMachine();
  const goals = judge(find, plan.series, start);
  const tables = plan.workloads
    .filter(({ task }) => task !== "start")
    .map((workload) => tableOf(workload, plan.series, find))
    .filter(({ rows }) => rows.length > 0);
  const results = plan.series.map((series) => resultOf(series));
  const { missing } = plan;
  const json = `${JSON.stringify({ date, machine, settings, goals, start, missing, results }, undefined, 1)}\n`;
  return { date, machine, settings, goals, tables, missing, json };
}

function resultOf(series: Series): object {
  const { workload, entry, samples, failures } = series;
  const unit = { "round-trip": "microseconds", idle: "bytes a connection" };
  return {
    workload: workload.id,
    contestant: entry.name,
    kind: entry.kind,
    unit: workload.task in unit ? unit[workload.task as keyof typeof unit] : "messages a second",
    median: medianOf(series),
    p99: medianOf(series, "p99"),
    cpuSecondsPerMillion: medianOf(series, "cpuPerMillion"),
    idleCpuSeconds: medianOf(series, "idleCpu"),
    rounds: samples.map((sample) => sample?.value ?? null),
    failures: failures.length > 0 ? failures : undefined,
  };
}
