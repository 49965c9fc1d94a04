/** Those who wait for locks and conditions without blocking, as processes of a model: the real classes, from the promise down to the sleep of a thread. */
import { ChannelError } from "../../../src/core/errors.js";
import type { Condition } from "../../../src/mechanisms/shared-buffer/locks/condition.js";
import type { ExclusiveLease, Lease, Lock } from "../../../src/mechanisms/shared-buffer/locks/lock.js";
import type { Mutex } from "../../../src/mechanisms/shared-buffer/locks/mutex.js";
import { TAKEN, TAKEN_FROM_DEAD } from "../../../src/mechanisms/shared-buffer/locks/protocol.js";
import type { RwLock } from "../../../src/mechanisms/shared-buffer/locks/rwlock.js";
import { FREE, OWNER, OWNER_MASK, WAITER_COUNT } from "../../../src/mechanisms/shared-buffer/locks/words.js";
import type { Semaphore } from "../../../src/mechanisms/shared-buffer/locks/semaphore.js";
import { EventLoop } from "./event-loop.js";
import type { ModelProcess, Program } from "./explore.js";
import { ModelPromise, runJobs } from "./promise.js";
import { arrayOver } from "./shared-words.js";
import { Threads } from "./sleepers.js";
import { type Changes, loadVariant } from "./variant.js";

const folder = "mechanisms/shared-buffer/";
const locks = `${folder}locks/`;
const names = ["line", "lock", "mutex", "mutex-protocol", "rwlock", "rwlock-protocol", "semaphore"];
const files = [
  ...[...names, "semaphore-protocol", "gate", "condition", "sleepers"].map((name) => `${locks}${name}.ts`),
  `${folder}memory-order.ts`,
  "core/wait.ts",
];

/** How many readers a rwlock has room for here. */
export const READERS_HERE = 2;

interface Modelled {
  modelState(): unknown;
}

/** The code of the locks, as it is or with a fault. */
export interface LockCode {
  readonly Mutex: new (owner: object, words: Int32Array) => Mutex & Modelled;
  readonly RwLock: new (owner: object, words: Int32Array) => RwLock & Modelled;
  readonly Semaphore: new (owner: object, words: Int32Array, permits: number) => Semaphore & Modelled;
  readonly Condition: new (words: Int32Array) => Condition & Modelled;
}

/** Loads it. `changes`: faults, by file in src/mechanisms/shared-buffer/locks. */
export async function lockCode(changes: Changes = {}, inOrder = true): Promise<LockCode> {
  const all: Record<string, readonly (readonly [string, string])[]> = {
    // A thread of the library is a process here.
    [`${locks}sleepers.ts`]: [
      ["return (Sleepers.#ofThread ??= new Sleepers(core));", "return core.sleepers ??= new Sleepers(core);"],
    ],
    [`${locks}line.ts`]: [
      ["readonly since = performance.now();", "readonly since = timeOfWait(true);"],
      ["=> performance.now() - since", "=> timeOfWait() - since"],
    ],
    [`${locks}rwlock-protocol.ts`]: [
      ["readerCount: number = READER_COUNT", `readerCount: number = ${READERS_HERE}`],
    ],
    [`${folder}memory-order.ts`]: [['process.arch === "x64"', String(inOrder)]],
  };
  for (const [file, list] of Object.entries(changes)) {
    const path = `${locks}${file}`;
    all[path] = [...(all[path] ?? []), ...list];
  }
  return loadVariant<LockCode>(files, all);
}

// ---- where everything is ---------------------------------------------------------------------------------------------

const CONDITION_WORDS = 3;

/** The words of the lock come first, so that those of locks.ts are where it says. */
export class WaitWords {
  readonly lock: number;
  readonly condition: number;
  /** How many jobs there are. */
  readonly jobs: number;
  readonly threads: Threads;
  readonly words: number;

  /** `lock`: how many words the lock has. */
  constructor(lock: number, processes: number, sleepersOfEach = 2) {
    this.lock = lock;
    this.condition = lock;
    this.jobs = lock + CONDITION_WORDS;
    this.threads = new Threads(this.jobs + 1, processes, sleepersOfEach);
    this.words = this.threads.end;
  }
}

// ---- a process -------------------------------------------------------------------------------------------------------

/** One of those who wait in a process: a function that stops at each promise. */
export type Task = (actor: Actor, own: Own) => Generator<PromiseLike<unknown>, void, never>;

