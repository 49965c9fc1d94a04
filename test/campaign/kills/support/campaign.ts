/** Every step of every role is one death, and so are moments at random; see {@link describeKills}. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  atLength,
  randomNumbers,
  record,
  rounds,
  seconds,
  seed,
  timeoutFor,
} from "../../../support/campaign.js";
import { settledDescriptors } from "../../../support/settled-descriptors.js";
import { families, familyOf, stepsInSource } from "./steps.js";
import { type Kill, type Victim, VictimPool } from "./victims.js";

/** What a scenario is given. */
export interface Cast {
  /** Who dies, if anybody does: to be given its role by `play`. */
  readonly victim: Victim;
  /** Begins the victim's role, with the death that was chosen for it. */
  play(role: string, args: Readonly<Record<string, string | number>>): Promise<Victim>;
  /** Another process, which does not die before it is told to. */
  another(): Victim;
}

/** One role in one setting: what the survivors do, and what must be true of them and of what is left behind. */
export interface Scenario {
  readonly name: string;
  /** Leaves nothing behind; throws when anything is not as it should be. */
  run(cast: Cast): Promise<void>;
}

const MOST_ATTEMPTS = 5;
/** How many kills of a step, at different times that a process comes to it, the long campaign makes. */
const TIMES_A_STEP = 5;

/**
 * Tests that the scenarios survive the death of their victim at each step that it comes by, and at random moments.
 *
 * @param part - the name of the file, which says which steps must be reached: see {@link families}
 * @param scenarios - each with one victim
 * @param randomKills - how many deaths at random moments all scenarios together have, at length; shortly, how many attempts at it
 */
export function describeKills(
  part: keyof typeof families,
  scenarios: readonly Scenario[],
  randomKills: { readonly short: number; readonly long: number },
): void {
  const own: readonly string[] = families[part];
  const random = randomNumbers(seed);
  const reached = new Set<string>();
  const known = new Map<Scenario, { counts: ReadonlyMap<string, number>; milliseconds: number }>();
  let pool: VictimPool;
  let descriptors: number | undefined;
  let kills = 0;
  let killsAtRandom = 0;

  beforeAll(async () => {
    pool = await VictimPool.open();
  });
  afterAll(async () => {
    await pool.empty();
  });

  /** Plays a scenario once; `"at random"` kills after a while. Returns whether the victim was killed. */
  async function play(scenario: Scenario, kill: Kill | number | undefined): Promise<boolean> {
    const others: Victim[] = [];
    const victim = pool.take();
    let timer: NodeJS.Timeout | undefined;
    let milliseconds = 0;
    try {
      await scenario.run({
        victim,
        async play(role, args) {
          const plan = typeof kill === "object" ? kill : {};
          await victim.play({ role, args, ...plan });
          milliseconds = performance.now();
          if (typeof kill === "number")
            timer = setTimeout(() => {
              victim.kill();
            }, kill);
          return victim;
        },
        another() {
          const other = pool.take();
          others.push(other);
          return other;
        },
      });
      const killed = await victim.ended();
      if (killed) {
        kills++;
        return true;
      }
      const { counts } = known.get(scenario) ?? victim;
      // Later runs are faster than the first: moments are drawn from how long the last one took that came to its end.
      known.set(scenario, { counts, milliseconds: victim.endedAt - milliseconds });
      return false;
    } catch (error) {
      const how = kill === undefined ? "nobody is killed" : `the victim is killed: ${JSON.stringify(kill)}`;
      throw new Error(`${scenario.name}, where ${how} (SLUICE_SEED=${seed}): ${String(error)}`, {
        cause: error,
      });
    } finally {
      clearTimeout(timer);
      for (const each of [victim, ...others]) await each[Symbol.asyncDispose]();
    }
  }

  test.each(scenarios)("$name comes to its end where nobody is killed", async (scenario) => {
    await play(scenario, undefined);
  });

  describe.each(scenarios)("$name", (scenario) => {
    // Once everything has been used that stays open with the process.
    beforeAll(async () => {
      await pool.empty();
      descriptors ??= await settledDescriptors();
    });

    test(
      "survives kill -9 at each step",
      async () => {
        const counts = known.get(scenario)?.counts;
        if (counts === undefined)
          throw new Error("which steps there are is not known: the run without a death has failed");
        for (const [step, count] of counts) {
          // Shortly each step is one death, whichever scenario comes by it first.
          if (!atLength && reached.has(step)) continue;
          for (let time = 0; time < rounds(1, Math.min(count, TIMES_A_STEP)); time++) {
            let killed = false;
            for (let attempt = 0; attempt < MOST_ATTEMPTS && !killed; attempt++) {
              // How often a step is come by depends on the moment: the first time is the surest.
              const nth = attempt === 0 ? 1 + Math.floor(random() * count) : 1;
              killed = await play(scenario, { step, nth });
            }
            if (killed) reached.add(step);
          }
        }
      },
      timeoutFor(seconds(20)),
    );

    test(
      "survives kill -9 at random moments",
      async () => {
        const wanted = Math.ceil(rounds(randomKills.short, randomKills.long) / scenarios.length);
        const end = performance.now() + seconds(20, 1 / (2 * scenarios.length)) * 1000;
        // Some come to their end before the moment. At length it is deaths that are counted.
        for (let count = 0; count < wanted && (!atLength || performance.now() < end);) {
          const { milliseconds = 0 } = known.get(scenario) ?? {};
          const killed = await play(scenario, random() * milliseconds * 1.2);
          if (killed) killsAtRandom++;
          if (killed || !atLength) count++;
        }
      },
      timeoutFor(seconds(20)),
    );
  });

  test("every step in the source was a death", () => {
    const missing = stepsInSource().filter((step) => own.includes(familyOf(step)) && !reached.has(step));
    record("kills", part, { kills, killsAtRandom, steps: reached.size });
    expect(missing).toEqual([]);
  });

  test("no descriptor is left", async () => {
    await pool.empty();
    expect(await settledDescriptors()).toBe(descriptors);
  });
}
