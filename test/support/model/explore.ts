/**
 * An exhaustive check of code that several processes run on shared memory: every order in which their single steps can happen, with deaths at any step.
 *
 * The code is that of the library itself. While it runs here, each of its accesses to shared memory and each of its system calls is a step. What a process does next depends
 * only on what its steps before have given. So each of its standings is found once, by running it from its beginning with these results up to the next step, where it is
 * stopped; then the step is done in every state in which a process stands there. What is equal for all that can follow is visited once.
 *
 * The code under test must be a function of the results of its steps.
 */
import { arrivals, drain, keyOf, type Memory, memoryOf, type Order } from "./memory.js";
import { ProcessRun, type Program, type Standing, type Time } from "./process.js";
import { type Steps, type Trace, traceOf, unreached, Violation } from "./trace.js";

export type { ModelProcess, Program } from "./process.js";

/** What must hold, seen from outside. Its facts are part of the state, so they must be plain data. */
export interface Specification<Facts> {
  readonly facts: Facts;
  /** A process tells of an event: the new facts, or a throw of what is wrong. */
  event(facts: Facts, id: number, event: string, words: readonly number[]): Facts;
  /** A process dies. */
  death(facts: Facts, id: number, words: readonly number[]): Facts;
  /** Nothing can happen any more: throws when that should not be. */
  end?(facts: Facts, words: readonly number[]): void;
}

export interface Model<Facts> {
  readonly words: number;
  /** What some words hold at the beginning, by index; the others hold 0. */
  readonly initial?: Readonly<Record<number, number>>;
  readonly processes: readonly Program[];
  readonly specification: Specification<Facts>;
  /** How many processes may die, each at any of its steps. */
  readonly deaths?: number;
  /** Which of them may, by id; all by default. */
  readonly mortal?: readonly number[];
  /** What the kernel does when a process dies, or ends. */
  readonly onDeath?: (words: number[], id: number) => void;
  /** It stands by default. */
  readonly time?: Time;
  /** How many sleeps may end by themselves although others could go on. Without a death no other ends by itself. */
  readonly timeouts?: number;
  /** In which order others see what a process stores: sequential by default. */
  readonly order?: Order;
}

/** How much was gone through. */
export interface Explored {
  readonly states: number;
  readonly transitions: number;
  /** Steps of the longest of the shortest ways to a state. */
  readonly depth: number;
  readonly milliseconds: number;
}

type Status = "runs" | "sleeps" | "ended" | "dead";

interface Process {
  readonly status: Status;
  readonly standing: Standing;
  /** Where it sleeps. */
  readonly word: number;
}

interface State<Facts> {
  readonly number: number;
  readonly depth: number;
  readonly memory: Memory;
  readonly processes: readonly Process[];
  readonly facts: Facts;
  readonly deaths: number;
  readonly timeouts: number;
  /** How it came to this, last first. */
  readonly trace: Trace | undefined;
}

/**
 * Goes through all that can happen. Throws the first thing that is wrong, with the fewest steps that lead to it. Wrong is what the specification says; a sleeper whom nobody
 * will wake; and a state from which there is no way to an end, where each process has ended, died or waits for what need not come.
 */
export function explore<Facts>(model: Model<Facts>): Explored {
  const begin = process.hrtime.bigint();
  using search = new Search(model);
  const figures = search.run();
  const milliseconds = Math.round(Number(process.hrtime.bigint() - begin) / 1e6);
  return { states: figures.states, transitions: figures.transitions, depth: figures.depth, milliseconds };
}

class Search<Facts> implements Disposable {
  readonly #model: Model<Facts>;
  readonly #runs: readonly ProcessRun[];
  #state!: State<Facts>;
  #results: State<Facts>[] = [];
  /** What need not happen soon. */
  #late: State<Facts>[] = [];
  #isHelped = false;

  constructor(model: Model<Facts>) {
    this.#model = model;
    const { processes, words, time = "stands" } = model;
    this.#runs = processes.map((program, index) => new ProcessRun(program, index, words, time));
  }

