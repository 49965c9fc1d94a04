/** How a state was come to, and whether there is a way out of it. */

export interface Trace {
  readonly text: string;
  readonly before: Trace | undefined;
}

export function traceOf(text: string, before: Trace | undefined): Trace {
  return { text, before };
}

/** What is wrong, with the steps that led to it. */
export class Violation extends Error {
  constructor(error: unknown, trace: Trace | undefined, last?: string) {
    if (error instanceof Violation) {
      super(error.message);
      return;
    }
    const steps = last === undefined ? [] : [last];
    for (let at = trace; at !== undefined; at = at.before) steps.push(at.text);
    const message = error instanceof Error ? error.message : String(error);
    super(`${message}\n\nThe steps:\n${steps.reverse().join("\n")}`, { cause: error });
  }
}

/** Which state follows which. */
export interface Steps {
  readonly from: number[];
  readonly to: number[];
}

/** The first state from which no end is reached. */
export function unreached(count: number, ends: readonly number[], { from, to }: Steps): number | undefined {
  const before: number[][] = Array.from({ length: count }, () => []);
  to.forEach((state, index) => before[state]!.push(from[index]!));
  const reached = new Uint8Array(count);
  const open = [...ends];
  for (let state = open.pop(); state !== undefined; state = open.pop()) {
    if (reached[state] === 1) continue;
    reached[state] = 1;
    for (const earlier of before[state]!) open.push(earlier);
  }
  const stuck = reached.indexOf(0);
  return stuck < 0 ? undefined : stuck;
}