/** What decides how a task goes on. */
interface Own {
  stage: string;
  lease: Lease | undefined;
}

/** What a process has. */
export interface Actor {
  readonly process: ModelProcess;
  readonly jobs: Int32Array;
  readonly condition: Condition;
  readonly lock: Lock<Lease>;
}

export type Kind = "mutex" | "read" | "write" | "semaphore";

interface Settings {
  readonly code: LockCode;
  readonly where: WaitWords;
  readonly kind?: Kind;
  /** Whether anybody may die: else nobody need be asked. */
  readonly mayDie?: boolean;
  /** The mutex is waited for by looking at it: for a case in which only the condition matters. */
  readonly polls?: boolean;
  /** It begins only when so many wait for the condition. */
  readonly comesAfter?: number;
}

/** A process with these tasks. */
export function waiter(
  { code, where, kind = "mutex", mayDie = false, comesAfter = 0, polls = false }: Settings,
  tasks: readonly Task[],
): Program {
  return (process) => {
    const loop = new EventLoop();
    loop.core = where.threads.core(process);
    const view = (first: number, length: number): Int32Array =>
      arrayOver((index) => (index >= 0 && index < length ? first + index : undefined), length);
    const owner = {
      id: process.id,
      isAlive: (id: number) => !mayDie || process.isAlive(id),
      watch: (id: number) => (id === 0 ? undefined : { fd: 0, byte: id }),
    };
    const { lock, state } = lockOf(code, kind, owner, view(0, where.lock));
    const condition = new code.Condition(view(where.condition, CONDITION_WORDS));
    if (polls) poll(process, lock);
    if (kind === "mutex") noteReturns(process, lock);
    const actor: Actor = { process, lock, condition, jobs: view(where.jobs, 1) };
    // In the order in which they have come to where they are.
    const order: Own[] = [];
    if (comesAfter > 0)
      process.call("comes, which", (words) =>
        words[where.condition + WAITER_COUNT]! < comesAfter ? undefined : 0,
      );
    const owns = tasks.map((task) => begin(task, actor, order));
    for (;;) {
      runJobs();
      process.settle([
        order.map((own) => [owns.indexOf(own), own.stage, own.lease?.isHeld, own.lease?.ownerDied]),
        state(),
        condition.modelState(),
        (loop.core as { sleepers?: Modelled }).sleepers?.modelState(),
        [loop.timers.length, loop.hasWaited, loop.watched !== undefined],
      ]);
      const choice = process.among("waits for its event loop, which", (words) => {
        const isRung = loop.watched !== undefined && words[where.threads.bell(process.id)] === 1;
        return [
          ...(isRung ? [{ result: -1, text: "hears of a sleep" }] : []),
          ...loop.timers.map((_timer, result) => ({
            result,
            text: "has waited long enough",
            late: "is not needed" as const,
          })),
        ];
      });
      loop.hasWaited = true;
      if (choice < 0) loop.watched?.callback(0, 1);
      else loop.timers[choice]?.callback();
    }
  };
}

function lockOf(
  code: LockCode,
  kind: Kind,
  owner: object,
  words: Int32Array,
): { readonly lock: Lock<Lease>; readonly state: () => unknown } {
  if (kind === "mutex") {
    const mutex = new code.Mutex(owner, words);
    return { lock: mutex, state: () => mutex.modelState() };
  }
  if (kind === "semaphore") {
    const semaphore = new code.Semaphore(owner, words, 1);
    return { lock: semaphore, state: () => semaphore.modelState() };
  }
  const rwlock = new code.RwLock(owner, words);
  return { lock: rwlock[kind], state: () => rwlock.modelState() };
}

/** Stands still until the lock is free or that of the dead. */
function poll(process: ModelProcess, lock: Lock<Lease>): void {
  lock.acquire = () => {
    for (;;) {
      process.among("waits for the mutex, which", (words, others) => {
        const owner = words[OWNER]! & OWNER_MASK;
        return owner === FREE || !others.isAlive(owner) ? [{ result: 0, text: "can be had" }] : [];
      });
      const lease = lock.tryAcquire();
      if (lease !== undefined) return ModelPromise.resolve(lease) as unknown as Promise<Lease>;
    }
  };
}

/** A condition takes the mutex again by itself: from then on it is the mutex that is waited for. */
function noteReturns(process: ModelProcess, lock: Lock<Lease>): void {
  const acquire = lock.acquire.bind(lock);
  lock.acquire = (options) => {
    if (options === undefined) process.note("returns");
    return acquire(options);
  };
}

