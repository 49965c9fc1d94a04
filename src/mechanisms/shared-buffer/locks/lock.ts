import type { WaitOptions } from "../../../core/channel.js";
import { ChannelError } from "../../../core/errors.js";
import { checkWaitOptions } from "../../../core/wait.js";
import { loadCore } from "../../../native/binding.js";
import { Line, refused } from "./line.js";
import type { LockOwner } from "./lock-owner.js";
import { BLOCKED, type Outcome, type Protocol, REFUSED } from "./protocol.js";

/**
 * A lock that is held, until `release` or the end of the `using` block. When its SharedBuffer is closed, its thread ends or its process dies before,
 * the lock goes to the next with `ownerDied`.
 */
export interface Lease extends Disposable, AsyncDisposable {
  /** Whether it is still held. */
  readonly isHeld: boolean;
  /** Whether an owner before this one died with the lock: what the lock protects may be half done. */
  readonly ownerDied: boolean;
  /** Gives the lock back. Harmless when called twice, and after the SharedBuffer was closed. */
  release(): void;
}

/** A lock that is held by one alone, who can therefore repair what it protects. */
export interface ExclusiveLease extends Lease {
  /**
   * Says that what the lock protects is as it should be, after `ownerDied`. A lease released without it leaves the lock to nobody:
   * from then on acquiring fails with `ERR_OWNER_DIED`.
   *
   * @throws TypeError when the lease is not held any more
   */
  markConsistent(): void;
}

/**
 * Something that can be acquired, by any process and worker thread that has the memory open.
 *
 * All its ways to acquire throw or reject with a `TypeError` once the SharedBuffer is closed.
 */
export interface Lock<L extends Lease> {
  /**
   * Takes the lock if it can be had now, without regard for those who wait; `undefined` when it cannot.
   *
   * @throws ChannelError `ERR_OWNER_DIED` when an owner has died and nobody has repaired the data
   */
  tryAcquire(): L | undefined;
  /**
   * Waits for the lock; neither the event loop nor libuv's pool is blocked. While it waits, the process stays alive.
   *
   * @param options - when to stop waiting; a timeout of 0 means: only if it can be had now
   * @throws (by the promise) TypeError or RangeError for a wrong option; ChannelError `ERR_TIMEOUT`, `ERR_OWNER_DIED`, `ERR_CHANNEL_CLOSED` when the
   *   SharedBuffer is closed meanwhile, `ERR_SYSTEM`; the abort reason
   */
  acquire(options?: WaitOptions): Promise<L>;
  /**
   * Waits for the lock and **blocks the thread** meanwhile: for worker threads, and for locks that are held only for microseconds.
   *
   * @param options - `timeout` in milliseconds; by default it waits for ever
   * @throws TypeError or RangeError for a wrong option; TypeError when this thread has the lock itself; ChannelError `ERR_TIMEOUT`, `ERR_OWNER_DIED`
   */
  acquireSync(options?: SyncWaitOptions): L;
}

/** The bound of a wait that blocks the thread. */
export interface SyncWaitOptions {
  /** Milliseconds. 0: only if it can be had now. */
  readonly timeout?: number | undefined;
}

/** What all locks do alike: who waits, how, and for how long. */
export abstract class BaseLock<L extends Lease> implements Lock<L> {
  readonly #line: Line<L>;
  readonly #protocol: Protocol;

  /** @internal */
  protected constructor(owner: LockOwner, protocol: Protocol) {
    this.#protocol = protocol;
    this.#line = new Line(loadCore(), owner, protocol, (outcome) => this.lease(outcome));
  }

  tryAcquire(): L | undefined {
    this.checkOpen();
    const outcome = this.#protocol.attempt(true);
    if (outcome === REFUSED) throw refused();
    if (outcome !== BLOCKED) return this.lease(outcome);
    if (this.#line.isEmpty) this.#protocol.abandon();
    return undefined;
  }

  acquire(options?: WaitOptions): Promise<L> {
    try {
      if (options !== undefined) checkWaitOptions(options);
      if (this.#line.isEmpty || options?.timeout === 0) {
        const lease = this.#tryInTurn();
        if (lease !== undefined) return Promise.resolve(lease);
      }
      return this.#line.wait(options);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  acquireSync(options?: SyncWaitOptions): L {
    if (options !== undefined) checkWaitOptions(options);
    this.checkOpen();
    const outcome = this.#line.waitSync(options?.timeout);
    if (outcome === REFUSED) throw refused();
    return this.lease(outcome);
  }

  /**
   * Rejects those who wait.
   *
   * @internal
   */
  close(): void {
    this.#line.close(closed);
  }

  /**
   * The lease of a lock that was just taken.
   *
   * @internal
   */
  protected abstract lease(outcome: Outcome): L;

  /**
   * The lock may be free: somebody of this thread may have it.
   *
   * @internal
   */
  protected serve(): void {
    this.#line.serve();
  }

  /** @internal */
  protected checkOpen(): void {
    if (this.#protocol.words.length === 0)
      throw new TypeError("Cannot acquire this lock: its SharedBuffer is closed");
  }

  #tryInTurn(): L | undefined {
    this.checkOpen();
    const outcome = this.#protocol.attempt(false);
    if (outcome === REFUSED) throw refused();
    if (outcome !== BLOCKED) return this.lease(outcome);
    if (this.#line.isEmpty) this.#protocol.abandon();
    return undefined;
  }
}

function closed(): ChannelError {
  return new ChannelError(
    "ERR_CHANNEL_CLOSED",
    "Cannot acquire this lock: its SharedBuffer was closed meanwhile",
    {
      operation: "acquire",
      mechanism: "shared-buffer",
    },
  );
}
