import type { Goal } from "../runner/goals.js";
import type { Table } from "./figures.js";

/** Pads columns: the first to the left, the others to the right. */
function align(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, column) => (widths[column] = Math.max(widths[column] ?? 0, cell.length)));
  }
  return rows
    .map((row) =>
      row
        .map((cell, column) => {
          const width = widths[column] ?? 0;
          return column === 0 ? cell.padEnd(width) : cell.padStart(width);
        })
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

/** A table for a terminal. */
export function tableAsText({ workload, columns, rows }: Table): string {
  const finished = rows.filter(({ cells }) => cells.length === columns.length);
  const failed = rows.filter(({ cells }) => cells.length !== columns.length);
  const lines = [
    workload.title,
    align([["", ...columns], ...finished.map(({ series, cells }) => [series.entry.name, ...cells])]),
    ...failed.map(({ series, cells }) => `${series.entry.name}: ${cells.join(" ")}`),
  ];
  return `${lines.join("\n")}\n`;
}

const verdict = ({ reached }: Goal): string =>
  reached === undefined ? "not measured" : reached ? "yes" : "no";

/** The goals for a terminal. */
export function goalsAsText(goals: readonly Goal[]): string {
  return align([
    ["goal", "to reach", "measured", "reached"],
    ...goals.map((goal) => [goal.workload, goal.goal, goal.measured ?? "–", verdict(goal)]),
  ]);
}

const markdownRow = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;

/** The goals for the documentation. */
export function goalsAsMarkdown(goals: readonly Goal[]): string {
  return [
    markdownRow(["workload", "goal", "measured", "reached"]),
    markdownRow(["---", "---", "---", "---"]),
    ...goals.map((goal) => markdownRow([goal.workload, goal.goal, goal.measured ?? "–", verdict(goal)])),
  ].join("\n");
}

/** A table for the documentation. */
export function tableAsMarkdown({ columns, rows }: Table): string {
  const width = columns.length;
  return [
    markdownRow(["contestant", ...columns]),
    markdownRow(["---", ...columns.map(() => "--:")]),
    ...rows.map(({ series, cells }) =>
      markdownRow([
        series.entry.name + (series.entry.note === undefined ? "" : ` (${series.entry.note})`),
        ...cells.map((cell) => cell.replaceAll("|", "\\|")),
        ...Array.from({ length: width - cells.length }, () => ""),
      ]),
    ),
  ].join("\n");
}
