import type { Span } from "../sides/source.js";
import { inWords } from "../report/figures.js";
import { comparedSeries } from "./goals.js";
import type { Plan } from "./plan.js";
import { runOnce } from "./processes.js";
import { sampleOf, type Series } from "./results.js";

/** Shows how far a run has come: one line that is rewritten on a terminal, else a line each ten seconds. */
export class Progress {
  #total = 0;
  readonly #started = performance.now();
  readonly #isTerminal = process.stderr.isTTY;
  #done = 0;
  #lastShown = 0;

  /** So much more is to do. */
  expect(count: number): void {
    this.#total += count;
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
 * One round after the other: in the first every contestant once at every workload, in the others those that the plan repeats. A round that would end
 * after the limit is not begun.
 *
 * @returns how many rounds there were
 */
export async function runRounds(
  plan: Plan,
  rounds: number,
  span: Span,
  limitSeconds: number,
): Promise<number> {
  const progress = new Progress();
  const started = performance.now();
  const took = new Map<Series, number>();
  let chosen = plan.series;
  let round = 0;
  while (round < rounds && chosen.length > 0) {
    const expected = chosen.reduce((sum, series) => sum + (took.get(series) ?? 0), 0);
    if ((performance.now() - started + expected) / 1000 > limitSeconds) break;
    round++;
    progress.expect(chosen.length);
    for (const series of chosen) {
      const begun = performance.now();
      progress.step(round, series, await runSeries(series, span));
      took.set(series, Math.max(took.get(series) ?? 0, performance.now() - begun));
    }
    if (round === 1) chosen = repeated(plan);
  }
  progress.end();
  if (round < rounds && chosen.length > 0) {
    process.stderr.write(
      `Stopped after ${round} of ${rounds} rounds: this machine is too slow for more in time.\n`,
    );
  }
  return round;
}

/** What is measured again: ratios need more than one look, a table does not. */
function repeated({ series, repeatsAll }: Plan): readonly Series[] {
  const compared = repeatsAll ? undefined : comparedSeries(series);
  return series.filter(
    (one) =>
      // Memory of idle connections does not vary as times do, and takes seconds to measure: once is enough.
      one.workload.task !== "idle" && compared?.has(one) !== false,
  );
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
