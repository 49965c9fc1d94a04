/**
 * The threads of the core that sleep for an event loop, as one process of a model: each step of src/native/sleeper.c that others can see, in every order. The real sleepers.ts works with them.
 *
 * That a thread looks again by itself after 20 ms is a step that may come at any time, and that nobody may need as long as all live.
 */
import { EINVAL, ENOENT } from "../../../src/native/constants.js";
import type { ModelProcess, Program } from "./explore.js";
import type { Others, Way } from "./process.js";
import { wordOf } from "./shared-words.js";

/** Which of them the event loop and the thread agree on. */
const IDLE = 0;
const ASLEEP = 1;
const CANCELLED = 2;
const DONE = 3;

/** Where the thread is. */
const ABOVE = 0;
const QUEUED = 1;
const WOKEN = 2;
/** Woken after it was cancelled. */
const UNWANTED = 3;

interface Sleeper {
  readonly state: number;
  readonly at: number;
  /** The word on which it sleeps, and what that must be. */
  readonly word: number;
  readonly expected: number;
  /** Whose death ends it; 0: nobody's. */
  readonly watch: number;
  /** It sleeps no longer than 20 ms, while the one that it watches lives. */
  readonly isShort: boolean;
}

const NOTHING: Sleeper = { state: IDLE, at: ABOVE, word: 0, expected: 0, watch: 0, isShort: false };

/** Two words for each. */
function pack({ state, at, word, expected, watch, isShort }: Sleeper): readonly [number, number] {
  return [at | (state << 3) | (Number(isShort) << 5) | (watch << 6) | (word << 10), expected];
}

function unpack(packed: number, expected: number): Sleeper {
  return {
    at: packed & 7,
    state: (packed >> 3) & 3,
    isShort: ((packed >> 5) & 1) === 1,
    watch: (packed >> 6) & 15,
    word: packed >> 10,
    expected,
  };
}

const EACH = 2;

export class Threads {
  /** The first word behind them. */
  readonly end: number;
  readonly #first: number;
  readonly #processes: number;
  readonly #count: number;

  /**
   * @param first - the first of their words
   * @param processes - how many processes have some: the first ones of the model
   * @param count - how many each has at most
   */
  constructor(first: number, processes: number, count = 2) {
    this.#first = first;
    this.#processes = processes;
    this.#count = count;
    this.end = first + processes * (1 + EACH * count);
  }

  /** The word that says whether the event loop of a process is to look at its threads. */
  bell(id: number): number {
    return this.#first + id - 1;
  }

  /** A process has died, and its threads with it. */
  clear(words: number[], id: number): void {
    words[this.bell(id)] = 0;
    for (let number = 0; number < this.#count; number++) this.#set(words, id, number, NOTHING);
  }

  #place(id: number, number: number): number {
    return this.#first + this.#processes + EACH * ((id - 1) * this.#count + number);
  }

