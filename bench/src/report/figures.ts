import { medianOf, ratio, type Sample, type Series } from "../runner/results.js";
import type { Find } from "../runner/goals.js";
import type { Workload } from "../runner/workloads.js";

/** A row of a table: a contestant with its figures in words. */
export interface Row {
  readonly series: Series;
  readonly cells: readonly string[];
}

/** One table. */
export interface Table {
  readonly workload: Workload;
  readonly columns: readonly string[];
  readonly rows: readonly Row[];
}

const NAIVE = "node:net, naive framing";
const MISSING = "–";

/** The C program that shows the limit of a sluice contestant's mechanism. */
function limitNames(name: string, task: Workload["task"]): readonly string[] {
  if (/SharedBuffer, (spinning|polling)/.test(name)) return ["C shared ring, spinning"];
  if (name.includes("SharedBuffer")) {
    return task === "one-way" ? ["C shared ring, busy"] : ["C shared ring, asleep (futex)"];
  }
  if (name.includes("stream")) return ["C unix stream, one write a message"];
  if (name.includes("seqpacket")) return ["C unix seqpacket, one call a message"];
  if (name.includes("dgram")) return ["C unix dgram, one call a message"];
  if (name.includes("AnonymousPipe")) return ["C pipe, one write a message"];
  return name.includes("NamedPipe") ? ["C FIFO, one write a message"] : [];
}

const digits = (value: number): string => String(Number(value.toPrecision(3)));
const count = (value: number): string => (value >= 1000 ? String(Math.round(value)) : digits(value));

/** Messages a second in words. */
export const rate = (value: number): string =>
  value >= 1e6
    ? `${digits(value / 1e6)} M/s`
    : value >= 1e3
      ? `${digits(value / 1e3)} k/s`
      : `${count(value)} /s`;

/** Bytes a second in words. */
const bandwidth = (value: number): string =>
  value >= 1e9 ? `${digits(value / 1e9)} GB/s` : `${count(value / 1e6)} MB/s`;

const micro = (value: number): string => `${count(value)} µs`;
const optional = (value: number | undefined, words: (value: number) => string): string =>
  value === undefined ? MISSING : words(value);
const factor = (value: number): string => `${digits(value)} ×`;

/** One sample in words, for the progress. */
export function inWords(workload: Workload, sample: Sample): string {
  if (workload.task === "round-trip") return micro(sample.value);
  return workload.task === "idle" ? `${count(sample.value / 1000)} KB` : rate(sample.value);
}

/** The table of a workload, the best first. */
export function tableOf(workload: Workload, all: readonly Series[], find: Find): Table {
  const lowerIsBetter = workload.task === "round-trip" || workload.task === "idle";
  const sorted = all
    .filter((series) => series.workload === workload)
    .sort((left, right) => {
      const [a, b] = [medianOf(left) ?? NaN, medianOf(right) ?? NaN];
      if (Number.isNaN(a) || Number.isNaN(b)) return Number(Number.isNaN(a)) - Number(Number.isNaN(b));
      return lowerIsBetter ? a - b : b - a;
    });
  const naive = find(workload.id, NAIVE);
  return {
    workload,
    columns: columnsOf(workload),
    rows: sorted.map((series) => ({ series, cells: cellsOf(series, naive, find) })),
  };
}

function columnsOf({ task }: Workload): string[] {
  const ratios = ["of node:net naive", "of the C limit"];
  switch (task) {
    case "one-way":
      return ["messages", "bytes", ...ratios, "CPU s per million"];
    case "calls":
      return ["calls", "of birpc"];
    case "fan-out":
      return ["deliveries", ...ratios, "publisher's CPU s per million"];
    case "round-trip":
      return ["median", "p99", ...ratios];
    default:
      return ["RSS a connection", "CPU while idle"];
  }
}

function cellsOf(series: Series, naive: Series | undefined, find: Find): string[] {
  const { workload, entry, failures } = series;
  const value = medianOf(series);
  if (value === undefined) return [`failed: ${failures[0] ?? "not run"}`];
  const limits = limitNames(entry.name, workload.task).map((name) => find(workload.id, name));
  const ratios = [optional(ratio(series, naive), factor), optional(ratio(series, limits[0]), factor)];
  switch (workload.task) {
    case "one-way":
      return [
        rate(value),
        bandwidth(value * workload.size),
        ...ratios,
        optional(medianOf(series, "cpuPerMillion"), digits),
      ];
    case "calls":
      return [rate(value), optional(ratio(series, find(workload.id, "birpc over node:net")), factor)];
    case "fan-out":
      return [rate(value), ...ratios, optional(medianOf(series, "cpuPerMillion"), digits)];
    case "round-trip":
      return [micro(value), optional(medianOf(series, "p99"), micro), ...ratios];
    default:
      return [
        `${count(value / 1000)} KB`,
        optional(medianOf(series, "idleCpu"), (cpu) => `${(cpu * 100).toFixed(2)} %`),
      ];
  }
}
