// Waiting without blocking: the real Condition, Mutex, RwLock, Semaphore, Line and Sleepers, in every order of their steps and of those of the threads that sleep for them.
import { describe, expect, test } from "vitest";
import { PERMITS, READERS } from "../../../src/mechanisms/shared-buffer/locks/words.js";
import { atLength } from "../../support/campaign.js";
import type { Explored, Model, Specification } from "../../support/model/explore.js";
import { checked } from "../../support/model/figures.js";
import { countingOf, exclusion } from "../../support/model/locks.js";
import type { Changes } from "../../support/model/variant.js";
import {
  employer,
  type Kind,
  lockCode,
  type Notifying,
  READERS_HERE,
  type Task,
  user,
  waiter,
  WaitWords,
  worker,
} from "../../support/model/waiters.js";
import { nobodyIsForgotten } from "../../support/model/waits.js";

const timeout = 1_200_000;

interface Setting extends Pick<Model<never>, "order" | "deaths" | "mortal"> {
  /** Of each process: what waits in it. */
  readonly tasks: readonly (readonly Task[])[];
  readonly kinds?: readonly Kind[];
  /** Everybody is notified each time. */
  readonly all?: boolean;
  /** A thread that nobody wants any more keeps a wake-up to itself. */
  readonly swallows?: boolean;
  readonly threads?: number;
  readonly polls?: boolean;
  /** Of each process: how many must wait for the condition before it begins. */
  readonly comesAfter?: readonly number[];
  readonly inOrder?: boolean;
  readonly faults?: Changes;
}

const wordsOf: Readonly<Record<Kind, number>> = {
  mutex: 3,
  read: READERS + READERS_HERE,
  write: READERS + READERS_HERE,
  semaphore: PERMITS + 1,
};

async function check(what: string, setting: Setting): Promise<Explored> {
  const {
    tasks,
    kinds,
    all = false,
    swallows = false,
    threads,
    faults,
    inOrder,
    order = "sequential",
    deaths = 0,
    comesAfter = [],
    polls = false,
  } = setting;
  const code = await lockCode(faults, inOrder);
  const kindOf = (at: number): Kind => kinds?.[at] ?? "mutex";
  const where = new WaitWords(wordsOf[kindOf(0)], tasks.length, threads);
  const promised = { where, processes: tasks.length, all };
  const model = <F>(specification: Specification<F>): Explored =>
    checked(what, {
      words: where.words,
      processes: [
        ...tasks.map((list, at) =>
          waiter(
            { code, where, kind: kindOf(at), mayDie: deaths > 0, polls, comesAfter: comesAfter[at] ?? 0 },
            list,
          ),
        ),
        where.threads.program({ swallows }),
      ],
      specification: nobodyIsForgotten(specification, promised),
      onDeath: (words, id) => {
        where.threads.clear(words, id);
      },
      mortal: setting.mortal ?? tasks.map((_list, at) => at + 1),
      order,
      deaths,
    });
  return kindOf(0) === "semaphore" ? model(countingOf(1)) : model(exclusion);
}

const employs = (jobs: number, more: Omit<Notifying, "jobs"> = {}): Task[] => [employer({ jobs, ...more })];
const works: readonly Task[] = [worker()];
const mayLeave: readonly Task[] = [worker({ mayGiveUp: true })];
const uses: readonly Task[] = [user()];
const mayGiveUp: readonly Task[] = [user({ mayGiveUp: true })];

/** Each begins when those before it wait. */
const inTurn = { polls: true, comesAfter: [0, 1, 2] };
/** Two workers of whom one may give up, and one job. */
const oneGivesUp: Setting = { tasks: [mayLeave, works, employs(1, { afterwards: true })], ...inTurn };
const allAreTold: Setting = { tasks: [works, works, employs(2, { all: true })], all: true, ...inTurn };
const oneWaits: Setting = { tasks: [works, employs(1, { afterwards: true })] };
const bothInOne: Setting = {
  tasks: [[worker(), worker()], employs(2, { all: true, afterwards: true })],
  all: true,
  threads: 3,
  comesAfter: [0, 2],
};

const conditions: readonly (readonly [string, Setting])[] = [
  ["one who waits, told after the mutex was released", oneWaits],
  ["one who waits, and either may die", { ...oneWaits, deaths: 1 }],
  ["two who wait, one of whom may give up", oneGivesUp],
  ["two who are both told", allAreTold],
  ["stores that arrive late (x64)", { ...oneWaits, order: "x64" }],
];

const longConditions: readonly (readonly [string, Setting])[] = [
  ["two of whom the one that was told may die", { ...oneGivesUp, deaths: 1, mortal: [1] }],
  ["one who waits, told while the mutex is held", { tasks: [works, employs(1)] }],
  [
    "one who waits, told while the mutex is held, and either may die",
    { tasks: [works, employs(1)], deaths: 1 },
  ],
  ["one who may give up and wants the mutex again", { tasks: [mayLeave, employs(1)] }],
  ["two who wait, and two jobs", { tasks: [works, works, employs(2)], polls: true, comesAfter: [0, 1, 1] }],
  ["two who wait in one thread and are both told", bothInOne],
  ["two who wait, anybody may die", { ...oneGivesUp, deaths: 2 }],
  ["two who wait, stores that arrive late (x64)", { ...oneGivesUp, order: "x64" }],
];

