/** One process of a model: runs its program up to the next step, again and again. */
import type { NativeCore } from "../../../src/native/native-core.js";
import { change, isSettled, load, type Memory, store } from "./memory.js";
import { arrayOver, SharedWords } from "./shared-words.js";

/** What a step does. */
export interface Effect {
  readonly result: number;
  readonly memory: Memory;
  /** For the trace. */
  readonly text: string;
  /** The process falls asleep; the result is that of its being woken. */
  readonly sleepsAt?: number;
  readonly wakes?: readonly number[];
  /** It may happen at any time, and need not happen soon: see {@link Way}. */
  readonly late?: Late;
}

/**
 * What may happen at any time and need not happen soon, such as the end of a long sleep. Whoever lives must get on without it, unless somebody has died; then one that `helps` must happen
 * when nothing else can.
 */
export type Late = "helps" | "is not needed";

/** A way in which a step can be done. */
export interface Way {
  readonly result: number;
  readonly text: string;
  readonly change?: (words: number[]) => void;
  readonly late?: Late;
}

/** The other processes, as a step may see them. */
export interface Others {
  isAlive(id: number): boolean;
  sleepersAt(word: number): number[];
}

/** All ways in which a step can be done now. None: it has to wait. */
export type Operation = (memory: Memory, process: number, others: Others) => Effect[];

/** Where a process stands. */
export interface Standing {
  readonly number: number;
  /** The results of all its steps. */
  readonly log: readonly number[];
  /** How many of them are told by `place`. */
  readonly known: number;
  readonly place: string;
  /** What it has told since the last step. */
  readonly events: readonly string[];
  /** What it does next. Undefined: it has ended. */
  readonly step: { readonly name: string; readonly operation: Operation } | undefined;
}

/** What a process of the model can do beside its accesses to memory. */
export interface ModelProcess {
  /** From 1; also its owner's number. */
  readonly id: number;
  /** The words that all share. */
  readonly words: Int32Array;
  readonly core: NativeCore;
  isAlive(id: number): boolean;
  /** Tells the specification of an event. It belongs to the step that follows. */
  tell(event: string): void;
  /** Tells of an event in the midst of something, where {@link ModelProcess.state} does not say all. */
  note(event: string): void;
  /** Does nothing, as a step: time in which others may do what they should not. */
  stay(): void;
  /** What, beside the last event and whether it has slept since, decides what the process will do: plain data. */
  state: () => unknown;
  /** Says that this alone decides what the process will do: plain data. */
  settle(standing: unknown): void;
  /** Does something whose stores are all seen at once, whatever the order of the model is: before the others come in, it would only multiply the states. */
  quietly(action: () => void): void;
  /** Any of the numbers below `count`; and what is done to the words by that, in the same step. */
  choose(text: string, count: number, action?: (words: number[], choice: number) => string): number;
  /** Changes words in one step, as a system call: returns its result, `undefined` to wait. */
  call(name: string, action: (words: number[]) => number | undefined): number;
  /** Any of the ways that there are now; none: it waits. */
  among(name: string, ways: (words: readonly number[], others: Others) => readonly Way[]): number;
}

export type Program = (process: ModelProcess) => void;

/** Whether time passes: not at all, 10 milliseconds in all for who has slept, or a millisecond between two looks at the clock. */
export type Time = "stands" | "passes in sleep" | "passes";

/** Steps between two of those points where a process says where it stands, or what it tells. More are taken for a loop without an end. */
const MOST_STEPS = 5000;

/** Stops a process. Made once, since a stack costs time. */
const PAUSE = new Error("stopped by the model");

/** What `performance.now` gives to the process that runs. */
let clock: (() => number) | undefined;
const realNow = Object.getOwnPropertyDescriptor(performance, "now");

export class ProcessRun implements Disposable {
  readonly #program: Program;
  readonly #index: number;
  readonly #time: Time;
  readonly #words: SharedWords;
  readonly #count: number;
  readonly #standings = new Map<string, Standing>();
  readonly #following = new Map<number, Map<number, Standing>>();
  // Of the run that is going on.
  #log: readonly number[] = [];
  #done = 0;
  #known = 0;
  #place = "";
  #event = "";
  #events: string[] = [];
  #sleeps = 0;
  #ticks = 0;
  #isQuiet = false;
  #process!: ModelProcess;
  #pending: Standing["step"];

