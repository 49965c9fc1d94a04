// Plays operations while calls of the native core go wrong, one after another, each told by a line of JSON on standard input, and tells what came of it by a line. The
// core has to be a build with --faults, and SLUICE_FAULTS has to name a file of PAGE_BYTES.
import { createInterface } from "node:readline";
import { setImmediate as turn, setTimeout as delay } from "node:timers/promises";
import { ChannelError } from "sluice";
import { loadCore } from "../../../../src/native/binding.js";
import { leaks, removeNames, takeCensus } from "./census.js";
import { Injector, type Rule } from "./injector.js";
import { operations, wrongOperations } from "./operations.js";
import { describe, Stage } from "./stage.js";

/** What is to be played, and what goes wrong meanwhile. */
export interface Case {
  readonly operation: string;
  readonly rules: readonly Rule[];
  /** After so many milliseconds it is held to hang. 8,000 by default. */
  readonly patience?: number;
}

/** What came of it. */
export interface Outcome {
  /** What should not be, a sentence each. None: all is well. */
  readonly problems: readonly string[];
  /** The codes of the errors and warnings that were told. */
  readonly errors: readonly string[];
  /** How often each rule struck. */
  readonly fired: readonly number[];
  /** How often each call occurred. */
  readonly counts: Readonly<Record<string, number>>;
}

// What takes longer than this does not end by itself: no operation waits for more than a second.
const PATIENCE_MS = 8000;
// What is released by the event loop or by another thread a moment later.
const LOOKS = 40;
const LOOK_MS = 10;

loadCore();
const injector = new Injector(process.env["SLUICE_FAULTS"] ?? "");
const collectGarbage = (globalThis as { gc?: () => void }).gc;

let stray: string[] = [];
let warned: string[] = [];
process.on("unhandledRejection", (error) => stray.push(`UNHANDLED: ${describe(error)}`));
process.on("uncaughtException", (error) => stray.push(`UNCAUGHT: ${describe(error)}`));
// What goes on all the same says so by a warning: a listener that cannot accept for now, a socket whose file could not be removed.
process.on("warning", (warning: Error & { code?: string }) => {
  if (warning instanceof ChannelError || warning.name === "SluiceWarning") warned.push(warning.code ?? "");
  else stray.push(`WARNING: ${describe(warning)}`);
});

async function play({ operation, rules, patience = PATIENCE_MS }: Case): Promise<Outcome> {
  const play = operations[operation] ?? wrongOperations[operation];
  if (play === undefined) throw new RangeError(`There is no operation "${operation}"`);
  stray = [];
  warned = [];
  const before = takeCensus();
  const stage = new Stage();
  let fired: number[] = [];
  injector.arm(rules);
  await stage.play(play, patience, () => {
    fired = injector.disarm();
  });
  // An error that nobody waits for is told after the microtasks of this turn.
  await turn();
  const left = await settledLeaks(before);
  if (left.length > 0) removeNames();
  return {
    problems: [...stage.problems, ...stray, ...left],
    errors: [
      ...stage.errors.map(({ code, syscall }) => `${code}${syscall === undefined ? "" : ` ${syscall}`}`),
      ...warned,
    ],
    fired,
    counts: injector.counts(),
  };
}

async function settledLeaks(before: ReturnType<typeof takeCensus>): Promise<string[]> {
  let left: string[] = [];
  for (let look = 0; look < LOOKS; look++) {
    left = leaks(before, takeCensus());
    if (left.length === 0) return [];
    await delay(LOOK_MS);
  }
  const late = left;
  collectGarbage?.();
  await delay(LOOK_MS);
  left = leaks(before, takeCensus());
  return late.map((leak) => `LEAK: ${leak}${left.includes(leak) ? "" : " (until garbage is collected)"}`);
}

// Locks open an eventfd for a thread once, and keep it.
await play({ operation: "locks: mutex", rules: [] });
console.log(JSON.stringify([Object.keys(operations), Object.keys(wrongOperations)]));
for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(await play(JSON.parse(line) as Case)));
}
// What hangs must not keep the process.
process.exit();
