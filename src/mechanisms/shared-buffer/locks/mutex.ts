import type { WaitOptions } from "../../../core/channel.js";
import { loadCore, type NativeCore } from "../../../native/binding.js";
import { BaseLock, type ExclusiveLease, type SyncWaitOptions } from "./lock.js";
import type { LockOwner } from "./lock-owner.js";
import { MutexProtocol } from "./mutex-protocol.js";
import { NONE, type Outcome, TAKEN_FROM_DEAD } from "./protocol.js";
import { GATE, MUTEX_BYTES } from "./words.js";

// What leases and conditions do with a mutex, and nobody else.
let release: (mutex: Mutex) => void;
let markConsistent: (mutex: Mutex) => void;
let isOpen: (mutex: Mutex) => boolean;
/** The mutex of a lease that is held; `undefined` for anything else. */
export let mutexOf: (lease: object) => Mutex | undefined;
/** Whether an owner died with this mutex and the data is not yet said to be consistent. */
export let needsRepair: (mutex: Mutex) => boolean;
/** Lets a lease that was released hold the mutex again, in place of a new one. */
export let renew: (lease: object, by: object) => void;

/**
 * A mutex in shared memory, got by `buffer.mutex(offset)`: one owner at a time, in whatever process or worker thread.
 *
 * - Taking a free mutex and giving it back are a few atomic operations and no system call.
 * - *Robust:* when the owner dies, by `kill -9` too, the next gets the mutex within 20 ms, with `lease.ownerDied`. It repairs the data, then
 *   calls `lease.markConsistent()`.
 * - *Fair enough:* a free mutex goes to whoever comes first, waiting or not, which is fast. But once somebody has waited a millisecond, newcomers
 *   stand in line behind those who wait.
 *
 * It is not recursive: the thread that has it waits, like all others, for its release.
 *
 * @example
 * ```ts run
 * import { SharedBuffer } from "sluice";
 *
 * using memory = SharedBuffer.create({ size: 4096 });
 * const mutex = memory.mutex(0);
 * const balance = memory.view(Float64Array, 64, 2);
 * {
 *   await using lease = await mutex.acquire({ timeout: 1000 });
 *   if (lease.ownerDied) {
 *     balance.fill(0); // repair what a dead process may have left half done
 *     lease.markConsistent();
 *   }
 *   balance[0] = (balance[0] ?? 0) - 10;
 *   balance[1] = (balance[1] ?? 0) + 10;
 * }
 * console.log(mutex.tryAcquire()?.isHeld); // true
 * ```
 */
export class Mutex extends BaseLock<ExclusiveLease> {
  /** Bytes of memory that it takes. */
  static readonly BYTES: number = MUTEX_BYTES;
  readonly #core: NativeCore = loadCore();
  readonly #protocol: MutexProtocol;

  /** @internal */
  static make(owner: LockOwner, words: Int32Array): Mutex {
    return new Mutex(owner, words);
  }

  private constructor(owner: LockOwner, words: Int32Array) {
    const protocol = new MutexProtocol(words, owner);
    super(owner, protocol);
    this.#protocol = protocol;
  }

  /** {@inheritDoc Lock.tryAcquire} */
  override tryAcquire(): ExclusiveLease | undefined {
    if (this.#protocol.words.length > 0 && this.#protocol.takeFree()) return new MutexLease(this, false);
    return super.tryAcquire();
  }

  /** {@inheritDoc Lock.acquire} */
  override acquire(options?: WaitOptions): Promise<ExclusiveLease> {
    if (options === undefined && this.#protocol.words.length > 0 && this.#protocol.takeInTurn()) {
      return Promise.resolve(new MutexLease(this, false));
    }
    return super.acquire(options);
  }

  /** {@inheritDoc Lock.acquireSync} */
  override acquireSync(options?: SyncWaitOptions): ExclusiveLease {
    if (options === undefined && this.#protocol.words.length > 0 && this.#protocol.takeInTurn()) {
      return new MutexLease(this, false);
    }
    return super.acquireSync(options);
  }

  /**
   * Takes a mutex that everybody else is refused with `ERR_OWNER_DIED`, in order to repair the data: the lease has `ownerDied` and
   * needs {@link ExclusiveLease.markConsistent}. `undefined` when the mutex is not in that state.
   */
  recover(): ExclusiveLease | undefined {
    this.checkOpen();
    return this.#protocol.recover() ? this.lease(TAKEN_FROM_DEAD) : undefined;
  }

  /** @internal */
  protected override lease(outcome: Outcome): ExclusiveLease {
    return new MutexLease(this, outcome === TAKEN_FROM_DEAD);
  }

  static {
    release = (mutex): void => {
      const { words } = mutex.#protocol;
      if (words.length === 0) return;
      const count = mutex.#protocol.release();
      if (count !== NONE) mutex.#core.futexWake(words, GATE, count);
      mutex.serve();
    };
    markConsistent = (mutex): void => {
      mutex.#protocol.markConsistent();
    };
    needsRepair = (mutex): boolean => mutex.#protocol.needsRepair;
    isOpen = (mutex): boolean => mutex.#protocol.words.length > 0;
  }
}

class MutexLease implements ExclusiveLease {
  readonly #mutex: Mutex;
  #ownerDied: boolean;
  #held = true;

  constructor(mutex: Mutex, ownerDied: boolean) {
    this.#mutex = mutex;
    this.#ownerDied = ownerDied;
  }

  get isHeld(): boolean {
    return this.#held && isOpen(this.#mutex);
  }

  get ownerDied(): boolean {
    return this.#ownerDied;
  }

  markConsistent(): void {
    if (!this.isHeld) throw new TypeError("Cannot mark the data consistent: this lease is not held any more");
    markConsistent(this.#mutex);
  }

  release(): void {
    if (!this.#held) return;
    this.#held = false;
    release(this.#mutex);
  }

  [Symbol.dispose](): void {
    this.release();
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.release();
    return Promise.resolve();
  }

  static {
    mutexOf = (lease): Mutex | undefined => (#mutex in lease && lease.isHeld ? lease.#mutex : undefined);
    renew = (lease, by): void => {
      if (!(#mutex in lease) || !(#mutex in by)) return;
      lease.#held = true;
      lease.#ownerDied = by.#ownerDied;
      by.#held = false;
    };
  }
}
