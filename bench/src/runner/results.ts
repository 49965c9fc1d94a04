import type { Line } from "./processes.js";
import type { Entry } from "./contestants.js";
import type { Workload } from "./workloads.js";

/** What one run gave. `value` is messages a second, microseconds (round trip) or bytes a connection (idle). */
export interface Sample {
  readonly value: number;
  /** Round trip: the 99th percentile in microseconds. */
  readonly p99?: number;
  /** Seconds of processor time for a million messages: of both sides (one way), or of the publisher (fan-out). */
  readonly cpuPerMillion?: number;
  /** Idle: seconds of processor time in a second, of the busier side. */
  readonly idleCpu?: number;
}

/** All rounds of one contestant at one workload. */
export interface Series {
  readonly entry: Entry;
  readonly workload: Workload;
  /** By round; undefined where the run failed. */
  readonly samples: (Sample | undefined)[];
  readonly failures: string[];
}

/** The middle of the numbers; of an even count, the mean of the two in the middle. */
export function median(numbers: readonly number[]): number | undefined {
  const sorted = [...numbers].sort((left, right) => left - right);
  const upper = sorted[Math.floor(sorted.length / 2)];
  const lower = sorted[Math.floor((sorted.length - 1) / 2)];
  return upper === undefined || lower === undefined ? undefined : (upper + lower) / 2;
}

/** The median over the rounds that went well. */
export function medianOf(series: Series | undefined, key: keyof Sample = "value"): number | undefined {
  return median(series?.samples.flatMap((sample) => sample?.[key] ?? []) ?? []);
}

/** How many times the one is the other: the median over the rounds that both finished, so that drift cancels out. */
export function ratio(above: Series | undefined, below: Series | undefined): number | undefined {
  return median(
    (above?.samples ?? []).flatMap((sample, round) => {
      const other = below?.samples[round];
      return sample === undefined || other === undefined ? [] : sample.value / other.value;
    }),
  );
}

/** Makes a sample of what the sides of a run wrote. */
export function sampleOf(workload: Workload, entry: Entry, lines: readonly Line[]): Sample {
  const numbers = (role: string, key: string): number[] =>
    lines.filter((line) => line["role"] === role).map((line) => Number(line[key]));
  switch (workload.task) {
    case "one-way": {
      const [messages = NaN] = numbers("receiver", "messages");
      const [seconds = NaN] = numbers("receiver", "seconds");
      const cpu = cpuPerMillion(entry, numbers);
      return { value: finite(messages / seconds), ...(cpu === undefined ? {} : { cpuPerMillion: cpu }) };
    }
    case "fan-out": {
      const messages = numbers("receiver", "messages");
      const seconds = numbers("receiver", "seconds");
      const [published = NaN] = numbers("sender", "messages");
      const [cpu = NaN] = numbers("sender", "cpuSeconds");
      const cpuPerMillion = (cpu / published) * 1e6;
      return {
        value: finite(messages.reduce((sum, count, index) => sum + count / (seconds[index] ?? NaN), 0)),
        ...(Number.isFinite(cpuPerMillion) ? { cpuPerMillion } : {}),
      };
    }
    case "round-trip": {
      const [value = NaN] = numbers("asker", "medianMicroseconds");
      const [p99 = NaN] = numbers("asker", "p99Microseconds");
      return { value: finite(value), p99: finite(p99) };
    }
    case "calls": {
      const [calls = NaN] = numbers("caller", "calls");
      const [seconds = NaN] = numbers("caller", "seconds");
      return { value: finite(calls / seconds) };
    }
    case "idle": {
      const roles = ["idle-host", "idle-guest"];
      const memory = roles.flatMap((role) => numbers(role, "rssBytesPerConnection"));
      const cpu = roles.flatMap((role) => numbers(role, "idleCpuSeconds"));
      return { value: finite(Math.max(...memory)), idleCpu: finite(Math.max(...cpu)) };
    }
    case "start":
      throw new Error("the start is not measured by two sides");
  }
}

/** Undefined where a side was so slow that none of its messages was counted. */
function cpuPerMillion(entry: Entry, numbers: (role: string, key: string) => number[]): number | undefined {
  // The threads of one process cannot be told apart: what either side reports is that of both.
  const inOneProcess = "module" in entry.program && entry.program.module === "message-port";
  const roles = inOneProcess ? ["receiver"] : ["receiver", "sender"];
  const each = roles.map((role) => {
    const [cpu = NaN] = numbers(role, "cpuSeconds");
    const [messages = NaN] = numbers(role, "messages");
    return (cpu / messages) * 1e6;
  });
  const total = each.reduce((sum, seconds) => sum + seconds, 0);
  return Number.isFinite(total) ? total : undefined;
}

function finite(value: number): number {
  if (!Number.isFinite(value)) throw new Error("a side ended without its report");
  return value;
}
