/**
 * Whether something grows: a line through samples, and how far its slope can be trusted.
 *
 * A soak that compares the end with the beginning fails by noise, or sleeps through a small leak. Here the question is asked the other way
 * round: a soak has passed when it *shows* that whatever leaks is less than the limit, so too few or too noisy samples cannot pass either.
 */

/** What was measured at one moment. */
export interface Sample {
  /** How far it was by then: seconds, or messages. */
  readonly at: number;
  readonly value: number;
}

/** The slope of the line, a second or a message, and between which two it lies. */
export interface Slope {
  readonly slope: number;
  readonly least: number;
  readonly most: number;
}

/** How many standard errors: one run in four thousand is misjudged, a judgement. */
const CONFIDENCE = 3.5;
/** With fewer samples nothing is said. */
const FEWEST = 6;

/**
 * The line of least squares. What is left over is not independent from sample to sample: memory stays for seconds where it has come to. The
 * standard error is widened by what neighbours have in common (their lag-1 correlation), else a slow wave would look like a proof.
 */
export function slopeOf(samples: readonly Sample[]): Slope {
  const count = samples.length;
  if (count < FEWEST) throw new Error(`${count} samples say nothing about a slope; ${FEWEST} are needed`);
  const meanAt = mean(samples.map(({ at }) => at));
  const meanValue = mean(samples.map(({ value }) => value));
  let spread = 0;
  let common = 0;
  for (const { at, value } of samples) {
    spread += (at - meanAt) ** 2;
    common += (at - meanAt) * (value - meanValue);
  }
  const slope = common / spread;
  const rest = samples.map(({ at, value }) => value - meanValue - slope * (at - meanAt));
  let squares = 0;
  let neighbours = 0;
  for (const [index, each] of rest.entries()) {
    squares += each ** 2;
    if (index > 0) neighbours += each * (rest[index - 1] ?? 0);
  }
  const correlation = squares === 0 ? 0 : Math.min(Math.max(neighbours / squares, 0), 0.95);
  const error = Math.sqrt((squares / (count - 2) / spread) * ((1 + correlation) / (1 - correlation)));
  return { slope, least: slope - CONFIDENCE * error, most: slope + CONFIDENCE * error };
}

/**
 * The least of each stretch of so many seconds: what is there for good, without what comes and goes. The last stretch counts only if it is whole.
 */
export function floorOf(samples: readonly Sample[], stretch: number): Sample[] {
  const floor: Sample[] = [];
  const first = samples[0]?.at ?? 0;
  for (const { at, value } of samples) {
    const index = Math.floor((at - first) / stretch);
    const known = floor[index];
    if (known === undefined) floor[index] = { at: first + (index + 0.5) * stretch, value };
    else if (value < known.value) floor[index] = { at: known.at, value };
  }
  const end = samples.at(-1)?.at ?? 0;
  if (end < first + floor.length * stretch - stretch / 4) floor.pop();
  return floor.filter((sample) => sample !== undefined);
}

/** How a series was judged. */
export type Verdict = "flat" | "grows" | "cannot be told";

/** `"flat"` is proved to grow by less than the limit; `"grows"` is proved to grow by more than nothing, and may be over it. */
export function judge(slope: Slope, limit: number): Verdict {
  if (slope.most < limit) return "flat";
  return slope.least > 0 ? "grows" : "cannot be told";
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
