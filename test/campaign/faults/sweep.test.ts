import { expect, test } from "vitest";
import type { Case, Outcome } from "../../support/peers/faults/sweep.js";
import { atLength, randomNumbers, record, seconds, seed, timeoutFor } from "../../support/campaign.js";
import { casesOf, complaints } from "./cases.js";
import { inWords } from "./plausible.js";
import { usePlayer } from "./player.js";

// One case alone, as a failure prints it.
const single = process.env["SLUICE_FAULT_CASE"];
// Who sends to a peer that has gone is told, and so is who listens where somebody does.
const EXPECTING_ERRORS = /: (the receiver goes away|a place is taken)$/;
const MOST_SHOWN = 20;
const SHORT_SECONDS = 12;

const player = usePlayer();
const calm = new Map<string, Outcome>();

test(
  "every operation works while nothing goes wrong, and gives back all that it has taken",
  { timeout: timeoutFor(30) },
  async () => {
    for (const operation of await player().operations()) {
      const outcome = await player().play({ operation, rules: [] });
      expect(outcome.problems, operation).toEqual([]);
      if (!EXPECTING_ERRORS.test(operation)) expect(outcome.errors, operation).toEqual([]);
      calm.set(operation, outcome);
    }
  },
);

test(
  "an operation that leaks, loses, alters, hangs or fails as it should not is noticed",
  { timeout: timeoutFor(30) },
  async () => {
    for (const operation of await player().wrongOperations()) {
      const { problems } = await player().play({ operation, rules: [], patience: 1000 });
      expect(problems, operation).not.toEqual([]);
    }
    await player().restart();
  },
);

test(
  "whatever call of whatever operation goes wrong, it ends with success or with an error, and nothing is lost or left",
  { timeout: timeoutFor(seconds(SHORT_SECONDS)) },
  async () => {
    const random = randomNumbers(seed);
    const all = [...calm].flatMap(([operation, { counts }]) => casesOf(operation, counts));
    const end = performance.now() + seconds(SHORT_SECONDS) * 1000;
    const tally = new Tally();
    const cases = single === undefined ? shuffled(all, random) : [JSON.parse(single) as Case];
    for (const played of cases) {
      if (performance.now() > end) break;
      tally.count(played, await player().play(played));
    }
    // All have had their turn: from now on two at once.
    while (atLength && single === undefined && performance.now() < end) {
      const first = all[Math.floor(random() * all.length)]!;
      const others = casesOf(first.operation, calm.get(first.operation)!.counts);
      const second = others[Math.floor(random() * others.length)]!;
      const played = { operation: first.operation, rules: [...first.rules, ...second.rules] };
      tally.count(played, await player().play(played));
    }
    tally.tell(all.length);
  },
);

function shuffled<T>(items: readonly T[], random: () => number): T[] {
  const result = [...items];
  for (let index = result.length - 1; index > 0; index--) {
    const other = Math.floor(random() * (index + 1));
    [result[index], result[other]] = [result[other]!, result[index]!];
  }
  return result;
}

/** What came of all cases. */
class Tally {
  #played = 0;
  #struck = 0;
  #refused = 0;
  readonly #byCall = new Map<string, number>();
  readonly #failures: string[] = [];

  count(played: Case, outcome: Outcome): void {
    this.#played++;
    if (outcome.fired.some((times) => times > 0)) this.#struck++;
    if (outcome.errors.length > 0) this.#refused++;
    for (const [index, { call }] of played.rules.entries()) {
      this.#byCall.set(call, (this.#byCall.get(call) ?? 0) + (outcome.fired[index] ?? 0));
    }
    const found = complaints(played, outcome, calm.get(played.operation)!);
    if (found.length === 0) return;
    const what = `${played.operation}: ${played.rules.map(inWords).join(", ")}`;
    this.#failures.push(`${what}\n  ${found.join("\n  ")}\n  SLUICE_FAULT_CASE='${JSON.stringify(played)}'`);
  }

  tell(cases: number): void {
    record("faults", "cases that one fault makes", { cases });
    record("faults", "operations played while calls go wrong", {
      played: this.#played,
      struck: this.#struck,
      "ended with an error": this.#refused,
    });
    for (const [call, times] of [...this.#byCall].sort()) record("faults", `faults of ${call}`, { times });
    const shown = this.#failures.slice(0, MOST_SHOWN).join("\n");
    const repeat = `The seed is ${seed} (SLUICE_SEED). Set SLUICE_FAULT_CASE to play one of them alone.`;
    expect(this.#failures.length, `${shown}\n${repeat}\n`).toBe(0);
    expect(this.#struck, "nothing was made to go wrong").toBeGreaterThan(0);
  }
}