function begin(task: Task, actor: Actor, order: Own[]): Own {
  const own: Own = { stage: "begins", lease: undefined };
  order.push(own);
  const steps = task(actor, own);
  const go = (next: () => IteratorResult<PromiseLike<unknown>, void>): void => {
    const stage = own.stage;
    const { done = false, value } = next();
    if (own.stage !== stage) order.push(...order.splice(order.indexOf(own), 1));
    if (done || value === undefined) return;
    ModelPromise.resolve(value).then(
      (result) => {
        go(() => steps.next(result));
      },
      (error: unknown) => {
        go(() => steps.throw(error));
      },
    );
  };
  void ModelPromise.resolve().then(() => {
    go(() => steps.next());
  });
  return own;
}

// ---- what tasks do ---------------------------------------------------------------------------------------------------

const hasTimedOut = (error: unknown): boolean =>
  error instanceof ChannelError && error.code === "ERR_TIMEOUT";

function enters({ process }: Actor, own: Own, lease: Lease, event = "enters"): void {
  own.stage = "is inside";
  own.lease = lease;
  process.note(`${event} 0 ${lease.ownerDied ? TAKEN_FROM_DEAD : TAKEN}`);
}

function repairs({ process }: Actor, lease: Lease): void {
  if (!lease.ownerDied || !("markConsistent" in lease)) return;
  process.note("repairs");
  (lease as ExclusiveLease).markConsistent();
}

function leaves({ process }: Actor, own: Own, event = "leaves"): void {
  process.note(event);
  own.stage = "leaves";
  own.lease?.release();
  own.lease = undefined;
}

/** How a task waits. */
export interface Patience {
  /** It may give up, at any time. */
  readonly mayGiveUp?: boolean;
}

/** Takes the lock and gives it back. */
export function user({ mayGiveUp = false }: Patience = {}, event = "enters"): Task {
  return function* (actor, own) {
    const { process, lock } = actor;
    own.stage = "acquires";
    process.note("acquires");
    try {
      const lease: Lease = yield lock.acquire(mayGiveUp ? { timeout: 1000 } : {});
      enters(actor, own, lease, event);
      process.stay();
      repairs(actor, lease);
      leaves(actor, own, event === "has" ? "gives" : "leaves");
    } catch (error) {
      if (!hasTimedOut(error)) throw error;
      process.note("gives-up");
    }
    own.stage = "rests";
  };
}

/** Waits for a job and takes it. */
export function worker({ mayGiveUp = false }: Patience = {}): Task {
  return function* (actor, own) {
    const { process, lock, jobs, condition } = actor;
    own.stage = "acquires";
    process.note("acquires");
    const lease: ExclusiveLease = yield lock.acquire({});
    enters(actor, own, lease);
    repairs(actor, lease);
    while (jobs[0] === 0) {
      own.stage = "waits";
      process.note("waits");
      let hasGivenUp = false;
      try {
        yield condition.wait(lease, mayGiveUp ? { timeout: 1000 } : undefined);
      } catch (error) {
        if (!hasTimedOut(error)) throw error;
        hasGivenUp = true;
      }
      enters(actor, own, lease);
      repairs(actor, lease);
      if (!hasGivenUp) continue;
      leaves(actor, own);
      own.stage = "rests";
      return;
    }
    jobs[0] = jobs[0]! - 1;
    leaves(actor, own);
    own.stage = "rests";
  };
}

/** How it tells of jobs. */
export interface Notifying {
  readonly jobs: number;
  /** All jobs at once, and of them all who wait. */
  readonly all?: boolean;
  /** After it has released the mutex. */
  readonly afterwards?: boolean;
}

/** Adds jobs, each in a turn with the mutex. */
export function employer({ jobs: count, all = false, afterwards = false }: Notifying): Task {
  return function* (actor, own) {
    const { process, lock, jobs, condition } = actor;
    const notify = (): void => {
      if (all) condition.notifyAll();
      else condition.notify();
    };
    for (let job = 0; job < count; job += all ? count : 1) {
      own.stage = `acquires ${job}`;
      process.note("acquires");
      const lease: Lease = yield lock.acquire({});
      enters(actor, own, lease);
      repairs(actor, lease);
      jobs[0] = jobs[0]! + (all ? count : 1);
      if (!afterwards) notify();
      leaves(actor, own);
      if (afterwards) notify();
    }
    own.stage = "rests";
  };
}
