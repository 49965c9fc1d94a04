import type { Entry } from "./contestants.js";

/** Which processors the two sides use. */
export type Placement = "one core" | "two cores" | "free";

/** One table of the results. */
export interface Workload {
  /** What `--workload` looks at; also the chart's file name. */
  readonly id: string;
  readonly title: string;
  readonly task: "one-way" | "round-trip" | "fan-out" | "idle" | "calls" | "start";
  /** Bytes of a message; of calls, how many are in flight. */
  readonly size: number;
  readonly placement: Placement;
  /** How many receive, in a fan-out. */
  readonly subscribers?: number;
  readonly quick?: boolean;
}

const oneWay = (id: string, text: string, size: number, quick = false): Workload => ({
  id: `one-way-${id}`,
  title: `${text} one way`,
  task: "one-way",
  size,
  placement: "two cores",
  quick,
});

const roundTrip = (
  id: string,
  text: string,
  size: number,
  placement: Placement,
  quick = false,
): Workload => ({
  id: `round-trip-${id}-${placement.replace(" ", "-")}`,
  title: `${text} round trip, both processes on ${placement}`,
  task: "round-trip",
  size,
  placement,
  quick,
});

/** How many receive in the fan-out. */
export const SUBSCRIBERS = 4;
/** How many connections are open in the idle workload. */
export const IDLE_CONNECTIONS = 1000;

/** The numbers of subscribers with which the publisher has a processor of its own, to see what one more costs it. */
export const MORE_SUBSCRIBERS: readonly number[] = [1, 4, 16];

const fanOut = (id: string, subscribers: number, placement: Placement = "free"): Workload => ({
  id,
  title: `64 B fan-out, 1 to ${subscribers}${placement === "free" ? "" : ", the publisher on a processor of its own"}`,
  task: "fan-out",
  size: 64,
  placement,
  subscribers,
});

/** Everything that is measured, in the order of the report. */
export const workloads: readonly Workload[] = [
  oneWay("64", "64 B", 64, true),
  oneWay("1k", "1 KiB", 1024),
  oneWay("64k", "64 KiB", 65_536, true),
  oneWay("1m", "1 MiB", 1_048_576),
  roundTrip("64", "64 B", 64, "one core", true),
  roundTrip("64", "64 B", 64, "two cores", true),
  roundTrip("4k", "4 KiB", 4096, "one core"),
  roundTrip("4k", "4 KiB", 4096, "two cores"),
  fanOut("fan-out-64", SUBSCRIBERS),
  // Only for what claims that it does not matter how many they are.
  ...MORE_SUBSCRIBERS.map((count) => fanOut(`fan-out-64-to-${count}`, count, "two cores")),
  {
    id: "calls-64",
    title: "calls, 64 in flight, on two cores",
    task: "calls",
    size: 64,
    placement: "two cores",
    quick: true,
  },
  {
    id: "calls-1",
    title: "calls one by one, both processes on one core",
    task: "calls",
    size: 1,
    placement: "one core",
    quick: true,
  },
  {
    id: "idle",
    title: `${IDLE_CONNECTIONS} idle connections`,
    task: "idle",
    size: 64,
    placement: "two cores",
  },
  {
    id: "start",
    title: 'import "sluice" and its tarball',
    task: "start",
    size: 0,
    placement: "free",
    quick: true,
  },
];

/** Whether a contestant takes part. */
export function takesPart(entry: Entry, workload: Workload): boolean {
  switch (workload.task) {
    case "one-way":
      return entry.oneWay?.includes(workload.size) === true;
    case "round-trip":
      if (entry.twoCoresOnly === true && workload.placement === "one core") return false;
      return entry.roundTrip?.includes(workload.size) === true;
    case "fan-out":
      return workload.placement === "free" ? entry.fanOut === true : entry.fanOutToAnyNumber === true;
    case "calls":
      return entry.calls === true;
    case "idle":
      return entry.idle === true;
    case "start":
      return false;
  }
}
