import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { medianOf } from "../runner/results.js";
import { drawChart } from "./chart.js";
import { rate, type Table } from "./figures.js";
import type { Outcome } from "./outcome.js";
import { goalsAsMarkdown, tableAsMarkdown } from "./text.js";

const BEGIN = "<!-- bench: begin -->";
const END = "<!-- bench: end -->";

/** Draws the charts and puts the figures between the markers of docs/performance.md. */
export async function writeDocuments(outcome: Outcome, docs: string): Promise<void> {
  const folder = path.join(docs, "performance");
  mkdirSync(folder, { recursive: true });
  for (const table of outcome.tables) {
    const chart = chartOf(table);
    if (chart !== undefined) writeFileSync(path.join(folder, `${table.workload.id}.svg`), chart);
  }
  writeFileSync(path.join(folder, "results.json"), outcome.json);
  const guide = path.join(docs, "performance.md");
  const text = readFileSync(guide, "utf8");
  const begin = text.indexOf(BEGIN);
  const end = text.indexOf(END);
  if (begin < 0 || end < begin) throw new Error(`${guide} has lost its markers ${BEGIN} and ${END}`);
  const replaced = `${text.slice(0, begin + BEGIN.length)}\n\n${figures(outcome)}\n\n${text.slice(end)}`;
  const { format, resolveConfig } = await import("prettier");
  writeFileSync(guide, await format(replaced, { ...(await resolveConfig(guide)), filepath: guide }));
}

function figures({ date, machine, settings, goals, tables, missing }: Outcome): string {
  const { cpu, cores, memoryGigabytes, kernel, node } = machine;
  const parts = [
    `Measured on ${date.slice(0, 10)}: ${cpu}, ${cores} cores, ${memoryGigabytes} GB, Linux ${kernel}, ` +
      `Node ${node}; ${settings.rounds} rounds of what the goals compare and one of the rest, ${settings.warm} ms of warm-up and ${settings.measure} ms counted a run.`,
    "## Goals",
    goalsAsMarkdown(goals),
  ];
  for (const table of tables) {
    const { title, id } = table.workload;
    parts.push(`## ${title}`, `![${title}](performance/${id}.svg)`, tableAsMarkdown(table));
  }
  if (missing.length > 0) {
    parts.push("## Left out", ...missing.map(({ name, reason }) => `- ${name}: ${reason}`));
  }
  return parts.join("\n\n");
}

/** Undefined where nothing was measured. */
function chartOf({ workload, rows }: Table): string | undefined {
  const bars = rows.flatMap(({ series }) => {
    const value = medianOf(series);
    if (value === undefined || value <= 0) return [];
    return [{ label: series.entry.name, kind: series.entry.kind, value, text: textOf(workload.task, value) }];
  });
  if (bars.length === 0) return undefined;
  const directions = {
    "one-way": "messages a second, more is better",
    "fan-out": "deliveries a second, more is better",
    calls: "calls a second, more is better",
    "round-trip": "median in microseconds, less is better",
    idle: "bytes of memory a connection, less is better",
    start: "",
  };
  return drawChart(workload.title, directions[workload.task], bars);
}

function textOf(task: Table["workload"]["task"], value: number): string {
  if (task === "round-trip") return `${Number(value.toPrecision(3))} µs`;
  return task === "idle" ? `${Number((value / 1000).toPrecision(3))} KB` : rate(value);
}
