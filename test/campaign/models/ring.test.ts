// The ring and its doorbell: the real RingPort, RingWriter and RingReader, in every order of their accesses to memory and of the calls that they make.
import { describe, expect, test } from "vitest";
import { atLength } from "../../support/campaign.js";
import type { Explored, Model } from "../../support/model/explore.js";
import { checked } from "../../support/model/figures.js";
import { closeSocket, type RingCode, ringAtStart, ringCode, ringWords } from "../../support/model/ring.js";
import { ringEnd, type RingUse } from "../../support/model/ring-end.js";
import {
  attacker,
  fewValues,
  ringSpecification,
  survives,
  tellingValues,
} from "../../support/model/ring-promises.js";
import type { Changes } from "../../support/model/variant.js";

const timeout = 1_200_000;

/** Positions are signed numbers of 32 bits: soon after this one they wrap. */
const START = 0x7fff_fff0;

interface Setting extends Pick<Model<never>, "order" | "deaths" | "mortal" | "time"> {
  readonly server: RingUse;
  readonly client: RingUse;
  /** Where positions begin. */
  readonly start?: number;
  readonly capacity?: number;
  readonly inOrder?: boolean;
  readonly faults?: Changes;
}

async function check(what: string, setting: Setting): Promise<Explored> {
  const {
    server,
    client,
    start = START,
    capacity = 32,
    faults,
    inOrder,
    order,
    deaths,
    mortal,
    time,
  } = setting;
  const code = await ringCode(start, faults, inOrder);
  const where = ringWords(capacity);
  return checked(`ring: ${what}`, {
    words: where.words,
    initial: ringAtStart(where, start),
    processes: [ringEnd(code, where, server), ringEnd(code, where, client)],
    specification: ringSpecification(where),
    onDeath: closeSocket(where),
    ...(order === undefined ? {} : { order }),
    ...(deaths === undefined ? {} : { deaths }),
    ...(mortal === undefined ? {} : { mortal }),
    ...(time === undefined ? {} : { time }),
  });
}

/** One side sends, the other receives. */
function oneWay(
  sizes: readonly number[],
  sender: RingUse = {},
  receiver: RingUse = {},
): Pick<Setting, "server" | "client"> {
  return { server: { ...sender, sends: sizes }, client: { ...receiver, expects: sizes } };
}

const short: readonly (readonly [string, Setting])[] = [
  ["a sender who may stop at any message, positions wrap", oneWay([8, 4], { mayStop: true })],
  ["more messages than the ring has room for", { ...oneWay([0, 0, 0], { batch: 3 }), capacity: 16 }],
  ["a receiver who pauses after each message", oneWay([8, 0], { mayStop: true }, { pausesAfter: 1 })],
  ["a receiver who spins before it sleeps", { ...oneWay([8], {}, { spin: 2000 }), time: "passes" }],
  ["both send one message", { server: { sends: [8], expects: [4] }, client: { sends: [4], expects: [8] } }],
  ["a sender who closes", oneWay([8, 4], { closes: true })],
  ["a sender who may die", { ...oneWay([8, 4]), deaths: 1, mortal: [1] }],
  ["a receiver who may die", { ...oneWay([0, 0, 0], { batch: 3 }), capacity: 16, deaths: 1, mortal: [2] }],
  ["messages that are written in place", oneWay([8, 4, 8], { lends: true, batch: 2, mayStop: true })],
  [
    "messages that are written in place, with stores that arrive late (x64)",
    { ...oneWay([8, 8], { lends: true, mayStop: true }), order: "x64" },
  ],
  ["stores that arrive late (x64)", { ...oneWay([8], { mayStop: true }), order: "x64" }],
  [
    "stores that arrive late, loads that are early (arm64)",
    { ...oneWay([8]), order: "arm64", inOrder: false },
  ],
];