  [Symbol.dispose](): void {
    for (const run of this.#runs) run[Symbol.dispose]();
  }

  run(): { states: number; transitions: number; depth: number } {
    const { words, initial, specification, deaths = 0, timeouts = 0, order = "sequential" } = this.#model;
    const content = Array.from({ length: words + this.#runs.length }, (_, index) => initial?.[index] ?? 0);
    const start: State<Facts> = {
      number: 0,
      depth: 0,
      memory: memoryOf(order, content, this.#runs.length),
      processes: this.#runs.map((run, index) => ({
        status: "runs",
        standing: this.#begin(run, index),
        word: 0,
      })),
      facts: specification.facts,
      deaths,
      timeouts,
      trace: undefined,
    };
    const numbers = new Map([[keyOfState(start), 0]]);
    const traces: (Trace | undefined)[] = [undefined];
    const ends: number[] = [];
    const steps: Steps = { from: [], to: [] };
    let open = [start];
    let depth = 0;
    // Breadth first: the first way that is found to something is a shortest.
    for (let following: State<Facts>[] = []; open.length > 0; open = following, following = []) {
      for (const state of open) {
        depth = state.depth;
        const { states, isEnd } = this.#successors(state);
        if (isEnd) ends.push(state.number);
        for (const next of states) {
          const key = keyOfState(next);
          let to = numbers.get(key);
          if (to === undefined) {
            to = numbers.size;
            numbers.set(key, to);
            traces.push(next.trace);
            following.push({ ...next, number: to, depth: depth + 1 });
          }
          steps.from.push(state.number);
          steps.to.push(to);
        }
      }
    }
    const stuck = unreached(numbers.size, ends, steps);
    if (stuck !== undefined) throw new Violation("there is no way to the end any more", traces[stuck]);
    return { states: numbers.size, transitions: steps.from.length, depth };
  }

  #begin(run: ProcessRun, index: number): Standing {
    try {
      return run.first();
    } catch (error) {
      throw new Violation(error, undefined, `${index + 1} begins`);
    }
  }

  /** All that can happen next, and whether nothing need happen any more. */
  #successors(state: State<Facts>): { readonly states: State<Facts>[]; readonly isEnd: boolean } {
    this.#results = [];
    this.#late = [];
    this.#isHelped = false;
    this.#state = state;
    const { processes, memory } = state;
    const hasDied = processes.some(({ status }) => status === "dead");
    const sleepers: number[] = [];
    processes.forEach(({ status }, index) => {
      if (status === "runs") this.#advance(index);
      else if (status === "sleeps") sleepers.push(index);
      for (const arrival of arrivals(memory, index))
        this.#push(`${index + 1}: ${arrival.text}`, { memory: arrival.memory });
    });
    const isQuiet = this.#results.length === 0;
    for (const index of sleepers) {
      if (isQuiet && hasDied) this.#wakeLate(index, state.timeouts);
      else if (state.timeouts > 0) this.#wakeLate(index, state.timeouts - 1);
    }
    const isEnd = this.#results.length === 0 && !(hasDied && this.#isHelped);
    if (isEnd) this.#end(sleepers);
    this.#results.push(...this.#late);
    if (state.deaths > 0)
      processes.forEach(({ status }, index) => {
        const isMortal = this.#model.mortal?.includes(index + 1) ?? true;
        if (isMortal && (status === "runs" || status === "sleeps")) this.#kill(index);
      });
    return { states: this.#results, isEnd };
  }