  // `words`: how many there are; the word after them is its own.
  constructor(program: Program, index: number, words: number, time: Time) {
    this.#program = program;
    this.#index = index;
    this.#time = time;
    this.#count = words;
    this.#words = new SharedWords(
      {
        load: (word, isAtomic, name) => this.#load(word, isAtomic, name),
        store: (word, value, isAtomic) => {
          this.#store(word, value, isAtomic);
        },
        update: (name, word, action) => this.#update(name, word, action),
      },
      words + index,
    );
    performance.now = () => clock?.() ?? 0;
  }

  [Symbol.dispose](): void {
    // It is mostly inherited.
    if (realNow === undefined) delete (performance as { now?: unknown }).now;
    else Object.defineProperty(performance, "now", realNow);
  }

  first(): Standing {
    return this.#run([], { place: "", known: 0 });
  }

  /** Where a process stands after its step has given this. */
  next(standing: Standing, result: number): Standing {
    let following = this.#following.get(standing.number);
    if (following === undefined)
      this.#following.set(standing.number, (following = new Map<number, Standing>()));
    let next = following.get(result);
    if (next === undefined) {
      next = this.#run([...standing.log, result], standing);
      following.set(result, next);
    }
    return next;
  }

  #run(log: readonly number[], before: { readonly place: string; readonly known: number }): Standing {
    this.#log = log;
    this.#done = this.#sleeps = this.#ticks = 0;
    this.#known = before.known;
    this.#place = before.place;
    this.#event = "";
    this.#events = [];
    this.#isQuiet = false;
    this.#pending = undefined;
    this.#process = this.#modelled();
    clock = () => {
      if (this.#time === "passes") return this.#ticks++;
      return this.#time === "passes in sleep" && this.#sleeps > 0 ? 10 : 0;
    };
    using _access = this.#words.enter();
    try {
      this.#program(this.#process);
    } catch (error) {
      if (error !== PAUSE) throw error;
    }
    if (this.#log.length - this.#known > MOST_STEPS)
      throw new Error("it goes on and on, and waits for nothing");
    const key = `${this.#place} ${this.#log.slice(this.#known).join()} ${this.#pending === undefined ? "ended" : ""}`;
    const known = this.#standings.get(key);
    if (known !== undefined) return known;
    const standing: Standing = {
      number: this.#standings.size,
      log,
      known: this.#known,
      place: this.#place,
      events: this.#events,
      step: this.#pending,
    };
    this.#standings.set(key, standing);
    return standing;
  }

  /** The result of a step: of one that was done before. One that was not stops the process. */
  #step(name: string, operation: Operation): number {
    // Its code may have caught what stopped it.
    if (this.#pending !== undefined) throw PAUSE;
    const before = this.#log[this.#done];
    if (before !== undefined) {
      this.#done++;
      if (this.#done === this.#log.length) this.#events = [];
      return before;
    }
    this.#pending = { name, operation };
    throw PAUSE;
  }

  /** Whether it goes on from here, and not over steps that were done before, or behind the one that is to be done. */
  get #isAtEnd(): boolean {
    return this.#done === this.#log.length && this.#pending === undefined;
  }

  #load(word: number, isAtomic: boolean, name: string): number {
    return this.#step(`${name}s ${word}:`, (memory, process) =>
      load(memory, process, word, isAtomic).map((loaded) => ({
        result: loaded.value,
        memory: loaded.memory,
        text: String(loaded.value),
      })),
    );
  }

  #store(word: number, value: number, isAtomic: boolean): void {
    const isQuiet = this.#isQuiet;
    this.#step(`${isAtomic ? "stores" : "writes"} ${word}:`, (memory, process) => {
      const after = isQuiet
        ? change(
            memory,
            process,
            memory.words.map((other, at) => (at === word ? value : other)),
          )
        : store(memory, process, word, value, isAtomic);
      return after === undefined ? [] : [{ result: 0, memory: after, text: String(value) }];
    });
  }

  #update(name: string, word: number, action: (value: number) => number): number {
    return this.#step(`${name}s ${word}:`, (memory, process) => {
      if (!isSettled(memory, process)) return [];
      const words = memory.words.slice();
      const result = words[word]!;
      words[word] = action(result);
      return [{ result, memory: change(memory, process, words), text: `${result} to ${words[word]}` }];
    });
  }

  #modelled(): ModelProcess {
    const core = {
      futexWait: (_words: Int32Array, word: number, expected: number) => this.#sleep(word, expected),
      futexWake: (_words: Int32Array, word: number, count: number) => this.#wake(word, count),
    };
    return {
      id: this.#index + 1,
      words: arrayOver((index) => (index >= 0 && index < this.#count ? index : undefined), this.#count),
      core: core as unknown as NativeCore,
      isAlive: (id) =>
        this.#step("asks", (memory, _process, others) => {
          const isAlive = others.isAlive(id);
          return [
            { result: Number(isAlive), memory, text: `whether ${id} lives: ${isAlive ? "yes" : "no"}` },
          ];
        }) === 1,
      tell: (event) => {
        this.#tell(event);
      },
      note: (event) => {
        if (this.#isAtEnd) this.#events.push(event);
      },
      stay: () => {
        this.#step("stays", (memory) => [{ result: 0, memory, text: "" }]);
      },
      state: () => undefined,
      settle: (standing) => {
        if (!this.#isAtEnd) return;
        this.#known = this.#log.length;
        this.#place = JSON.stringify([standing, this.#events]);
      },
      quietly: (action) => {
        this.#isQuiet = true;
        action();
        this.#isQuiet = false;
      },
      choose: (text, count, action) =>
        this.#step("chooses", (memory, process) =>
          Array.from({ length: count }, (_, result) => {
            if (action === undefined) return { result, memory, text: `${text} ${result}` };
            const words = memory.words.slice();
            const done = action(words, result);
            return { result, memory: change(memory, process, words), text: `${text} ${done}` };
          }),
        ),
      call: (name, action) =>
        this.#step(name, (memory, process) => {
          if (!isSettled(memory, process)) return [];
          const words = memory.words.slice();
          const result = action(words);
          return result === undefined
            ? []
            : [{ result, memory: change(memory, process, words), text: `gives ${result}` }];
        }),
      among: (name, ways) =>
        this.#step(name, (memory, process, others) => {
          if (!isSettled(memory, process)) return [];
          return ways(memory.words, others).map(({ result, text, change: changes, late }) => {
            const words = memory.words.slice();
            changes?.(words);
            return { result, memory: change(memory, process, words), text, ...(late && { late }) };
          });
        }),
    };
  }

  #tell(event: string): void {
    this.#event = event;
    // Of a step that was done before, the specification knows.
    if (this.#done < this.#log.length) return;
    this.#events.push(event);
    this.#known = this.#log.length;
    this.#place = `${this.#place === "" ? "" : this.#events.slice(0, -1).join()} ${this.#standing()}`;
  }

  #standing(): string {
    return `${this.#event} ${Math.min(this.#sleeps, 1)} ${JSON.stringify(this.#process.state())}`;
  }

  #sleep(word: number, expected: number): number {
    const operation: Operation = (memory, process) => {
      if (!isSettled(memory, process)) return [];
      return memory.words[word] === expected
        ? [{ result: 0, memory, text: `at ${word}`, sleepsAt: word }]
        : [{ result: 0, memory, text: `not at ${word}, which has changed` }];
    };
    this.#sleeps++;
    const result = this.#step("sleeps", operation);
    if (this.#done < this.#log.length) return result;
    // Of what was before only this matters: that it has slept, and what its protocol remembers.
    this.#known = this.#log.length;
    this.#place = `slept ${this.#standing()}`;
    return result;
  }

  #wake(word: number, count: number): number {
    return this.#step("wakes", (memory, process, others) => {
      if (!isSettled(memory, process)) return [];
      const sleepers = others.sleepersAt(word);
      // Whoever the kernel chooses.
      const choices = count === 1 && sleepers.length > 0 ? sleepers.map((index) => [index]) : [sleepers];
      return choices.map((wakes) => ({
        result: 0,
        memory,
        wakes,
        text: `${wakes.map((index) => index + 1).join(" and ") || "nobody"} at ${word}`,
      }));
    });
  }
}
