/**
 * An exhaustive check of code that several processes run on shared memory: every order in which their single steps can happen, with deaths at any step.
 *
 * The code is that of the library itself. While it runs here, each of its atomic operations and futex calls is a step: a process is run from
 * its beginning, the steps it has done before give the results they gave then, one more is done, and it is stopped. What is equal for all that
 * can follow (memory, sleepers, where each process stands) is visited once.
 *
 * Steps are sequentially consistent, which is what `Atomics` promises. The code under test must be a function of the results of its steps.
 */
import { ETIMEDOUT } from "../../../src/native/constants.js";
import type { NativeCore } from "../../../src/native/native-core.js";
import { type Action, AtomicsAsSteps } from "./atomics.js";

/** What a process of the model can do beside its atomic operations. */
export interface ModelProcess {
  /** From 1; also its owner's number. */
  readonly id: number;
  /** The words that all share. */
  readonly words: Int32Array;
  readonly core: NativeCore;
  isAlive(id: number): boolean;
  /** Tells the specification of an event. It belongs to the step that follows. */
  tell(event: string): void;
  /** Does nothing, as a step: time in which others may do what they should not. */
  stay(): void;
  /** What, beside the last event and whether it has slept since, decides what the process will do: plain data. */
  state: () => unknown;
}

/** What must hold, seen from outside. Its facts are part of the state, so they must be plain data. */
export interface Specification<Facts> {
  readonly facts: Facts;
  /** A process tells of an event: the new facts, or a throw of what is wrong. */
  event(facts: Facts, id: number, event: string, words: Int32Array): Facts;
  /** A process dies. */
  death(facts: Facts, id: number, words: Int32Array): Facts;
  /** Nothing can happen any more: throws when that should not be. */
  end?(facts: Facts, words: Int32Array): void;
}

export interface Model<Facts> {
  readonly words: number;
  /** What some words hold at the beginning, by index; the others hold 0. */
  readonly initial?: Readonly<Record<number, number>>;
  readonly processes: readonly ((process: ModelProcess) => void)[];
  readonly specification: Specification<Facts>;
  /** How many processes may die, each at any of its steps. */
  readonly deaths?: number;
  /** Whether time passes while a process sleeps: 10 milliseconds, once. */
  readonly impatient?: boolean;
  /** How many sleeps may end by themselves although others could go on. Without a death no other ends by itself. */
  readonly timeouts?: number;
}

type Status = "runs" | "sleeps" | "ended" | "dead";

interface Process {
  readonly status: Status;
  /** The results of all its steps. */
  readonly log: readonly number[];
  /** How many of them are told by `standing`. */
  readonly known: number;
  readonly standing: string;
  /** Where it sleeps. */
  readonly word: number;
}

interface State<Facts> {
  readonly number: number;
  readonly memory: Int32Array;
  readonly processes: readonly Process[];
  readonly facts: Facts;
  readonly deaths: number;
  readonly timeouts: number;
  /** How it came to this, last first. */
  readonly trace: Trace | undefined;
}

interface Trace {
  readonly text: string;
  readonly before: Trace | undefined;
}

/** Stops a process. Made once, since a stack costs time. */
const PAUSE = new Error("stopped by the model");

/**
 * Goes through all that can happen, and returns how many states there are. Throws the first thing that is wrong, with the steps that led to it; a state from
 * which there is no way to the end of all processes that live is wrong, too.
 */
export function explore<Facts>(model: Model<Facts>): number {
  const start: State<Facts> = {
    number: 0,
    memory: Int32Array.from({ length: model.words }, (_, index) => model.initial?.[index] ?? 0),
    processes: model.processes.map(() => ({ status: "runs", log: [], known: 0, standing: "", word: 0 })),
    facts: model.specification.facts,
    deaths: model.deaths ?? 0,
    timeouts: model.timeouts ?? 0,
    trace: undefined,
  };
  const numbers = new Map([[keyOf(start), 0]]);
  const traces: (Trace | undefined)[] = [undefined];
  const ends: number[] = [];
  const steps = { from: [] as number[], to: [] as number[] };
  const open = [start];
  using run = new Run(model);
  for (let state = open.pop(); state !== undefined; state = open.pop()) {
    const from = state.number;
    if (state.processes.every(({ status }) => status === "ended" || status === "dead")) ends.push(from);
    for (const next of run.successors(state)) {
      const key = keyOf(next);
      let to = numbers.get(key);
      if (to === undefined) {
        to = numbers.size;
        numbers.set(key, to);
        traces.push(next.trace);
        open.push({ ...next, number: to });
      }
      steps.from.push(from);
      steps.to.push(to);
    }
  }
  const stuck = firstUnreached(numbers.size, ends, steps);
  if (stuck !== undefined) throw failure("there is no way to the end any more", traces[stuck]);
  return numbers.size;
}

