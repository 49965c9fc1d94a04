/** What is promised of a connection over shared memory, to an honest peer and against a hostile one. */
import { HEADER_BYTES } from "../../../src/mechanisms/shared-buffer/ring-layout.js";
import type { Program, Specification } from "./explore.js";
import type { RingWords } from "./ring.js";

// ---- an honest peer --------------------------------------------------------------------------------------------------

interface RingFacts {
  readonly sent: readonly number[];
  readonly received: readonly number[];
  /** Who waits for room. */
  readonly waits: readonly boolean[];
  /** Who was told that the other side has gone. */
  readonly told: readonly boolean[];
}

/** What a connection promises: everything that was sent arrives, once, in order; who lives hears of an end. */
export function ringSpecification(where: RingWords): Specification<RingFacts> {
  const set = <T>(list: readonly T[], id: number, value: T): T[] =>
    list.map((other, at) => (at === id - 1 ? value : other));
  return {
    facts: { sent: [0, 0], received: [0, 0], waits: [false, false], told: [false, false] },
    event(facts, id, text) {
      const [event, value] = text.split(" ");
      if (event === "sent") return { ...facts, sent: set(facts.sent, id, Number(value)) };
      if (event === "received") {
        if (Number(value) !== facts.received[id - 1]! + 1)
          throw new Error(`${id} receives message ${value} twice or too early`);
        return { ...facts, received: set(facts.received, id, Number(value)) };
      }
      if (event === "failed" && value !== "ERR_PEER_DIED")
        throw new Error(`${id} ${text}, though its peer is honest`);
      if (event === "waits" || event === "goes-on")
        return { ...facts, waits: set(facts.waits, id, event === "waits") };
      return { ...facts, told: set(facts.told, id, true) };
    },
    death: (facts) => facts,
    end({ sent, received, waits, told }, words) {
      const closed = where.ended.map((word) => words[word] === 1);
      for (const self of [0, 1]) {
        const other = 1 - self;
        // Of one who has gone, everything is delivered that was published.
        if (told[self] === true && words[where.own[self]! + 1] !== words[where.own[other]!])
          throw new Error(`${self + 1} does not get all that was published`);
        if (closed[self] === true) continue;
        if (closed[other] === true) throw new Error(`${self + 1} is not told that ${other + 1} has gone`);
        if (received[self] !== sent[other])
          throw new Error(
            `${self + 1} sleeps, has received ${received[self]} messages, and ${sent[other]} were sent`,
          );
        if (waits[self] === true) throw new Error(`${self + 1} sleeps for room, and there is some`);
      }
    },
  };
}

// ---- a hostile peer --------------------------------------------------------------------------------------------------

/** What a length, a position or a flag should not be, and what they may be. */
export function tellingValues(start: number, capacity: number): number[] {
  const nan = 0x7ff8_0000;
  const limit = capacity / 2 - HEADER_BYTES;
  const numbers = [0, 1, limit, limit + 1, capacity, 0x7fff_ffff, -0x8000_0000, -1, nan];
  const positions = [-8, 0, 8, 16, 17, capacity, capacity + 8].map((offset) => (start + offset) | 0);
  return [...new Set([...numbers, ...positions])];
}

/** Fewer, where two of them are written one after the other. */
export function fewValues(start: number, capacity: number): number[] {
  const positions = [8, 17, capacity].map((offset) => (start + offset) | 0);
  return [0, capacity / 2, 0x7fff_ffff, -1, ...positions];
}

/** What somebody may write, and where. */
export interface Attack {
  readonly writes: number;
  readonly reach: readonly number[];
  readonly values: readonly number[];
}

/** Writes any of these values to any of these words, so often, each time at any moment, and rings. */
export function attacker(where: RingWords, { writes, reach, values }: Attack): Program {
  return (process) => {
    for (let write = 0; write < writes; write++) {
      process.settle(write);
      process.choose("to write", reach.length * values.length, (words, choice) => {
        const word = reach[Math.floor(choice / values.length)]!;
        words[word] = values[choice % values.length]!;
        words[where.bell[0]!] = 1;
        return `${words[word]} to ${word}`;
      });
    }
    process.settle("done");
  };
}

/** What an honest side promises whatever its peer does: it goes on, or ends with an error that is documented. */
export const survives: Specification<null> = {
  facts: null,
  event(facts, id, text) {
    const [event, code] = text.split(" ");
    if (event === "failed" && code !== "ERR_INVALID_MESSAGE" && code !== "ERR_PEER_DIED")
      throw new Error(`${id} ${text}`);
    return facts;
  },
  death: (facts) => facts,
};