const reads: readonly Task[] = [user({}, "reads")];
const has: readonly Task[] = [user({}, "has")];
const twoReaders: readonly Kind[] = ["read", "write"];

const lines: readonly (readonly [string, Setting])[] = [
  ["a mutex and two who want it", { tasks: [uses, uses] }],
  ["a mutex, and one who may give up", { tasks: [mayGiveUp, uses] }],
  ["a mutex, and either may die", { tasks: [uses, uses], deaths: 1 }],
  ["a mutex, stores that arrive late (x64)", { tasks: [uses, uses], order: "x64" }],
  ["a semaphore", { tasks: [has, has], kinds: ["semaphore", "semaphore"] }],
  [
    "two writers of a rwlock, either of whom may die",
    { tasks: [uses, uses], kinds: ["write", "write"], deaths: 1 },
  ],
];

const longLines: readonly (readonly [string, Setting])[] = [
  ["a mutex, two in one thread and one in another", { tasks: [[user(), user()], uses] }],
  ["a mutex, one who may give up and one who may die", { tasks: [mayGiveUp, uses], deaths: 2 }],
  ["a reader and a writer of a rwlock", { tasks: [reads, uses], kinds: twoReaders }],
  ["a reader, and a writer of a rwlock who may give up", { tasks: [reads, mayGiveUp], kinds: twoReaders }],
];

describe("a condition, in every order of the steps, wakes whoever was notified, with", () => {
  test.each(atLength ? [...conditions, ...longConditions] : conditions)(
    "%s",
    { timeout },
    async (what, setting) => {
      const { states } = await check(`condition: ${what}`, setting);
      expect(states).toBeGreaterThan(100);
    },
  );
});

describe("a lock that is waited for without blocking, in every order of the steps, lets in one after another, with", () => {
  test.each(atLength ? [...lines, ...longLines] : lines)("%s", { timeout }, async (what, setting) => {
    const { states } = await check(`waiting: ${what}`, setting);
    expect(states).toBeGreaterThan(100);
  });
});

describe("the check of those who wait finds the fault when", () => {
  const forgotten = /sleeps, and there is a job|sleeps, though it was notified/;
  const outside = /waits for the lock, and nobody has it|there is no way to the end/;
  const dies: Setting = { tasks: [uses, uses], deaths: 1 };
  const leaves: Setting = { tasks: [mayGiveUp, uses, uses], threads: 1 };
  type Fault = readonly [string, Setting, string, string, string, RegExp];
  const faults: readonly Fault[] = [
    [
      "the mutex is released before a waiter has looked at the sequence",
      oneWaits,
      "condition.ts",
      "    this.#serve();\n    const wait =",
      "    lease.release();\n    this.#serve();\n    const wait =",
      forgotten,
    ],
    [
      "a waiter is not counted",
      oneWaits,
      "condition.ts",
      "Atomics.add(this.#words, WAITER_COUNT, 1);",
      "",
      forgotten,
    ],
    [
      "who wakes does not look who was notified",
      oneWaits,
      "condition.ts",
      "      this.#serve();\n      this.#goToSleep();",
      "      this.#goToSleep();",
      /there is no way to the end/,
    ],
    [
      "one who gives up keeps the notification that has woken its thread",
      oneGivesUp,
      "condition.ts",
      "if (Atomics.load(this.#words, SEQUENCE) !== this.#seen) this.#core.futexWake(this.#words, SEQUENCE, 1);",
      "",
      forgotten,
    ],
    [
      "notifyAll wakes one",
      allAreTold,
      "condition.ts",
      "this.#notify(NOTIFIED_ALL, EVERYBODY);",
      "this.#notify(NOTIFIED_ALL, 1);",
      forgotten,
    ],
    [
      "nobody looks again after it has said that it sleeps",
      { tasks: [uses, uses] },
      "line.ts",
      "outcome = protocol.attempt(entitled || impatient);",
      "",
      outside,
    ],
    [
      "a sleeper does not watch the one whom it waits for",
      dies,
      "line.ts",
      "this.#owner.watch(blocker)",
      "this.#owner.watch(this.#owner.id)",
      outside,
    ],
  ];
  const longFaults: readonly Fault[] = [
    [
      "nobody waits for those who have come later in the same thread",
      { ...bothInOne, tasks: [[worker(), worker()], employs(2)], all: false },
      "condition.ts",
      "      this.#serve();\n      this.#goToSleep();",
      "      this.#serve();",
      forgotten,
    ],
    [
      "one who gives up a lock keeps the wake-up",
      leaves,
      "line.ts",
      "if (!this.#granting && this.#hasSlept) this.#giveUp();",
      "",
      outside,
    ],
    [
      "who has slept does not say that others may sleep still",
      { tasks: [uses, uses, uses], threads: 1 },
      "line.ts",
      "      if (this.#hasSlept) settle(protocol.words, GATE);\n",
      "",
      outside,
    ],
  ];

  test.each(atLength ? [...faults, ...longFaults] : faults)(
    "%s",
    { timeout },
    async (what, setting, file, from, to, error) => {
      await expect(check(what, { ...setting, faults: { [file]: [[from, to]] } })).rejects.toThrow(error);
    },
  );

  // Seconds, so at length only.
  if (!atLength) return;
  test("a thread that was cancelled keeps a wake-up to itself", { timeout }, async () => {
    const setting: Setting = { tasks: [[user(), user()], uses], swallows: true };
    await expect(check("swallows", setting)).rejects.toThrow(outside);
  });
});