const long: readonly (readonly [string, Setting])[] = [
  ["four messages, a ring of two records", oneWay([8, 4, 0, 8], { mayStop: true })],
  ["sizes that do not divide the ring", { ...oneWay([20, 12, 24, 8]), capacity: 64, start: -40 }],
  ["positions that pass 2^32", { ...oneWay([8, 4, 8]), start: -16 }],
  ["a full ring of two records with content", oneWay([8, 8, 8])],
  ["a batch that is larger than the ring, with content", oneWay([8, 8, 8], { batch: 3 })],
  ["a receiver who may die before it has made room", { ...oneWay([8, 8, 8]), deaths: 1, mortal: [2] }],
  ["batches and pauses", oneWay([8, 8, 8, 8], { batch: 2 }, { pausesAfter: 1 })],
  [
    "both send two messages",
    { server: { sends: [8, 8], expects: [4, 4] }, client: { sends: [4, 4], expects: [8, 8] } },
  ],
  [
    "both spin",
    {
      server: { sends: [8], expects: [4], spin: 2000 },
      client: { sends: [4], expects: [8], spin: 2000 },
      time: "passes",
    },
  ],
  ["three messages, both may die", { ...oneWay([8, 8, 8], { batch: 2 }), deaths: 2 }],
  [
    "messages that are written in place, on arm64",
    { ...oneWay([8, 4], { lends: true }), order: "arm64", inOrder: false },
  ],
  [
    "a batch that is written in place, on x64",
    { ...oneWay([8, 8, 8], { lends: true, batch: 2 }), order: "x64" },
  ],
  ["three messages on x64", { ...oneWay([8, 8, 8]), order: "x64" }],
  ["three messages on arm64", { ...oneWay([8, 8, 8]), order: "arm64", inOrder: false }],
];

describe("the ring, in every order of the steps of both sides, delivers everything once, whole and in order, and wakes whoever sleeps, with", () => {
  test.each(atLength ? [...short, ...long] : short)("%s", { timeout }, async (what, setting) => {
    const { states } = await check(what, setting);
    expect(states).toBeGreaterThan(100);
  });
});

/** How often a hostile peer writes, and whether into all words or only those that decide something. */
interface Hostility {
  readonly writes: 1 | 2;
  readonly everywhere: boolean;
}

/** One honest side, with a message published for it and another written: else most of what an attacker writes would never be read. */
function attacked(what: string, code: RingCode, use: RingUse, { writes, everywhere }: Hostility): Explored {
  const where = ringWords(32);
  const [, ring = 0] = where.ring;
  const [, tail = 0] = where.own;
  const begin = (code.start & 31) >> 2;
  const headers = [ring + begin, ring + ((begin + 4) & 7)] as const;
  const initial = {
    ...ringAtStart(where, code.start),
    [tail]: (code.start + 16) | 0,
    [headers[0]]: 8,
    [headers[1]]: 4,
  };
  const everything = Array.from({ length: where.bell[0] ?? 0 }, (_, word) => word);
  // Of a ring only the headers of records decide anything.
  const telling = everything.filter((word) => word < 10 || headers.includes(word));
  const values = writes === 1 ? tellingValues : fewValues;
  const attack = { writes, reach: everywhere ? everything : telling, values: values(code.start, 32) };
  const times = writes === 1 ? "one write" : "two writes";
  return checked(`hostile peer: ${what}, ${times} to ${attack.reach.length} words`, {
    words: where.words,
    initial,
    processes: [ringEnd(code, where, use), attacker(where, attack)],
    specification: survives,
    onDeath: closeSocket(where),
  });
}

describe("a side of the ring whose peer writes what it likes into all that both share", () => {
  const sends: RingUse = { sends: [8, 8, 8], batch: 3 };
  const once: Hostility = { writes: 1, everywhere: atLength };
  const twice: Hostility = { writes: 2, everywhere: false };
  const short = [
    ["ends with a documented error or goes on, while it receives", {}, once],
    ["ends with a documented error or goes on, while it sends", sends, once],
  ] as const;
  const long = [
    ["ends with a documented error or goes on, while it receives, after two writes", {}, twice],
    ["ends with a documented error or goes on, while it sends, after two writes", sends, twice],
  ] as const;
  test.each(atLength ? [...short, ...long] : short)("%s", { timeout }, async (_what, use, hostility) => {
    const what = "sends" in use ? "a side that sends" : "a side that receives";
    const { states } = attacked(what, await ringCode(START), use, hostility);
    expect(states).toBeGreaterThan(1000);
  });
});