/** The first state from which no end is reached. */
function firstUnreached(
  count: number,
  ends: readonly number[],
  { from, to }: { readonly from: readonly number[]; readonly to: readonly number[] },
): number | undefined {
  const before: number[][] = Array.from({ length: count }, () => []);
  to.forEach((state, index) => before[state]!.push(from[index]!));
  const reached = new Uint8Array(count);
  const open = [...ends];
  for (let state = open.pop(); state !== undefined; state = open.pop()) {
    if (reached[state] === 1) continue;
    reached[state] = 1;
    open.push(...before[state]!);
  }
  const stuck = reached.indexOf(0);
  return stuck < 0 ? undefined : stuck;
}

/** What is wrong, with the steps that led to it. */
class Violation extends Error {}

function failure(error: unknown, trace: Trace | undefined, last?: string): Error {
  const steps = last === undefined ? [] : [last];
  for (let at = trace; at !== undefined; at = at.before) steps.push(at.text);
  const message = error instanceof Error ? error.message : String(error);
  return new Violation(`${message}\n\nThe steps:\n${steps.reverse().join("\n")}`);
}

const processKeys = new WeakMap<Process, string>();

function processKey(process: Process): string {
  let key = processKeys.get(process);
  if (key === undefined) {
    const { status, log, known, standing, word } = process;
    key = `${status[0] ?? ""}${word}${standing}${log.slice(known).join()}`;
    processKeys.set(process, key);
  }
  return key;
}

function keyOf({ memory, processes, facts, deaths, timeouts }: State<unknown>): string {
  let key = `${memory.join()}${JSON.stringify(facts)}${deaths}${timeouts}`;
  for (const process of processes) key += `|${processKey(process)}`;
  return key;
}

class Run<Facts> implements Disposable {
  readonly #model: Model<Facts>;
  readonly #atomics: AtomicsAsSteps;
  readonly #words: Int32Array;
  /** The same, where each read of an element is a step. */
  readonly #plainReads: Int32Array;
  readonly #now = Object.getOwnPropertyDescriptor(performance, "now");
  #state!: State<Facts>;
  #index = 0;
  #process!: Process;
  #done = 0;
  #sleeps = 0;
  #event = "";
  // What was told since the last step.
  #facts!: Facts;
  #known = 0;
  #place = "";
  #modelled!: ModelProcess;
  #results: State<Facts>[] = [];

