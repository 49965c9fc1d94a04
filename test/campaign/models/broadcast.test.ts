// The broadcast: the real BroadcastWriter, AdmittedFollower, FollowPort and BroadcastReader, in every order of their accesses to memory and of their calls.
import { describe, expect, test } from "vitest";
import { atLength } from "../../support/campaign.js";
import {
  broadcastCode,
  broadcaster,
  type Broadcasting,
  broadcastSpecification,
  BroadcastWords,
  endWriter,
  follower,
} from "../../support/model/broadcast.js";
import type { Explored, Model } from "../../support/model/explore.js";
import { checked } from "../../support/model/figures.js";
import type { Changes } from "../../support/model/variant.js";

const timeout = 1_200_000;

interface Setting extends Broadcasting, Pick<Model<never>, "order" | "deaths"> {
  /** Positions begin there. */
  readonly start?: number;
  readonly inOrder?: boolean;
  readonly faults?: Changes;
}

async function check(what: string, setting: Setting): Promise<Explored> {
  const { start = 2 ** 31 - 16, faults, inOrder, followers, order = "sequential", deaths = 0 } = setting;
  const code = await broadcastCode(start, faults, inOrder);
  // Room for four messages.
  const where = new BroadcastWords(64, followers);
  return checked(`broadcast: ${what}`, {
    words: where.words,
    initial: where.initial(start),
    processes: [
      broadcaster(code, where, setting),
      ...Array.from({ length: followers }, () => follower(code, where)),
    ],
    specification: broadcastSpecification(where, followers),
    onDeath: endWriter(where),
    mortal: [1],
    order,
    deaths,
  });
}

/** The ring is full when the follower comes, and the next message takes the place of the first. */
const one: Setting = { messages: 5, before: 4, followers: 1 };

const short: readonly (readonly [string, Setting])[] = [
  ["a follower that may be overtaken", one],
  ["a follower that is woken for each message", { messages: 2, followers: 1 }],
  ["a follower that comes at any time", { messages: 2, followers: 1, isLate: true, start: 2 ** 32 - 16 }],
  ["stores that arrive late, loads that are early (arm64)", { ...one, order: "arm64", inOrder: false }],
  ["a writer that closes", { messages: 1, followers: 1, closes: true }],
  ["stores that arrive late (x64)", { ...one, order: "x64" }],
  ["a writer that may die", { messages: 2, followers: 1, batch: 2, deaths: 1 }],
];

const long: readonly (readonly [string, Setting])[] = [
  ["a follower that may be overtaken twice", { ...one, messages: 6 }],
  ["two followers", { messages: 1, followers: 2 }],
  ["two more messages on arm64", { ...one, messages: 6, batch: 2, order: "arm64", inOrder: false }],
  ["a writer that may die while it overwrites", { ...one, deaths: 1 }],
];

describe("the broadcast, in every order of the steps, gives each follower whole messages in order, counts what it missed and wakes it, with", () => {
  test.each(atLength ? [...short, ...long] : short)("%s", { timeout }, async (what, setting) => {
    const { states } = await check(what, setting);
    expect(states).toBeGreaterThan(100);
  });
});

describe("the check of the broadcast finds the fault when", () => {
  const sleeps = /sleeps at message/;
  const torn = /torn|in their order|comes after|announced|said to be there|outside buffer/;
  const arm64: Setting = { ...one, order: "arm64", inOrder: false };
  const faults: readonly (readonly [string, Setting, string, string, string, RegExp])[] = [
    [
      "a follower does not look again after it has copied",
      one,
      "broadcast-reader.ts",
      "const overwritten = this.#overwritten();",
      "const overwritten = 0;",
      torn,
    ],
    [
      "the writer overwrites without a word",
      one,
      "broadcast-writer.ts",
      "Atomics.store(this.#positions, OLDEST, BigInt(this.#oldestPosition));",
      "",
      torn,
    ],
    [
      "a message is published before it is written",
      one,
      "broadcast-writer.ts",
      "const at = this.#tail & mask;",
      "const at = this.#tail & mask; Atomics.store(this.#control, HEAD, (this.#tail + size) | 0);",
      torn,
    ],
    [
      "a follower does not look again after it has said that it sleeps",
      { messages: 2, followers: 1 },
      "follow-port.ts",
      "if (!this.#reader.look()) return;",
      "return;",
      sleeps,
    ],
    [
      "each sleep has the same number",
      { messages: 2, followers: 1 },
      "follow-port.ts",
      "this.#sleeps = (this.#sleeps % 0x3fffffff) + 1;",
      "this.#sleeps = 1;",
      sleeps,
    ],
    [
      "later stores may overtake the announcement (arm64)",
      arm64,
      "broadcast-writer.ts",
      "Atomics.load(this.#control, HEAD);",
      "",
      torn,
    ],
    [
      "the second look may come before the copy is read (arm64)",
      arm64,
      "broadcast-reader.ts",
      "if (!READS_IN_ORDER) Atomics.store(this.#fence, 0, 0);",
      "",
      torn,
    ],
  ];

  // With this many orders of stores the search is long.
  const isLong = (what: string): boolean => what.startsWith("later stores");
  test.each(atLength ? faults : faults.filter(([what]) => !isLong(what)))(
    "%s",
    { timeout },
    async (what, setting, file, from, to, error) => {
      await expect(check(what, { ...setting, faults: { [file]: [[from, to]] } })).rejects.toThrow(error);
    },
  );
});
