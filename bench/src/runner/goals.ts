import { medianOf, ratio, type Series } from "./results.js";
import type { StartReport } from "./start.js";
import { IDLE_CONNECTIONS, SUBSCRIBERS } from "./workloads.js";

/** A goal, and how far it is reached. */
export interface Goal {
  readonly workload: string;
  readonly goal: string;
  /** Undefined where this run did not measure it. */
  readonly measured: string | undefined;
  readonly reached: boolean | undefined;
}

/** Finds the series of a contestant at a workload. */
export type Find = (workload: string, name: string) => Series | undefined;

const NAIVE = "node:net, naive framing";
const times = (value: number): string => `${value.toPrecision(3)} ×`;

/** At least (or at most) so many times as much as another contestant. */
function compared(
  label: string,
  limit: readonly ["≥" | "≤", number],
  against: string,
  above: Series | undefined,
  below: Series | undefined,
): Goal {
  const [sign, factor] = limit;
  const value = ratio(above, below);
  return {
    workload: label,
    goal: `${sign} ${factor} × ${against}`,
    measured: value === undefined ? undefined : times(value),
    reached: value === undefined ? undefined : sign === "≥" ? value >= factor : value <= factor,
  };
}

function atMost(label: string, limit: number, unit: string, value: number | undefined, digits = 1): Goal {
  return {
    workload: label,
    goal: `≤ ${limit} ${unit}`,
    measured: value === undefined ? undefined : `${value.toFixed(digits)} ${unit}`,
    reached: value === undefined ? undefined : value <= limit,
  };
}

/** The series with the highest median. */
function best(series: readonly (Series | undefined)[]): Series | undefined {
  const ranked = series.filter((one) => medianOf(one) !== undefined);
  return ranked.sort((left, right) => (medianOf(right) ?? 0) - (medianOf(left) ?? 0))[0];
}

/** How many of the fastest other contestants are measured again, where a goal names the fastest. */
const FASTEST = 3;

/** The series that goals compare. The others are only in the tables. */
export function comparedSeries(all: readonly Series[]): ReadonlySet<Series> {
  const compared = new Set<Series>();
  const find: Find = (workload, name) => {
    const found = all.find(({ entry, workload: { id } }) => id === workload && entry.name === name);
    if (found !== undefined) compared.add(found);
    return found;
  };
  judge(find, all, undefined);
  for (const id of ["one-way-64", "fan-out-64"]) {
    const rivals = all.filter(({ entry, workload }) => entry.kind === "node" && workload.id === id);
    rivals.sort((left, right) => (medianOf(right) ?? 0) - (medianOf(left) ?? 0));
    for (const series of rivals.slice(0, FASTEST)) compared.add(series);
  }
  return compared;
}