  constructor(model: Model<Facts>) {
    this.#model = model;
    this.#words = new Int32Array(model.words);
    this.#plainReads = new Proxy(this.#words, {
      get: (words, property) => {
        const index = typeof property === "string" ? Number(property) : NaN;
        if (!Number.isInteger(index)) return Reflect.get(words, property, words) as unknown;
        return this.#step("read", [index], () => words[index] ?? 0);
      },
    });
    this.#atomics = new AtomicsAsSteps(this.#words, (name, operands, action) =>
      this.#step(name, operands, action),
    );
    performance.now = () => (model.impatient === true && this.#sleeps > 0 ? 10 : 0);
  }

  [Symbol.dispose](): void {
    this.#atomics[Symbol.dispose]();
    // It is mostly inherited.
    if (this.#now === undefined) delete (performance as { now?: unknown }).now;
    else Object.defineProperty(performance, "now", this.#now);
  }

  /** All that can happen next. */
  successors(state: State<Facts>): State<Facts>[] {
    this.#results = [];
    this.#state = state;
    const { processes } = state;
    const canRun = processes.some(({ status }) => status === "runs");
    const hasDied = processes.some(({ status }) => status === "dead");
    processes.forEach((process, index) => {
      if (process.status === "runs") this.#advance(index);
      const isAlive = process.status === "runs" || process.status === "sleeps";
      if (isAlive && state.deaths > 0) this.#kill(index);
      if (process.status !== "sleeps") return;
      if (!canRun && hasDied) this.#wake(index, -ETIMEDOUT, state.timeouts);
      else if (state.timeouts > 0) this.#wake(index, -ETIMEDOUT, state.timeouts - 1);
    });
    if (!canRun && this.#results.length === 0) this.#end();
    return this.#results;
  }

  #end(): void {
    const sleepers = this.#state.processes.flatMap(({ status }, index) =>
      status === "sleeps" ? [index + 1] : [],
    );
    if (sleepers.length > 0) this.#fail(`nobody will ever wake ${sleepers.join(" and ")}`);
    try {
      this.#model.specification.end?.(this.#state.facts, this.#state.memory);
    } catch (error) {
      this.#fail(error);
    }
  }

  #advance(index: number): void {
    this.#index = index;
    this.#process = this.#state.processes[index]!;
    this.#done = 0;
    this.#event = "";
    this.#facts = this.#state.facts;
    this.#known = this.#process.known;
    this.#place = this.#process.standing;
    this.#sleeps = 0;
    this.#words.set(this.#state.memory);
    try {
      this.#modelled = this.#modelProcess(index + 1);
      this.#model.processes[index]!(this.#modelled);
    } catch (error) {
      if (error === PAUSE) return;
      if (error instanceof Violation) throw error;
      this.#fail(error);
    }
    this.#add("ends", { status: "ended" });
  }

  /** The result of a step: of one that was done before, or of one that is done now, after which the process is stopped. */
  #step(name: string, operands: readonly number[], action: Action): number {
    const before = this.#process.log[this.#done++];
    if (before !== undefined) return before;
    const result = action();
    this.#add(`${name}(${operands.join(", ")}) = ${result}`, { log: [...this.#process.log, result] });
    throw PAUSE;
  }

  #modelProcess(id: number): ModelProcess {
    const core = {
      futexWait: (_words: Int32Array, index: number, expected: number) => this.#sleep(index, expected),
      futexWake: (_words: Int32Array, index: number, count: number) => this.#wakeOthers(index, count),
    };
    return {
      id,
      words: this.#plainReads,
      core: core as unknown as NativeCore,
      isAlive: (other) =>
        this.#step("isAlive", [other], () => Number(this.#state.processes[other - 1]?.status !== "dead")) ===
        1,
      tell: (event) => {
        this.#tell(id, event);
      },
      stay: () => this.#step("stays", [], () => 0),
      state: () => undefined,
    };
  }

  #tell(id: number, event: string): void {
    this.#event = event;
    // Of a step that was done before, the specification knows.
    if (this.#done < this.#process.log.length) return;
    this.#known = this.#process.log.length;
    this.#place = this.#standing();
    try {
      this.#facts = this.#model.specification.event(this.#facts, id, event, this.#state.memory);
    } catch (error) {
      this.#fail(error, `${id} ${event}`);
    }
  }

  #standing(): string {
    return `${this.#event} ${Math.min(this.#sleeps, 1)} ${JSON.stringify(this.#modelled.state())}`;
  }

  #sleep(word: number, expected: number): number {
    const before = this.#process.log[this.#done++];
    this.#sleeps++;
    if (before !== undefined) return before;
    // Of what was before only this matters: that it has slept, and what its protocol remembers.
    const known = { known: this.#process.log.length + 1, standing: `slept ${this.#standing()}` };
    if (this.#words[word] === expected) this.#add(`sleeps at ${word}`, { ...known, status: "sleeps", word });
    else this.#add(`does not sleep at ${word}`, { ...known, log: [...this.#process.log, 0] });
    throw PAUSE;
  }

  #wakeOthers(word: number, count: number): number {
    const before = this.#process.log[this.#done++];
    if (before !== undefined) return before;
    const sleepers = this.#state.processes.flatMap((process, index) =>
      process.status === "sleeps" && process.word === word ? [index] : [],
    );
    const log = [...this.#process.log, 0];
    const choices = count === 1 ? sleepers.map((index) => [index]) : [sleepers];
    // Whoever the kernel chooses.
    for (const chosen of choices.length === 0 ? [[]] : choices) {
      this.#add(`wakes ${chosen.map((index) => index + 1).join(" and ") || "nobody"} at ${word}`, { log });
      for (const index of chosen) this.#wakeInLast(index, 0);
    }
    throw PAUSE;
  }

  #wakeInLast(index: number, result: number): void {
    const last = this.#results.pop()!;
    this.#results.push({ ...last, processes: awake(last.processes, index, result) });
  }

  #wake(index: number, result: number, timeouts: number): void {
    const trace = { text: `${index + 1} has slept long enough`, before: this.#state.trace };
    const processes = awake(this.#state.processes, index, result);
    this.#results.push({ ...this.#state, processes, timeouts, trace });
  }

  #kill(index: number): void {
    const { processes, deaths, trace, facts, memory } = this.#state;
    const dead: Process = { status: "dead", log: [], known: 0, standing: "", word: 0 };
    this.#results.push({
      ...this.#state,
      processes: processes.map((process, at) => (at === index ? dead : process)),
      deaths: deaths - 1,
      facts: this.#model.specification.death(facts, index + 1, memory),
      trace: { text: `${index + 1} dies`, before: trace },
    });
  }

  #add(text: string, change: Partial<Process>): void {
    const { processes } = this.#state;
    const changed = { ...this.#process, known: this.#known, standing: this.#place, ...change };
    this.#results.push({
      ...this.#state,
      memory: this.#words.slice(),
      processes: processes.map((process, index) => (index === this.#index ? changed : process)),
      facts: this.#facts,
      trace: { text: `${this.#index + 1} ${text}`, before: this.#state.trace },
    });
  }

  #fail(error: unknown, last?: string): never {
    throw failure(error, this.#state.trace, last);
  }
}

function awake(processes: readonly Process[], index: number, result: number): Process[] {
  return processes.map((process, at) =>
    at === index ? { ...process, status: "runs" as const, word: 0, log: [...process.log, result] } : process,
  );
}
