import type { WaitOptions } from "../../../core/channel.js";
import { ChannelError } from "../../../core/errors.js";
import { reached } from "../../../core/step.js";
import { Wait, WaitList } from "../../../core/wait.js";
import type { NativeCore } from "../../../native/native-core.js";
import { arrive, giveUp, PATIENCE_MILLISECONDS, RECHECK_MILLISECONDS, settle } from "./gate.js";
import type { LockOwner } from "./lock-owner.js";
import { BLOCKED, type Outcome, type Protocol, REFUSED } from "./protocol.js";
import { Sleepers } from "./sleepers.js";
import { GATE } from "./words.js";

class LockWait<Lease> extends Wait<Lease> {
  readonly since = performance.now();
}

const isImpatient = (since: number): boolean => performance.now() - since >= PATIENCE_MILLISECONDS;

/**
 * Those of this thread who wait for one lock, in the order in which they came. The first of them stands at the lock's gate for all: asleep in a
 * thread of the core, so that the event loop goes on.
 */
export class Line<Lease> {
  readonly #core: NativeCore;
  readonly #owner: LockOwner;
  readonly #protocol: Protocol;
  readonly #grant: (outcome: Outcome) => Lease;
  readonly #waits: WaitList<LockWait<Lease>> = new WaitList(() => {
    this.#disperse();
  });
  #sleep: number | undefined;
  #sleepGate = GATE;
  /** Whether anybody has stood at the gate since the line was empty. */
  #hasSlept = false;
  #granting = false;

  // `grant` makes the lease of a lock that was taken.
  constructor(core: NativeCore, owner: LockOwner, protocol: Protocol, grant: (outcome: Outcome) => Lease) {
    this.#core = core;
    this.#owner = owner;
    this.#protocol = protocol;
    this.#grant = grant;
  }

  get isEmpty(): boolean {
    return this.#waits.size === 0;
  }

  /** Waits in line, without blocking. */
  wait(options: WaitOptions | undefined): Promise<Lease> {
    const wait = new LockWait<Lease>();
    wait.join(this.#waits);
    wait.bound(options, () => timedOut(options?.timeout ?? 0));
    if (this.#waits.first() === wait) this.#advance(false);
    return wait.promise;
  }

  /** Takes the lock here and now: blocks the thread until it has it. */
  waitSync(timeout: number | undefined): Outcome {
    const protocol = this.#protocol;
    const since = performance.now();
    let entitled = false;
    for (;;) {
      let outcome = protocol.attempt(entitled);
      if (outcome === BLOCKED) {
        const { gate } = protocol;
        const impatient = isImpatient(since);
        const expected = arrive(protocol.words, gate, impatient);
        STEP: reached("gate: arrived to block");
        // Else it would be kept out by what it has just said itself, though the lock may be free by now.
        if (impatient) entitled = true;
        outcome = protocol.attempt(entitled);
        if (outcome === BLOCKED) {
          const rest = timeout === undefined ? Infinity : timeout - (performance.now() - since);
          if (rest <= 0 || protocol.blockedByItself) {
            this.#giveUp();
            throw protocol.blockedByItself ? deadlock() : timedOut(timeout ?? 0);
          }
          const milliseconds = Math.ceil(Math.min(rest, RECHECK_MILLISECONDS));
          if (gate === protocol.gate) this.#core.futexWait(protocol.words, gate, expected, milliseconds);
          entitled = true;
          continue;
        }
      }
      if (entitled) settle(protocol.words, GATE);
      return outcome;
    }
  }

  /** The lock may have become free, by this thread: somebody here may have it, unless others have waited too long. */
  serve(): void {
    if (this.#waits.size > 0) this.#advance(false);
  }

  /** Nobody waits here any more. */
  close(error: () => Error): void {
    this.#waits.rejectAll(error);
  }

  #advance(entitled: boolean): void {
    const protocol = this.#protocol;
    for (let first = this.#waits.first(); first !== undefined; first = this.#waits.first()) {
      let outcome = protocol.attempt(entitled);
      if (outcome === BLOCKED) {
        const { gate } = protocol;
        if (this.#sleep !== undefined && this.#sleepGate === gate) return;
        const impatient = isImpatient(first.since);
        const expected = arrive(protocol.words, gate, impatient);
        STEP: reached("gate: arrived");
        this.#hasSlept = true;
        // As in `waitSync`.
        outcome = protocol.attempt(entitled || impatient);
        // It may have got further, to another gate.
        if (outcome === BLOCKED && gate !== protocol.gate) continue;
        if (outcome === BLOCKED) {
          this.#sleepAt(gate, expected);
          return;
        }
      }
      if (outcome === REFUSED) {
        this.#waits.rejectAll(refused);
        return;
      }
      if (this.#hasSlept) settle(protocol.words, GATE);
      this.#granting = true;
      first.fulfil(this.#grant(outcome));
      this.#granting = false;
    }
  }

  #sleepAt(gate: number, expected: number): void {
    const { words, blocker } = this.#protocol;
    try {
      const sleepers = Sleepers.of(this.#core);
      if (this.#sleep !== undefined) sleepers.cancel(this.#sleep);
      this.#sleep = undefined;
      const watch = this.#owner.watch(blocker);
      this.#sleep = sleepers.begin(words, gate, expected, RECHECK_MILLISECONDS, watch, () => {
        this.#sleep = undefined;
        STEP: reached("gate: woken");
        this.#advance(true);
      });
      this.#sleepGate = gate;
    } catch (error) {
      this.#waits.rejectAll(() => error);
    }
  }

  /** The last has left the line, with the lock or without. */
  #disperse(): void {
    if (this.#sleep !== undefined) Sleepers.of(this.#core).cancel(this.#sleep);
    this.#sleep = undefined;
    if (!this.#granting && this.#hasSlept) this.#giveUp();
    this.#hasSlept = false;
  }

  #giveUp(): void {
    const { words, gate } = this.#protocol;
    giveUp(words, gate);
    this.#core.futexWake(words, gate, 1);
    this.#protocol.abandon();
  }
}

/** The error of a lock whose data nobody has repaired. */
export function refused(): ChannelError {
  return new ChannelError(
    "ERR_OWNER_DIED",
    "Cannot acquire this lock: an owner died with it, and the next released it without markConsistent(); take it with recover() and repair the data",
    { operation: "acquire", mechanism: "shared-buffer" },
  );
}

function timedOut(timeout: number): ChannelError {
  return new ChannelError(
    "ERR_TIMEOUT",
    `Cannot acquire this lock within ${timeout} ms: others have it; wait longer, or see who holds it for so long`,
    { operation: "acquire", mechanism: "shared-buffer" },
  );
}

function deadlock(): TypeError {
  return new TypeError(
    "Cannot wait for this lock with acquireSync(): this thread has it itself and would wait for ever; release it first, or use acquire()",
  );
}
