import { describe, expect, test } from "vitest";
import { ChannelError } from "sluice";
import { Line } from "../../../../src/mechanisms/shared-buffer/locks/line.js";
import type { LockOwner } from "../../../../src/mechanisms/shared-buffer/locks/lock-owner.js";
import { MutexProtocol } from "../../../../src/mechanisms/shared-buffer/locks/mutex-protocol.js";
import {
  type Outcome,
  REFUSED,
  TAKEN_FROM_DEAD,
} from "../../../../src/mechanisms/shared-buffer/locks/protocol.js";
import { GATE, OWNER, OWNER_MASK } from "../../../../src/mechanisms/shared-buffer/locks/words.js";
import { explore, type ModelProcess, type Specification } from "../../../support/model/explore.js";

function ownerOf(process: ModelProcess): LockOwner {
  return {
    id: process.id,
    isAlive: (id: number) => process.isAlive(id),
    watch: () => undefined,
  } as unknown as LockOwner;
}

/** What a mutex promises: who is in, and whether somebody died in there since it was last said to be consistent. */
interface MutexFacts {
  readonly inside: number;
  readonly dirty: boolean;
}

const mutexSpecification: Specification<MutexFacts> = {
  facts: { inside: 0, dirty: false },
  event(facts, id, event) {
    switch (event.split(" ", 1)[0]) {
      case "enters":
        if (facts.inside !== 0) throw new Error(`${id} enters while ${facts.inside} is inside`);
        if (facts.dirty !== event.includes("died"))
          throw new Error(`${id} is told wrongly whether an owner died`);
        return { ...facts, inside: id };
      case "repairs":
        return { ...facts, dirty: false };
      case "leaves":
        if (facts.inside !== id) throw new Error(`${id} leaves what it is not in`);
        return { ...facts, inside: 0 };
      case "refused":
        throw new Error(`${id} is refused though everybody repairs`);
      default:
        return facts;
    }
  },
  death(facts, id, words) {
    const had = ((words[OWNER] ?? 0) & OWNER_MASK) === id;
    return { inside: facts.inside === id ? 0 : facts.inside, dirty: facts.dirty || had };
  },
};

/** Takes the mutex so many times, with a limit to its patience if there is one. */
function mutexUser(rounds: number, timeout?: number): (process: ModelProcess) => void {
  return (process) => {
    const owner = ownerOf(process);
    const protocol = new MutexProtocol(process.words, owner);
    const line = new Line<undefined>(process.core, owner, protocol, () => undefined);
    process.state = () => protocol.held;
    for (let round = 0; round < rounds; round++) {
      process.tell(`begins ${round}`);
      const outcome = waitFor(line, timeout);
      if (outcome === undefined) continue;
      if (outcome === REFUSED) process.tell("refused");
      process.tell(`enters ${round}${outcome === TAKEN_FROM_DEAD ? " died" : ""}`);
      process.stay();
      if (outcome === TAKEN_FROM_DEAD) {
        protocol.markConsistent();
        process.tell(`repairs ${round}`);
      }
      process.tell(`leaves ${round}`);
      const count = protocol.release();
      if (count > 0) process.core.futexWake(process.words, GATE, count);
    }
  };
}

function waitFor(line: Line<undefined>, timeout: number | undefined): Outcome | undefined {
  try {
    return line.waitSync(timeout);
  } catch (error) {
    if (error instanceof ChannelError && error.code === "ERR_TIMEOUT") return undefined;
    throw error;
  }
}

describe("the mutex, in every order of the steps of its users", () => {
  test.each([
    ["two processes, twice each, nobody dies", 2, 2, 0, 0, false],
    ["two processes, twice each, and both die", 2, 2, 2, 1, true],
    ["three processes, and one dies", 3, 1, 1, 0, false],
  ])("%s", { timeout: 60_000 }, (_text, count, rounds, deaths, timeouts, impatient) => {
    const processes = Array.from({ length: count }, () => mutexUser(rounds));
    const states = explore({
      words: 3,
      processes,
      specification: mutexSpecification,
      deaths,
      timeouts,
      impatient,
    });
    console.log(_text, states);
    expect(states).toBeGreaterThan(100);
  });

  test("three processes, one of which gives up waiting", { timeout: 60_000 }, () => {
    const processes = [mutexUser(1), mutexUser(1), mutexUser(1, 5)];
    const states = explore({ words: 3, processes, specification: mutexSpecification, impatient: true });
    console.log(states);
    expect(states).toBeGreaterThan(1000);
  });
});