  #get(words: readonly number[], id: number, number: number): Sleeper {
    const place = this.#place(id, number);
    return unpack(words[place]!, words[place + 1]!);
  }

  #set(words: number[], id: number, number: number, sleeper: Sleeper): void {
    words.splice(this.#place(id, number), EACH, ...pack(sleeper));
  }

  /** What `NativeCore` has for them, of a process. */
  core(process: ModelProcess): object {
    const { id } = process;
    return {
      eventfd: () => 3,
      clearEvent: () =>
        process.call("clears its bell, which", (words) => {
          words[this.bell(id)] = 0;
          return 0;
        }),
      sleepBegin: (
        array: Int32Array,
        index: number,
        expected: number,
        milliseconds: number,
        fd: number,
        byte: number,
      ) => {
        const word = wordOf(array, index);
        return process.call(`lets a thread sleep at ${word} while it is ${expected}: it`, (words) => {
          for (let number = 0; number < this.#count; number++) {
            if (this.#get(words, id, number).state !== IDLE) continue;
            const watch = fd < 0 ? 0 : byte;
            const isShort = milliseconds <= 20;
            this.#set(words, id, number, { ...NOTHING, state: ASLEEP, word, expected, watch, isShort });
            return number;
          }
          throw new Error(`process ${id} wants more than ${this.#count} threads`);
        });
      },
      sleepCancel: (number: number) =>
        process.call(`cancels the sleep of thread ${number}, which`, (words) => {
          if (number >= this.#count) return -EINVAL;
          const sleeper = this.#get(words, id, number);
          const { state, at, word, expected } = sleeper;
          if (state === ASLEEP)
            this.#set(words, id, number, { ...NOTHING, state: CANCELLED, at, word, expected });
          else if (state === DONE) this.#set(words, id, number, NOTHING);
          else return -ENOENT;
          return Number(state === DONE);
        }),
      sleepsEnded: (ended: Int32Array) => {
        const mask = process.call("asks for the sleeps that have ended, which", (words) => {
          let found = 0;
          for (let number = 0; number < this.#count; number++) {
            if (this.#get(words, id, number).state !== DONE) continue;
            this.#set(words, id, number, NOTHING);
            found |= 1 << number;
          }
          return found;
        });
        let count = 0;
        for (let number = 0; number < this.#count; number++)
          if ((mask & (1 << number)) !== 0) ended[count++] = number;
        return count;
      },
      futexWake: (array: Int32Array, index: number, count: number) => {
        const word = wordOf(array, index);
        return process.among("wakes", (words) => this.#wakes(words, word, count));
      },
    };
  }

  /** Whom the kernel may choose. */
  #wakes(words: readonly number[], word: number, count: number, more?: (words: number[]) => void): Way[] {
    const queued = this.#all(words).filter(({ sleeper }) => sleeper.at === QUEUED && sleeper.word === word);
    const choices = count === 1 && queued.length > 0 ? queued.map((one) => [one]) : [queued];
    return choices.map((woken) => ({
      result: woken.length,
      text: `${woken.map(({ id, number }) => `${id}'s thread ${number}`).join(" and ") || "nobody"} at ${word}`,
      change: (changed) => {
        more?.(changed);
        for (const { id, number, sleeper } of woken) {
          const at = sleeper.state === ASLEEP ? WOKEN : UNWANTED;
          this.#set(changed, id, number, { ...sleeper, at });
        }
      },
    }));
  }

  #all(
    words: readonly number[],
  ): { readonly id: number; readonly number: number; readonly sleeper: Sleeper }[] {
    const all = [];
    for (let id = 1; id <= this.#processes; id++)
      for (let number = 0; number < this.#count; number++)
        all.push({ id, number, sleeper: this.#get(words, id, number) });
    return all;
  }

  /** The threads themselves. A fault: `swallows`, a thread that nobody wants any more keeps a wake-up to itself. */
  program({ swallows = false } = {}): Program {
    return (process) => {
      for (;;) {
        process.settle("threads");
        process.among("threads:", (words, others) =>
          this.#all(words).flatMap(({ id, number, sleeper }) =>
            this.#ways(words, others, id, number, sleeper, swallows).map((way) => ({
              ...way,
              text: `${id}'s thread ${number} ${way.text}`,
            })),
          ),
        );
      }
    };
  }

  #ways(
    words: readonly number[],
    others: Others,
    id: number,
    number: number,
    sleeper: Sleeper,
    swallows: boolean,
  ): Way[] {
    const { state, at, word, expected, watch, isShort } = sleeper;
    const become = (text: string, change: Partial<Sleeper>, late?: Way["late"]): Way => ({
      result: 0,
      text,
      change: (changed) => {
        this.#set(changed, id, number, { ...sleeper, ...change });
      },
      ...(late && { late }),
    });
    const isWanted = state === ASLEEP;
    const isSame = words[word] === expected;
    // What it tells its event loop, and rings, in one step: rung once more, the loop finds nothing.
    const ends = (text: string, late?: Way["late"]): Way => ({
      result: 0,
      text,
      change: (changed) => {
        this.#set(changed, id, number, isWanted ? { ...NOTHING, state: DONE } : NOTHING);
        if (isWanted) changed[this.bell(id)] = 1;
      },
      ...(late && { late }),
    });
    switch (at) {
      case ABOVE: {
        if (state === IDLE || state === DONE) return [];
        const sleeps = isSame ? become("sleeps", { at: QUEUED }) : ends("finds the word changed");
        return isWanted || !isSame ? [sleeps] : [sleeps, ends("is free")];
      }
      case QUEUED: {
        if (!isWanted) return [ends("has slept in vain", "helps")];
        if (!isSame) return [become("looks again", { at: ABOVE }, "helps")];
        const isOver = watch === 0 ? isShort : !others.isAlive(watch);
        if (isOver) return [ends("has slept long enough", "helps")];
        return [];
      }
      case WOKEN: {
        if (isWanted) return [ends("is awake")];
        // Cancelled meanwhile: after it had looked, or before.
        const passes = swallows ? [] : this.#passes(words, id, number, word);
        return [ends("is awake, and wanted no more"), ...passes];
      }
      case UNWANTED:
        return swallows ? [ends("is awake")] : this.#passes(words, id, number, word);
      default:
        throw new Error(`a thread is at ${at}`);
    }
  }

  #passes(words: readonly number[], id: number, number: number, word: number): Way[] {
    return this.#wakes(words, word, 1, (changed) => {
      this.#set(changed, id, number, NOTHING);
    }).map((way) => ({ ...way, text: `wakes ${way.text} instead` }));
  }
}
