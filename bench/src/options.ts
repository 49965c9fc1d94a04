import { parseArgs } from "node:util";

/** What the command line asks for. */
export interface Options {
  readonly quick: boolean;
  readonly only: RegExp | undefined;
  readonly workload: RegExp | undefined;
  readonly rounds: number;
  readonly warm: number;
  readonly measure: number;
  /** Seconds after which no further round is begun if it would take longer. */
  readonly limit: number;
  /** Whether docs/performance is rewritten: after a whole run, or when asked for. */
  readonly document: boolean;
  readonly list: boolean;
  readonly help: boolean;
  /** Where the results go as JSON; undefined: bench/results/latest.json. */
  readonly output: string | undefined;
}

export const usage: string = `npm run bench -- [options]

  --quick              under a minute: fewer rounds, the core contestants and workloads; docs stay as they are
  --only PATTERN       only contestants whose name matches (a regular expression, case-insensitive)
  --workload PATTERN   only workloads whose whole id matches: one-way-64, one-way-.*, round-trip-64-one-core, fan-out-64, idle, start ...
  --rounds N           rounds of the interleaved run (5, quick 2); the medians over them are reported. A whole run repeats only what a goal compares
  --warm MS            warm-up of each run, not counted (400, quick 200; C 20)
  --measure MS         counted part of each run (120, quick 60)
  --limit SECONDS      begin no round that would end later (540, quick 52); the report says how many there were
  --document           write docs/performance.md and its charts even if the run is not a whole one
  --no-document        leave them as they are
  --output FILE        where the results go as JSON (bench/results/latest.json)
  --list               show what would be measured
`;

function positive(name: string, text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise;
  const value = Number(text);
  if (!(value > 0))
    throw new RangeError(`--${name} must be a number above 0, received ${JSON.stringify(text)}`);
  return value;
}

/** Reads the command line; throws on what it does not know. */
export function readOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: "boolean", default: false },
      only: { type: "string" },
      workload: { type: "string" },
      rounds: { type: "string" },
      warm: { type: "string" },
      measure: { type: "string" },
      limit: { type: "string" },
      document: { type: "boolean" },
      "no-document": { type: "boolean", default: false },
      list: { type: "boolean", default: false },
      output: { type: "string" },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  const pattern = (text: string | undefined): RegExp | undefined =>
    text === undefined ? undefined : new RegExp(text, "i");
  const whole = !values.quick && values.only === undefined && values.workload === undefined;
  return {
    quick: values.quick,
    only: pattern(values.only),
    workload: pattern(values.workload === undefined ? undefined : `^(?:${values.workload})$`),
    rounds: Math.ceil(positive("rounds", values.rounds, values.quick ? 2 : 5)),
    warm: positive("warm", values.warm, values.quick ? 200 : 400),
    measure: positive("measure", values.measure, values.quick ? 60 : 120),
    limit: positive("limit", values.limit, values.quick ? 52 : 540),
    document: !values["no-document"] && (values.document ?? whole),
    list: values.list,
    output: values.output,
    help: values.help,
  };
}