/** The goals of the project, judged by this run. */
export function judge(find: Find, all: readonly Series[], start: StartReport | undefined): Goal[] {
  const ring = "sluice SharedBuffer, ";
  const stream = "sluice UnixSocket stream, ";
  const many = "sendMany/receiveMany";
  const each = "send/for await";
  const naive = (workload: string): Series | undefined => find(workload, NAIVE);
  const inNode = all.filter(({ entry, workload }) => entry.kind === "node" && workload.id === "one-way-64");
  const goals: Goal[] = [
    compared(
      "SharedBuffer 64 B one way, Buffers",
      ["≥", 12],
      "node:net naive",
      find("one-way-64", ring + many),
      naive("one-way-64"),
    ),
    compared(
      "SharedBuffer 64 B one way, Buffers",
      ["≥", 1.8],
      "the fastest other Node contestant",
      find("one-way-64", ring + many),
      best(inNode),
    ),
    compared(
      "SharedBuffer 64 B one way, in place",
      ["≥", 0.35],
      "the C ring",
      find("one-way-64", `${ring}sendMany/visit in place`),
      find("one-way-64", "C shared ring, busy"),
    ),
    compared(
      "SharedBuffer 1 KiB one way, Buffers",
      ["≥", 9],
      "node:net naive",
      find("one-way-1k", ring + many),
      naive("one-way-1k"),
    ),
    ...(["64k", "1m"] as const).map((size) =>
      compared(
        `SharedBuffer ${size === "64k" ? "64 KiB" : "1 MiB"} one way, loans`,
        ["≥", 0.8],
        "the C ring",
        find(`one-way-${size}`, `${ring}loans`),
        find(`one-way-${size}`, "C shared ring, busy"),
      ),
    ),
    compared(
      "SharedBuffer 64 B round trip, one core, asleep",
      ["≤", 0.55],
      "node:net naive",
      find("round-trip-64-one-core", ring + each),
      naive("round-trip-64-one-core"),
    ),
    compared(
      "SharedBuffer 64 B round trip, two cores, spinning",
      ["≤", 1.5],
      "the C ring",
      find("round-trip-64-two-cores", `${ring}spinning`),
      find("round-trip-64-two-cores", "C shared ring, spinning"),
    ),
    compared(
      "UnixSocket stream 64 B one way, await send and for await",
      ["≥", 3],
      "node:net naive",
      find("one-way-64", stream + each),
      naive("one-way-64"),
    ),
    compared(
      "UnixSocket stream 64 B one way, sendMany/receiveMany",
      ["≥", 9],
      "node:net naive",
      find("one-way-64", stream + many),
      naive("one-way-64"),
    ),
    ...(["one-core", "two-cores"] as const).map((place) =>
      compared(
        `UnixSocket stream 64 B round trip, ${place.replace("-", " ")}`,
        ["≤", 1.05],
        "node:net naive",
        find(`round-trip-64-${place}`, stream + each),
        naive(`round-trip-64-${place}`),
      ),
    ),
    ...(["dgram", "seqpacket"] as const).flatMap((type) => packetGoals(type, find)),
    ...([each, many] as const).map((style) =>
      compared(
        `TcpSocket 64 B one way, ${style}`,
        ["≥", 3],
        "node:net naive over TCP",
        find("one-way-64", `sluice TcpSocket, ${style}`),
        find("one-way-64", "node:net over TCP, naive framing"),
      ),
    ),
    compared(
      "NamedPipe 64 B one way, sendMany/receiveMany",
      ["≥", 6],
      "node:net naive",
      find("one-way-64", `sluice NamedPipe, ${many}`),
      naive("one-way-64"),
    ),
    compared(
      "AnonymousPipe to a spawned child 64 B one way, sendMany/receiveMany",
      ["≥", 15],
      "child_process, JSON",
      find("one-way-64", `sluice AnonymousPipe, ${many}`),
      find("one-way-64", "child_process, JSON"),
    ),
  ];
  goals.push(...callGoals(find));
  for (const kind of ["POSIX", "System V"] as const) {
    goals.push(
      compared(
        `MessageQueue ${kind} 64 B one way, sendMany/receiveMany`,
        ["≥", 0.6],
        "C one call a message",
        find("one-way-64", `sluice MessageQueue ${kind}, ${many}`),
        find("one-way-64", `C ${kind} queue, one call a message`),
      ),
    );
  }
  goals.push(...broadcastGoals(find, all));
  for (const { entry, workload, ...series } of all) {
    if (workload.id !== "idle" || entry.kind !== "sluice") continue;
    const whole = { entry, workload, ...series };
    const bytes = medianOf(whole);
    const cpu = medianOf(whole, "idleCpu");
    const mechanism = entry.name.replace(/^sluice |,.*$/g, "");
    const label = `${mechanism}, ${IDLE_CONNECTIONS} idle connections`;
    goals.push(atMost(`${label}: RSS each`, 16, "KB", bytes === undefined ? undefined : bytes / 1000));
    // The garbage collector and the clock of the measurement itself take a millisecond or two.
    goals.push(atMost(`${label}: processor time`, 0.5, "%", cpu === undefined ? undefined : cpu * 100, 2));
  }
  goals.push(atMost('import "sluice" over an empty module', 15, "ms", start?.importMilliseconds));
  const kilobytes = start === undefined ? undefined : start.tarballBytes / 1000;
  goals.push(atMost("published tarball", 250, "KB", kilobytes, 0));
  goals.push(atMost("mutex, acquired and released, nobody else there", 100, "ns", start?.mutexNanoseconds));
  const factor = start === undefined ? undefined : start.recordNanoseconds / start.plainNanoseconds;
  goals.push(atMost("record of 16 numbers, read", 2, "× typed arrays", factor, 2));
  return goals;
}