  #end(sleepers: readonly number[]): void {
    const { trace, memory } = this.#state;
    if (sleepers.length > 0) {
      const names = sleepers.map((index) => index + 1).join(" and ");
      throw new Violation(`nobody will ever wake ${names}`, trace);
    }
    let { facts } = this.#state;
    this.#state.processes.forEach(({ status, standing }, index) => {
      // What a process that waits has told before.
      if (status === "runs") facts = this.#told(index, standing, facts);
    });
    try {
      this.#model.specification.end?.(facts, memory.words);
    } catch (error) {
      throw new Violation(error, trace);
    }
  }

  #told(index: number, standing: Standing, before: Facts): Facts {
    let facts = before;
    for (const event of standing.events) {
      try {
        facts = this.#model.specification.event(facts, index + 1, event, this.#state.memory.words);
      } catch (error) {
        throw new Violation(error, this.#state.trace, `${index + 1} ${event}`);
      }
    }
    return facts;
  }

  /** Does the step at which a process stands, in every way in which it can be done. */
  #advance(index: number): void {
    const { memory, processes, facts } = this.#state;
    const { standing } = processes[index]!;
    const { step } = standing;
    if (step === undefined) {
      const words = memory.words.slice();
      if (memory.queues[index]!.length > 0) return;
      this.#model.onDeath?.(words, index + 1);
      this.#push(`${index + 1} ends`, {
        processes: this.#with(index, { status: "ended", standing, word: 0 }),
        facts: this.#told(index, standing, facts),
        memory: { ...memory, words },
      });
      return;
    }
    const effects = step.operation(memory, index, {
      isAlive: (id) => processes[id - 1]?.status !== "dead",
      sleepersAt: (word) =>
        processes.flatMap((process, at) =>
          process.status === "sleeps" && process.word === word ? [at] : [],
        ),
    });
    if (effects.length === 0) return;
    const told = this.#told(index, standing, facts);
    for (const effect of effects) {
      const text = `${index + 1} ${step.name} ${effect.text}`;
      const changed: Process =
        effect.sleepsAt === undefined
          ? { status: "runs", standing: this.#next(index, standing, effect.result, text), word: 0 }
          : { status: "sleeps", standing, word: effect.sleepsAt };
      let after = this.#with(index, changed);
      for (const woken of effect.wakes ?? []) after = this.#awake(after, woken, 0, text);
      const { late } = effect;
      if (late === "helps") this.#isHelped = true;
      this.#push(text, { processes: after, facts: told, memory: effect.memory }, late !== undefined);
    }
  }

  #wakeLate(index: number, timeouts: number): void {
    const text = `${index + 1} has slept long enough`;
    const processes = this.#awake(this.#state.processes, index, -1, text);
    this.#push(text, { processes, timeouts });
  }

  #awake(processes: readonly Process[], index: number, result: number, text: string): Process[] {
    const { standing } = processes[index]!;
    const awake: Process = { status: "runs", standing: this.#next(index, standing, result, text), word: 0 };
    return processes.map((process, at) => (at === index ? awake : process));
  }

  #next(index: number, standing: Standing, result: number, text: string): Standing {
    try {
      return this.#runs[index]!.next(standing, result);
    } catch (error) {
      throw new Violation(error, this.#state.trace, text);
    }
  }

  #kill(index: number): void {
    const { processes, deaths, facts, memory } = this.#state;
    const drained = drain(memory, index);
    const words = drained.words.slice();
    this.#model.onDeath?.(words, index + 1);
    const { standing } = processes[index]!;
    this.#push(`${index + 1} dies`, {
      processes: this.#with(index, { status: "dead", standing, word: 0 }),
      deaths: deaths - 1,
      facts: this.#model.specification.death(facts, index + 1, words),
      memory: { ...drained, words },
    });
  }

  #with(index: number, changed: Process): Process[] {
    return this.#state.processes.map((process, at) => (at === index ? changed : process));
  }

  #push(text: string, change: Partial<State<Facts>>, isLate = false): void {
    (isLate ? this.#late : this.#results).push({
      ...this.#state,
      ...change,
      trace: traceOf(text, this.#state.trace),
    });
  }
}

const factsKeys = new WeakMap<object, string>();

/** Most steps leave the facts as they are. */
function keyOfFacts(facts: unknown): string {
  if (typeof facts !== "object" || facts === null) return String(facts);
  let key = factsKeys.get(facts);
  if (key === undefined) factsKeys.set(facts, (key = JSON.stringify(facts)));
  return key;
}

function keyOfState({ memory, processes, facts, deaths, timeouts }: State<unknown>): string {
  let key = `${keyOf(memory)} ${keyOfFacts(facts)} ${deaths} ${timeouts}`;
  for (const { status, standing, word } of processes) {
    // Of one who has gone, nothing matters.
    key += status === "ended" || status === "dead" ? status : ` ${status} ${standing.number} ${word}`;
  }
  return key;
}
