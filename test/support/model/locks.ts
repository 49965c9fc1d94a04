/** Users of locks, as programs of a model, and what they promise to each other. */
import { ChannelError } from "../../../src/core/errors.js";
import { Line } from "../../../src/mechanisms/shared-buffer/locks/line.js";
import type { LockOwner } from "../../../src/mechanisms/shared-buffer/locks/lock-owner.js";
import { MutexProtocol } from "../../../src/mechanisms/shared-buffer/locks/mutex-protocol.js";
import {
  type Outcome,
  type Protocol,
  REFUSED,
  TAKEN_FROM_DEAD,
} from "../../../src/mechanisms/shared-buffer/locks/protocol.js";
import { RwLockProtocol } from "../../../src/mechanisms/shared-buffer/locks/rwlock-protocol.js";
import { SemaphoreProtocol } from "../../../src/mechanisms/shared-buffer/locks/semaphore-protocol.js";
import {
  GATE,
  OWNER,
  OWNER_MASK,
  PENDING,
  PERMITS,
} from "../../../src/mechanisms/shared-buffer/locks/words.js";
import type { ModelProcess, Program, Specification } from "./explore.js";

/** How a program uses a lock. */
export interface Use {
  readonly rounds?: number;
  /** Gives up waiting after its first sleep, where time passes. */
  readonly givesUp?: boolean;
  /** A fault: it wakes nobody. */
  readonly wakesNobody?: boolean;
}

function ownerOf(process: ModelProcess): LockOwner {
  const owner = { id: process.id, isAlive: (id: number) => process.isAlive(id), watch: () => undefined };
  return owner as unknown as LockOwner;
}

/** Waits as `acquireSync` does; undefined: it gave up. */
function take(process: ModelProcess, protocol: Protocol, { givesUp }: Use): Outcome | undefined {
  const line = new Line<undefined>(process.core, ownerOf(process), protocol, () => undefined);
  try {
    return line.waitSync(givesUp === true ? 5 : undefined);
  } catch (error) {
    if (error instanceof ChannelError && error.code === "ERR_TIMEOUT") return undefined;
    throw error;
  }
}

function wake(process: ModelProcess, gate: number, count: number): void {
  if (count > 0) process.core.futexWake(process.words, gate, count);
}

/** Takes a mutex, repairs what the dead have left, and gives it back. */
export function mutexUser(use: Use = {}): Program {
  return (process) => {
    const protocol = new MutexProtocol(process.words, ownerOf(process));
    process.state = () => protocol.held;
    for (let round = 0; round < (use.rounds ?? 1); round++) {
      process.tell(`begins ${round}`);
      const outcome = take(process, protocol, use);
      if (outcome === undefined) continue;
      process.tell(`${outcome === REFUSED ? "is refused" : "enters"} ${round} ${outcome}`);
      process.stay();
      if (outcome === TAKEN_FROM_DEAD) {
        process.tell(`repairs ${round}`);
        protocol.markConsistent();
      }
      process.tell(`leaves ${round}`);
      const count = protocol.release();
      if (use.wakesNobody !== true) wake(process, GATE, count);
    }
  };
}

/** Has the mutex from the beginning, and gives it back: `initial` memory is `{ [OWNER]: id }`. */
export const mutexHolder: Program = (process) => {
  const protocol = new MutexProtocol(process.words, ownerOf(process));
  protocol.held = true;
  process.state = () => protocol.held;
  process.tell("enters");
  process.stay();
  process.tell("leaves");
  wake(process, GATE, protocol.release());
};

/** Who is inside, and whether somebody died with the lock since the data was last said to be consistent. */
export interface ExclusionFacts {
  readonly writer: number;
  readonly readers: readonly number[];
  readonly dirty: boolean;
}