function broadcastGoals(find: Find, all: readonly Series[]): Goal[] {
  const name = "sluice SharedBuffer broadcast, sendMany/receiveMany";
  const rivals = all.filter(({ entry, workload }) => entry.kind === "node" && workload.id === "fan-out-64");
  // How often one who waits for the slowest has to look is not the cost of a message.
  const cpu = (count: string): number | undefined =>
    medianOf(
      find(`fan-out-64${count}`, "sluice SharedBuffer broadcast, waiting for nobody"),
      "cpuPerMillion",
    );
  const [one, four, sixteen] = [cpu("-to-1"), cpu("-to-4"), cpu("-to-16")];
  const factor = (more: number | undefined): number | undefined =>
    one === undefined || more === undefined ? undefined : more / one;
  const against = "× with 1 subscriber";
  return [
    compared(
      `SharedBuffer broadcast 64 B to ${SUBSCRIBERS} processes`,
      ["≥", 2],
      "the fastest Node contestant",
      find("fan-out-64", name),
      best(rivals),
    ),
    atMost("SharedBuffer broadcast, publisher's CPU a message, 4 subscribers", 1.5, against, factor(four), 2),
    atMost(
      "SharedBuffer broadcast, publisher's CPU a message, 16 subscribers",
      1.5,
      against,
      factor(sixteen),
      2,
    ),
  ];
}

function callGoals(find: Find): Goal[] {
  const stream = find("calls-64", "sluice rpc over UnixSocket stream");
  const birpc = find("calls-64", "birpc over node:net");
  const vscode = find("calls-64", "vscode-jsonrpc over node:net");
  return [
    compared("calls over a Unix stream, 64 in flight", ["≥", 2.5], "birpc", stream, birpc),
    compared("calls over a Unix stream, 64 in flight", ["≥", 8], "vscode-jsonrpc", stream, vscode),
    compared(
      "calls over SharedBuffer, 64 in flight",
      ["≥", 3.5],
      "birpc",
      find("calls-64", "sluice rpc over SharedBuffer"),
      birpc,
    ),
    compared(
      "calls over a Unix stream, one by one, one core",
      ["≥", 1],
      "node:net with JSON by hand",
      find("calls-1", "sluice rpc over UnixSocket stream"),
      find("calls-1", "node:net, JSON by hand"),
    ),
  ];
}

function packetGoals(type: "dgram" | "seqpacket", find: Find): Goal[] {
  const name = `sluice UnixSocket ${type}, `;
  const sluice = best([
    find("one-way-64", `${name}sendMany/receiveMany`),
    find("one-way-64", `${name}send/for await`),
  ]);
  const label = `UnixSocket ${type} 64 B one way`;
  const rival = (other: string, limit: readonly ["≥", number], against: string): Goal =>
    compared(label, limit, against, sluice, find("one-way-64", other));
  return [
    rival(`C unix ${type}, one call a message`, ["≥", 0.7], "C one call a message"),
    rival("unix-dgram", ["≥", 2], "unix-dgram"),
    rival(`node-unix-socket ${type}`, ["≥", 4], "node-unix-socket"),
    compared(
      `UnixSocket ${type} 64 B round trip, one core`,
      ["≤", 0.75],
      "node:net naive",
      find("round-trip-64-one-core", `${name}send/for await`),
      find("round-trip-64-one-core", NAIVE),
    ),
  ];
}
