import type { Span } from "../sides/source.js";
import { inWords } from "../report/figures.js";
import type { Plan } from "./plan.js";
import { runOnce } from "./processes.js";
import { sampleOf, type Series } from "./results.js";

/** Shows how far a run has come: one line that is rewritten on a terminal, else a line each ten seconds. */
export class Progress {
  readonly #total: number;
  readonly #started = performance.now();
  readonly #isTerminal = process.stderr.isTTY;
  #done = 0;
  #lastShown = 0;

  constructor(total: number) {
    this.#total = total;
  }

  step(round: number, series: Series, outcome: string): void {
    this.#done++;
    const now = performance.now();
    const left = Math.round(((now - this.#started) / this.#done / 1000) * (this.#total - this.#done));
    const text =
      `${this.#done}/${this.#total}, ${left} s left, round ${round}: ` +
      `${series.workload.id}, ${series.entry.name}: ${outcome}`;
    if (this.#isTerminal) {
      process.stderr.write(`\r\x1b[K${text.slice(0, process.stderr.columns - 1)}`);
    } else if (now - this.#lastShown > 10_000 || this.#done === this.#total) {
      this.#lastShown = now;
      process.stderr.write(`${text}\n`);
    }
  }

  end(): void {
    if (this.#isTerminal) process.stderr.write("\r\x1b[K");
  }
}

/**
 * One round after the other, in each of them every contestant once at every workload. A round that would end after the limit is not begun.
 *
 * @returns how many rounds there were
 */
export async function runRounds(
  plan: Plan,
  rounds: number,
  span: Span,
  limitSeconds: number,
): Promise<number> {
  // Memory of idle connections does not vary as times do, and takes seconds to measure: once is enough.
  const roundsOf = ({ workload }: Series): number => (workload.task === "idle" ? 1 : rounds);
  const progress = new Progress(plan.series.reduce((sum, series) => sum + roundsOf(series), 0));
  const started = performance.now();
  let longest = 0;
  let round = 0;
  for (; round < rounds; round++) {
    const begun = performance.now();
    if ((begun - started + longest) / 1000 > limitSeconds) break;
    for (const series of plan.series) {
      if (round < roundsOf(series)) progress.step(round + 1, series, await runSeries(series, span));
    }
    // The first round has the idle connections in it, and so is the longest.
    longest = Math.max(longest, performance.now() - begun);
  }
  progress.end();
  if (round < rounds) {
    process.stderr.write(
      `Stopped after ${round} of ${rounds} rounds: this machine is too slow for more in time.\n`,
    );
  }
  return round;
}

async function runSeries(series: Series, span: Span): Promise<string> {
  const { workload, entry } = series;
  try {
    const sample = sampleOf(workload, entry, await runOnce(entry, workload, span));
    series.samples.push(sample);
    return inWords(workload, sample);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    series.samples.push(undefined);
    series.failures.push(reason);
    return `failed: ${reason}`;
  }
}