describe("the check of the ring finds the fault when", () => {
  const full = { ...oneWay([0, 0, 0], { batch: 3 }), capacity: 16 };
  const plain = oneWay([8, 4], { mayStop: true });
  const sleeps = /sleeps, has received|sleeps for room|there is no way to the end/;
  const faults: readonly (readonly [string, Setting, string, string, string, RegExp])[] = [
    [
      "the receiver does not look again after it has said that it sleeps",
      plain,
      "ring-port.ts",
      "if (!this.reader.hasData) {",
      "if (true) {",
      sleeps,
    ],
    [
      "the sender does not look again after it has said that it waits for room",
      full,
      "ring-port.ts",
      "if (this.writer.hasRoom(wanted))",
      "if (!isLast && this.writer.hasRoom(wanted))",
      sleeps,
    ],
    [
      "nobody is woken for what was written in place",
      oneWay([8, 4], { lends: true, mayStop: true }),
      "ring-port.ts",
      "this.writer.commit(length);\n      this.#wakeReader();",
      "this.writer.commit(length);",
      sleeps,
    ],
    ["each sleep has the same number", plain, "ring-port.ts", "(this.#sleeps % 0x3fffffff) + 1", "1", sleeps],
    [
      "the sender rings for nobody",
      plain,
      "ring-port.ts",
      "next += written;\n        this.#wakeReader();",
      "next += written;",
      sleeps,
    ],
    [
      "a length is written after it was published",
      plain,
      "ring-writer.ts",
      "lengths[at >> 2] = length;\n      bytes.set(packet, at + HEADER_BYTES);\n      tail = (tail + size) | 0;",
      "bytes.set(packet, at + HEADER_BYTES);\n      tail = (tail + size) | 0;\n      this.#publish(tail);\n      lengths[at >> 2] = length;",
      /message 0 has|ERR_INVALID_MESSAGE/,
    ],
    [
      "the place of a record does not wrap",
      plain,
      "ring-writer.ts",
      "const at = tail & mask;\n      lengths",
      "const at = tail;\n      lengths",
      /outside of its memory/,
    ],
    [
      "positions do not wrap",
      full,
      "ring-writer.ts",
      "const used = (tail - head) | 0;",
      "const used = tail - head;",
      /ERR_INVALID_MESSAGE/,
    ],
    [
      "the sender looks for no room",
      full,
      "ring-writer.ts",
      "if (size > room) break;",
      "",
      /ERR_INVALID_MESSAGE|torn|is told|bytes instead/,
    ],
    [
      "what is being copied is given back already",
      { ...oneWay([8, 8, 8], { batch: 2 }), start: 0 },
      "ring-reader.ts",
      "this.#copy(at, begin, end);\n    const memory",
      "Atomics.store(this.#own, HEAD, (this.#cursor + wanted) | 0);\n    this.#copy(at, begin, end);\n    const memory",
      /torn|bytes instead/,
    ],
    [
      "what a peer has left is not read",
      oneWay([8], { closes: true }),
      "ring-port.ts",
      "this.reader.copyOut(this.#records, Infinity, Infinity);",
      "",
      /does not get all/,
    ],
  ];

  test.each(faults)("%s", { timeout }, async (what, setting, file, from, to, error) => {
    await expect(check(what, { ...setting, faults: { [file]: [[from, to]] } })).rejects.toThrow(error);
  });

  test("plain reads serve where the CPU may read early", { timeout }, async () => {
    const setting: Setting = { ...oneWay([8]), order: "arm64", inOrder: true };
    await expect(check("plain reads", setting)).rejects.toThrow(/torn|bytes instead|sleeps/);
  });

  test.each([
    [
      "a length is not compared with what is possible",
      "ring-reader.ts",
      "if (length < 0 || length > this.#largest) {",
      "if (false) {",
    ],
    [
      "what a peer did wrong does not end the channel",
      "ring-port.ts",
      "if (!(error instanceof RingViolation)) return error;",
      "return error;",
    ],
  ])("%s", { timeout }, async (what, file, from, to) => {
    const code = await ringCode(START, { [file]: [[from, to]] });
    expect(() => attacked(what, code, {}, { writes: 1, everywhere: false })).toThrow(/The steps:/);
  });
});
