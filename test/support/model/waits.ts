/** What those who wait without blocking are promised. */
import { SEQUENCE } from "../../../src/mechanisms/shared-buffer/locks/words.js";
import type { Specification } from "./explore.js";
import type { WaitWords } from "./waiters.js";

interface Waiting<Facts> {
  /** Of the lock itself. */
  readonly inside: Facts;
  /** Of each process: how many of it wait for the lock. */
  readonly line: readonly number[];
  /** Of each process: what the sequence of the condition was when each of those who wait for it began. */
  readonly notified: readonly (readonly number[])[];
  readonly hasDied: boolean;
}

/** What is to be looked for at the end. */
export interface Promised {
  readonly where: WaitWords;
  readonly processes: number;
  /** Everybody who waits is notified each time. */
  readonly all?: boolean;
}

/**
 * Adds to what a lock promises: whoever waits for it gets it, and whoever waits for a condition is woken. With a notification for each job nobody sleeps while there is one; when
 * somebody has died, and when all are notified, nobody sleeps who was notified.
 */
export function nobodyIsForgotten<Facts>(
  lock: Specification<Facts>,
  { where, processes, all = false }: Promised,
): Specification<Waiting<Facts>> {
  const set = <T>(list: readonly T[], id: number, value: T): T[] =>
    list.map((other, at) => (at === id - 1 ? value : other));
  const none = Array.from({ length: processes }, () => 0);
  return {
    facts: { inside: lock.facts, line: none, notified: none.map(() => []), hasDied: false },
    event(facts, id, text, words) {
      const { line, notified } = facts;
      const waiting = line[id - 1]!;
      const [event] = text.split(" ");
      if (event === "acquires") return { ...facts, line: set(line, id, waiting + 1) };
      if (event === "gives-up") return { ...facts, line: set(line, id, waiting - 1) };
      if (event === "returns") {
        const rest = notified[id - 1]!.slice(1);
        return { ...facts, line: set(line, id, waiting + 1), notified: set(notified, id, rest) };
      }
      if (event === "waits") {
        // Its first step is to look at the sequence.
        const begun = [...notified[id - 1]!, words[where.condition + SEQUENCE]!];
        const inside = lock.event(facts.inside, id, "leaves", words);
        return { ...facts, inside, notified: set(notified, id, begun) };
      }
      const inside = lock.event(facts.inside, id, text, words);
      const enters = event === "enters" || event === "reads" || event === "has";
      return { ...facts, inside, line: enters ? set(line, id, waiting - 1) : line };
    },
    death: (facts, id, words) => ({
      inside: lock.death(facts.inside, id, words),
      line: set(facts.line, id, 0),
      notified: set(facts.notified, id, []),
      hasDied: true,
    }),
    end({ inside, line, notified, hasDied }, words) {
      lock.end?.(inside, words);
      for (let id = 1; id <= processes; id++) {
        if (line[id - 1]! > 0) throw new Error(`${id} waits for the lock, and nobody has it`);
        if (notified[id - 1]!.length > 0 && !hasDied && words[where.jobs]! > 0)
          throw new Error(`${id} sleeps, and there is a job`);
        const isBehind = notified[id - 1]!.some((sequence) => sequence !== words[where.condition + SEQUENCE]);
        if (isBehind && (hasDied || all)) throw new Error(`${id} sleeps, though it was notified`);
      }
    },
  };
}
