// The table of docs/choosing.md: what the traits of open channels say, beside what bench/ has measured.
import { readFileSync } from "node:fs";
import type { ChannelTraits } from "sluice";
import { openEach, type Row } from "./rows.js";

const BEGIN = "<!-- ipc-table: begin -->";
const END = "<!-- ipc-table: end -->";
/** The command that renews the table, for those who find it stale. */
export const COMMAND = "npm run docs:table";

const HEAD = [
  "mechanism",
  "messages a second",
  "round trip",
  "largest message",
  "two-way",
  "network",
  "who waits",
  "messages kept apart by",
  "persistent",
  "who the peer is",
  "descriptors",
];
/** Memory is no channel: it has no traits, and nothing to measure. */
const MEMORY = [
  "[`SharedBuffer`](shared-memory.md#memory) memory with [locks](locks.md)",
  "no channel",
  "no channel",
  "the segment",
  "yes",
  "no: one machine",
  "who wants a lock, for its owner",
  "you: fields, records, locks",
  "a named segment, until `unlink`",
  "file rights",
  "no",
];

/** Who keeps messages apart where no kernel does and no framing need. */
const KEEPERS: Readonly<Partial<Record<ChannelTraits["mechanism"], string>>> = {
  "shared-buffer": "the ring",
  memory: "the channel",
};

/** What is used of docs/performance/results.json. */
export interface Measured {
  readonly results: readonly {
    readonly workload: string;
    readonly contestant: string;
    readonly median: number;
  }[];
}

/**
 * The guide with its table made anew, as prettier wants it but for the widths of the columns.
 *
 * @param guide - the text of docs/choosing.md
 */
export async function renewTable(guide: string, measured: Measured): Promise<string> {
  const [begin, end] = [guide.indexOf(BEGIN), guide.indexOf(END)];
  if (begin < 0 || end < begin) throw new Error(`docs/choosing.md has lost its markers ${BEGIN} and ${END}`);
  const lines: (readonly string[])[] = [
    HEAD,
    HEAD.map((_, column) => (column === 1 || column === 2 ? "---:" : "---")),
  ];
  await openEach((row, traits, other) => {
    lines.push(cells(row, traits, other, measured));
    if (row.measured === "SharedBuffer") lines.push(MEMORY);
  });
  const table = lines.map((line) => `| ${line.join(" | ")} |`).join("\n");
  return `${guide.slice(0, begin + BEGIN.length)}\n\n${table}\n\n${guide.slice(end)}`;
}

function cells(
  row: Row,
  traits: ChannelTraits,
  other: readonly [string, ChannelTraits] | undefined,
  measured: Measured,
): readonly string[] {
  return [
    row.title,
    rate(measured, row),
    traits.direction === "both" || row.workload === undefined
      ? roundTrip(measured, row.measured)
      : "one way only",
    row.data ?? sizeOf(row, traits),
    ways(traits, other),
    { process: "no: one process", host: "no: one machine", network: "yes" }[traits.scope],
    `${row.waits}${traits.ordered ? "" : "; no order"}`,
    { kernel: KEEPERS[traits.mechanism] ?? "the kernel", framed: "a framing", none: "nobody" }[
      traits.boundaries
    ],
    traits.persistent ? "yes, until `unlink`" : ["no", row.leaves].filter(Boolean).join("; "),
    [{ none: "", connection: "by connection", message: "by message" }[traits.peerIdentity], row.identity]
      .filter(Boolean)
      .join("; ") || "unknown",
    traits.passesHandles ? ["yes", row.descriptors].filter(Boolean).join(", ") : "no",
  ];
}

function ways(traits: ChannelTraits, other: readonly [string, ChannelTraits] | undefined): string {
  const own = traits.direction === "both" ? "yes" : "no";
  return other?.[1].direction === "both" && own === "no" ? `no; ${other[0]}: yes` : own;
}

function sizeOf({ systemSize }: Row, { maxMessageSize }: ChannelTraits): string {
  if (systemSize === undefined) return sizeInWords(maxMessageSize);
  const { setting, untouched, bytes } = systemSize;
  // On a machine that is set otherwise nothing can be checked; the guide is for those that are not.
  if (Number(readFileSync(`/proc/sys/${setting}`, "utf8")) === untouched && maxMessageSize !== bytes) {
    throw new Error(
      `/proc/sys/${setting} is ${untouched}, and the largest message ${maxMessageSize}, not ${bytes}`,
    );
  }
  return `${sizeInWords(bytes)} (\`${setting.replaceAll("/", ".")}\`)`;
}

function sizeInWords(bytes: number): string {
  const mebibytes = bytes / 2 ** 20;
  return Number.isInteger(mebibytes) ? `${mebibytes} MiB` : `${bytes.toLocaleString("en")} bytes`;
}

/** With `sendMany` and `receiveMany`, and with `await send` and `for await`, which is how most programs are written. */
function rate(measured: Measured, { measured: name, workload = "one-way-64" }: Row): string {
  const many = medianOf(measured, workload, name, "sendMany/receiveMany");
  const each = medianOf(measured, workload, name, "send/for await");
  const words = [many, each].filter((value) => value !== undefined).map(perSecond);
  return words.length === 0 ? "not measured" : words.join(" / ");
}

function roundTrip(measured: Measured, name: string | undefined): string {
  const value =
    medianOf(measured, "round-trip-64-two-cores", name, "send/for await") ??
    medianOf(measured, "round-trip-64-two-cores", name, "send/receive");
  return value === undefined ? "not measured" : `${value.toPrecision(3)} µs`;
}

function medianOf(
  { results }: Measured,
  workload: string,
  name: string | undefined,
  style: string,
): number | undefined {
  const contestant = `sluice ${name ?? ""}, ${style}`;
  return results.find((each) => each.workload === workload && each.contestant === contestant)?.median;
}

function perSecond(value: number): string {
  return value >= 1e6 ? `${(value / 1e6).toPrecision(3)} M` : `${(value / 1e3).toPrecision(3)} k`;
}
