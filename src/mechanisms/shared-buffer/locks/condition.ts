import type { WaitOptions } from "../../../core/channel.js";
import { ChannelError } from "../../../core/errors.js";
import { reached } from "../../../core/step.js";
import { checkWaitOptions, describe, Wait, WaitList } from "../../../core/wait.js";
import { loadCore, type NativeCore } from "../../../native/binding.js";
import type { ExclusiveLease } from "./lock.js";
import { mutexOf, needsRepair, renew } from "./mutex.js";
import { Sleepers } from "./sleepers.js";
import { CONDITION_BYTES, NOTIFIED_ALL, SEQUENCE, WAITER_COUNT } from "./words.js";

// The sleep ends when the sequence has changed, even if whoever changed it died before it could wake anybody: how long it may last does not matter.
const SLEEP_MILLISECONDS = 60_000;
const EVERYBODY = 0x7fff_ffff;

/**
 * A condition in shared memory, got by `buffer.condition(offset)`: whoever holds a mutex waits until somebody else has changed the data.
 *
 * No notification is lost that comes after `wait` was called with the mutex held. But a wait may end without one: it can be woken together with another. So look
 * at the data in a loop, as with pthread_cond_wait(3).
 *
 * @example
 * ```ts run
 * import { SharedBuffer } from "sluice";
 *
 * using memory = SharedBuffer.create({ name: `/docs-${process.pid}`, size: 4096 });
 * const mutex = memory.mutex(0);
 * const changed = memory.condition(64);
 * const jobs = memory.view(Int32Array, 128, 1);
 *
 * async function work(): Promise<void> {
 *   await using lease = await mutex.acquire();
 *   while (jobs[0] === 0) await changed.wait(lease);
 *   jobs[0] = 0;
 * }
 * const worker = work();
 * {
 *   await using _lease = await mutex.acquire(); // in another process, usually
 *   jobs[0] = 1;
 *   changed.notify();
 * }
 * await worker;
 * ```
 */
export class Condition {
  /** Bytes of memory that it takes. */
  static readonly BYTES: number = CONDITION_BYTES;
  readonly #core: NativeCore = loadCore();
  readonly #words: Int32Array;
  readonly #waits: WaitList<Wait<void>> = new WaitList(() => {
    this.#disperse();
  });
  #sleep: number | undefined;
  /** The sequence as it was when those who wait were last served. */
  #seen = 0;

  /** @internal */
  static make(words: Int32Array): Condition {
    return new Condition(words);
  }

  private constructor(words: Int32Array) {
    this.#words = words;
  }

  /**
   * Releases the mutex and waits for a notification, in one step: none is lost in between. Fulfils, and rejects too, only when the lease holds the mutex
   * again; its `ownerDied` then tells of what happened meanwhile. The signal and the timeout bound the wait for the notification,
   * not that for the mutex.
   *
   * @param lease - of a {@link Mutex} in the same or in other shared memory
   * @throws (by the promise) TypeError for a lease that is not held, is none of a mutex, or still needs `markConsistent()`; ChannelError `ERR_TIMEOUT`,
   *   `ERR_CHANNEL_CLOSED`, the abort reason. Only with `ERR_OWNER_DIED`, or when the SharedBuffer of the mutex was closed, the lease does not hold the mutex any more.
   */
  async wait(lease: ExclusiveLease, options?: WaitOptions): Promise<void> {
    if (options !== undefined) checkWaitOptions(options);
    this.#checkOpen();
    const mutex = lease !== null && typeof lease === "object" ? mutexOf(lease) : undefined;
    if (mutex === undefined) {
      throw new TypeError(`lease must be that of a mutex, and be held, received ${describe(lease)}`);
    }
    if (needsRepair(mutex)) {
      throw new TypeError("Cannot wait with a lease that has ownerDied: say markConsistent() first");
    }
    this.#serve();
    const wait = new Wait<void>();
    wait.join(this.#waits);
    Atomics.add(this.#words, WAITER_COUNT, 1);
    STEP: reached("condition: counted");
    wait.bound(options, () => timedOut(options?.timeout ?? 0));
    this.#goToSleep();
    lease.release();
    STEP: reached("condition: mutex released");
    try {
      await wait.promise;
    } finally {
      STEP: reached("condition: notified");
      if (this.#words.length > 0) Atomics.sub(this.#words, WAITER_COUNT, 1);
      STEP: reached("condition: not counted any more");
      renew(lease, await mutex.acquire());
    }
  }

  /** Wakes at least one of those who wait. Costs no system call when nobody does. */
  notify(): void {
    this.#notify(1, 1);
  }

  /** Wakes all who wait. */
  notifyAll(): void {
    this.#notify(NOTIFIED_ALL, EVERYBODY);
  }

  /** @internal */
  close(): void {
    this.#waits.rejectAll(closed);
  }

  #notify(step: number, count: number): void {
    this.#checkOpen();
    Atomics.add(this.#words, SEQUENCE, step);
    STEP: reached("condition: sequence changed");
    if (Atomics.load(this.#words, WAITER_COUNT) > 0) this.#core.futexWake(this.#words, SEQUENCE, count);
  }

  /** Wakes as many of this thread as there were notifications since the last time; some of those may have been for others. */
  #serve(): void {
    const sequence = Atomics.load(this.#words, SEQUENCE);
    let count = (sequence - this.#seen) >>> 0;
    this.#seen = sequence;
    for (let first = this.#waits.first(); first !== undefined && count > 0; first = this.#waits.first()) {
      first.fulfil();
      count--;
    }
  }

  #goToSleep(): void {
    if (this.#sleep !== undefined || this.#waits.size === 0) return;
    const wake = (): void => {
      this.#sleep = undefined;
      this.#serve();
      this.#goToSleep();
    };
    try {
      const sleepers = Sleepers.of(this.#core);
      this.#sleep = sleepers.begin(this.#words, SEQUENCE, this.#seen, SLEEP_MILLISECONDS, undefined, wake);
    } catch (error) {
      this.#waits.rejectAll(() => error);
    }
  }

  /** The last has gone, notified or not. */
  #disperse(): void {
    if (this.#sleep === undefined) return;
    Sleepers.of(this.#core).cancel(this.#sleep);
    this.#sleep = undefined;
    // It may have been this thread that a notification woke, for nobody: somebody else must be woken instead.
    if (Atomics.load(this.#words, SEQUENCE) !== this.#seen) this.#core.futexWake(this.#words, SEQUENCE, 1);
  }

  #checkOpen(): void {
    if (this.#words.length === 0)
      throw new TypeError("Cannot use this condition: its SharedBuffer is closed");
  }
}

function timedOut(timeout: number): ChannelError {
  return new ChannelError(
    "ERR_TIMEOUT",
    `Cannot wait for this condition any longer: nobody notified within ${timeout} ms`,
    {
      operation: "wait",
      mechanism: "shared-buffer",
    },
  );
}

function closed(): ChannelError {
  return new ChannelError(
    "ERR_CHANNEL_CLOSED",
    "Cannot wait for this condition: its SharedBuffer was closed meanwhile",
    {
      operation: "wait",
      mechanism: "shared-buffer",
    },
  );
}