/** What a mutex promises, and a rwlock. */
export const exclusion: Specification<ExclusionFacts> = {
  facts: { writer: 0, readers: [], dirty: false },
  event(facts, id, text) {
    const [event = "", , outcome] = text.replace("is refused", "refused").split(" ");
    const { writer, readers, dirty } = facts;
    if (event === "enters") {
      if (writer !== 0 || readers.length > 0) throw new Error(`${id} enters while others are inside`);
      if (dirty !== (outcome === String(TAKEN_FROM_DEAD)))
        throw new Error(`${id} is told wrongly whether an owner died`);
      return { ...facts, writer: id };
    }
    if (event === "reads") {
      if (writer !== 0 || dirty)
        throw new Error(`${id} reads what ${writer} writes, or a dead writer has left`);
      return { ...facts, readers: [...readers, id].sort((left, right) => left - right) };
    }
    if (event === "repairs") return { ...facts, dirty: false };
    if (event === "leaves") return without(facts, id);
    if (event === "refused" && !dirty) throw new Error(`${id} is refused though nobody died`);
    return facts;
  },
  death(facts, id, words) {
    const word = words[OWNER] ?? 0;
    const had = (word & OWNER_MASK) === id && (word & PENDING) === 0;
    return { ...without(facts, id), dirty: facts.dirty || had };
  },
};

function without(facts: ExclusionFacts, id: number): ExclusionFacts {
  const { writer, readers, dirty } = facts;
  return { writer: writer === id ? 0 : writer, readers: readers.filter((reader) => reader !== id), dirty };
}

/** A user of a rwlock that has room for so many readers. */
export function rwlockUser(side: "read" | "write", readers: number, use: Use = {}): Program {
  return (process) => {
    const lock = new RwLockProtocol(
      process.words,
      ownerOf(process),
      (gate, count) => {
        wake(process, gate, count);
      },
      readers,
    );
    const { read, write } = lock;
    process.state = () => [read.count, read.word, write.held, write.claimed, write.found, write.gate];
    for (let round = 0; round < (use.rounds ?? 1); round++) {
      process.tell(`begins ${round}`);
      const outcome = take(process, lock[side], use);
      if (outcome === undefined) continue;
      if (outcome === REFUSED) {
        process.tell(`is refused ${round}`);
        continue;
      }
      process.tell(`${side === "read" ? "reads" : "enters"} ${round} ${outcome}`);
      process.stay();
      if (outcome === TAKEN_FROM_DEAD) {
        process.tell(`repairs ${round}`);
        write.markConsistent();
      }
      process.tell(`leaves ${round}`);
      lock[side].release();
    }
  };
}

/** A user of a semaphore. */
export function semaphoreUser(permits: number, use: Use = {}): Program {
  return (process) => {
    const protocol = new SemaphoreProtocol(process.words, permits, ownerOf(process));
    process.state = () => [protocol.held, protocol.taken];
    for (let round = 0; round < (use.rounds ?? 1); round++) {
      process.tell(`begins ${round}`);
      const outcome = take(process, protocol, use);
      if (outcome === undefined) continue;
      process.tell(`has ${round} ${outcome}`);
      process.stay();
      process.tell(`gives ${round}`);
      wake(process, GATE, protocol.release(protocol.taken));
    }
  };
}

/** What a semaphore promises: never more holders than permits. */
export function countingOf(permits: number): Specification<readonly number[]> {
  return {
    facts: [],
    event(holders, id, text) {
      if (text.startsWith("gives")) return holders.filter((holder) => holder !== id);
      if (!text.startsWith("has")) return holders;
      if (holders.length === permits) throw new Error(`${id} has a permit too many`);
      return [...holders, id].sort((left, right) => left - right);
    },
    death: (holders, id) => holders.filter((holder) => holder !== id),
    end(_holders, words) {
      const free = words.slice(PERMITS, PERMITS + permits).filter((word) => word === 0).length;
      if (free === 0 && permits > 1) throw new Error("no permit has come back");
    },
  };
}
