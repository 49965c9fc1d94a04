import { describe, expect, test } from "vitest";
import { leave } from "../../../src/mechanisms/shared-buffer/locks/gate.js";
import { FREE, GATE, OWNER, PERMITS, READERS } from "../../../src/mechanisms/shared-buffer/locks/words.js";
import { atLength } from "../../support/campaign.js";
import { explore, type ModelProcess } from "../../support/model/explore.js";
import { checked } from "../../support/model/figures.js";
import {
  countingOf,
  exclusion,
  mutexHolder,
  mutexUser,
  rwlockUser,
  semaphoreUser,
} from "../../support/model/locks.js";

const timeout = 120_000;

describe("the model check itself", () => {
  const enter = (process: ModelProcess): void => {
    process.tell("enters");
    process.stay();
    process.tell("leaves");
  };

  test("finds two who are in at a time", () => {
    const careless = (process: ModelProcess): void => {
      if (Atomics.load(process.words, OWNER) !== FREE) return;
      Atomics.store(process.words, OWNER, process.id);
      enter(process);
      Atomics.store(process.words, OWNER, FREE);
    };
    const processes = [careless, careless];
    expect(() => explore({ words: 3, processes, specification: exclusion })).toThrow(
      /while others are inside/,
    );
  });

  test("finds a sleeper whom nobody wakes", () => {
    // It looks, then says that it sleeps: the release in between sees nobody to wake.
    const late = (process: ModelProcess): void => {
      while (Atomics.compareExchange(process.words, OWNER, FREE, process.id) !== FREE) {
        const expected = Atomics.or(process.words, GATE, 1) | 1;
        process.core.futexWait(process.words, GATE, expected, 20);
      }
      enter(process);
      Atomics.store(process.words, OWNER, FREE);
      if (leave(process.words, GATE)) process.core.futexWake(process.words, GATE, 1);
    };
    const processes = [late, late];
    expect(() => explore({ words: 3, processes, specification: exclusion })).toThrow(/nobody will ever wake/);
  });

  test("finds what never ends", () => {
    const spinning = (process: ModelProcess): void => {
      for (;;) {
        process.tell("spins");
        if (Atomics.load(process.words, OWNER) === 7) return;
      }
    };
    expect(() => explore({ words: 3, processes: [spinning], specification: exclusion })).toThrow(
      /no way to the end/,
    );
  });
});

describe("the mutex, in every order of the steps of its users,", () => {
  test("excludes two processes, twice each at length, both of which may die", { timeout }, () => {
    const rounds = atLength ? 2 : 1;
    const processes = [mutexUser({ rounds }), mutexUser({ rounds })];
    const options = { deaths: 2, timeouts: 1, time: "passes in sleep" } as const;
    const what = `mutex: two processes, ${rounds} rounds, two deaths`;
    const { states } = checked(what, { words: 3, processes, specification: exclusion, ...options });
    expect(states).toBeGreaterThan(1000);
  });

  test(
    "goes from one who has it to two others, one of whom may die at length, or it itself",
    { timeout },
    () => {
      const processes = [mutexHolder, mutexUser(), mutexUser()];
      const options = { initial: { [OWNER]: 1 }, deaths: atLength ? 1 : 0 };
      const what = `mutex: three processes, ${options.deaths} deaths`;
      const { states } = checked(what, { words: 3, processes, specification: exclusion, ...options });
      expect(states).toBeGreaterThan(1000);
    },
  );

  test("goes at once to one who was impatient before it ever slept", { timeout }, () => {
    const processes = [mutexUser(), mutexUser()];
    const what = "mutex: two processes, time passes";
    const { states } = checked(what, { words: 3, processes, specification: exclusion, time: "passes" });
    expect(states).toBeGreaterThan(100);
  });

  test("keeps one asleep for ever when a release wakes nobody, and the check finds it", () => {
    const processes = [mutexUser({ wakesNobody: true }), mutexUser({ wakesNobody: true })];
    expect(() => explore({ words: 3, processes, specification: exclusion })).toThrow(/nobody will ever wake/);
  });

  test("goes from one who has it to two impatient others, one of whom gives up", { timeout }, () => {
    const processes = [mutexHolder, mutexUser(), mutexUser({ givesUp: true })];
    const options = { initial: { [OWNER]: 1 }, time: "passes in sleep" } as const;
    const what = "mutex: three processes, one gives up";
    const { states } = checked(what, { words: 3, processes, specification: exclusion, ...options });
    expect(states).toBeGreaterThan(1000);
  });
});

describe("the rwlock, in every order of the steps of its users,", () => {
  test.each([
    ["a reader and a writer, both of whom may die", ["read", "write"], 2, 2, {}],
    ["two writers, both of whom may die", ["write", "write"], 1, 2, {}],
    ["two readers with room for one", ["read", "read"], 1, 1, {}],
    ["a reader, and a writer who gives up", ["read", "write"], 1, 0, { givesUp: true }],
  ] as const)("keeps its promises to %s", { timeout }, (text, sides, readers, deaths, use) => {
    const processes = sides.map((side) => rwlockUser(side, readers, side === "write" ? use : {}));
    const words = READERS + readers;
    const { states } = checked(`rwlock: ${text}`, {
      words,
      processes,
      specification: exclusion,
      deaths,
      time: "passes in sleep",
    });
    expect(states).toBeGreaterThan(100);
  });
});

describe("the semaphore, in every order of the steps of its users,", () => {
  const long = [["three processes with two permits", 3, 2, 1, 0] as const];
  test.each([
    ["two processes with one permit, twice each, one of which may die", 2, 1, 2, 1] as const,
    ...(atLength ? long : []),
  ])("counts for %s", { timeout }, (text, count, permits, rounds, deaths) => {
    const processes = Array.from({ length: count }, () => semaphoreUser(permits, { rounds }));
    const words = PERMITS + permits;
    const { states } = checked(`semaphore: ${text}`, {
      words,
      processes,
      specification: countingOf(permits),
      deaths,
    });
    expect(states).toBeGreaterThan(100);
  });
});
