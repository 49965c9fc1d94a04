import { loadCore } from "../../../native/binding.js";
import { BaseLock, type ExclusiveLease, type Lease, type Lock } from "./lock.js";
import type { LockOwner } from "./lock-owner.js";
import { type Outcome, TAKEN_FROM_DEAD } from "./protocol.js";
import { RwLockProtocol } from "./rwlock-protocol.js";
import { RWLOCK_BYTES } from "./words.js";

/**
 * A lock for many readers or one writer, got by `buffer.rwlock(offset)`.
 *
 * - Up to 48 owners (processes and worker threads) read at a time, each with as many leases as it likes; a 49th waits.
 * - *Writers come first:* from the moment a writer waits, new readers wait behind it. So do not acquire a read lease while you hold one: a writer in between
 *   would wait for the first, and the second for the writer. Readers who have waited a millisecond go before the next writer.
 * - *Robust:* a dead reader is forgotten. After a dead writer the next *write* lease has `ownerDied`; until somebody has written and said
 *   `markConsistent()`, reading fails with `ERR_OWNER_DIED`.
 *
 * @example
 * ```ts run
 * import { SharedBuffer } from "sluice";
 *
 * using memory = SharedBuffer.create({ size: 4096 });
 * const lock = memory.rwlock(0);
 * const table = memory.view(Int32Array, 256, 100);
 * {
 *   using _writing = await lock.write.acquire();
 *   table.fill(7);
 * }
 * using first = lock.read.acquireSync();
 * console.log(table[99], first.isHeld, lock.write.tryAcquire()); // 7 true undefined
 * ```
 */
export class RwLock {
  /** Bytes of memory that it takes. */
  static readonly BYTES: number = RWLOCK_BYTES;
  /** Leases to read. */
  readonly read: Lock<Lease>;
  /** Leases to write. */
  readonly write: WriteLock;
  readonly #sides: { readonly read: ReadSide; readonly write: WriteSide };

  /** @internal */
  static make(owner: LockOwner, words: Int32Array): RwLock {
    return new RwLock(owner, words);
  }

  private constructor(owner: LockOwner, words: Int32Array) {
    const core = loadCore();
    const protocol = new RwLockProtocol(words, owner, (gate, count) => {
      core.futexWake(words, gate, count);
    });
    const serve = (): void => {
      this.#sides.write.serve();
      this.#sides.read.serve();
    };
    this.#sides = {
      read: new ReadSide(owner, protocol, serve),
      write: new WriteSide(owner, protocol, serve),
    };
    this.read = this.#sides.read;
    this.write = this.#sides.write;
  }

  /** @internal */
  close(): void {
    this.#sides.read.close();
    this.#sides.write.close();
  }
}

/** The writers' side of a {@link RwLock}. */
export interface WriteLock extends Lock<ExclusiveLease> {
  /**
   * Takes a lock that everybody else is refused with `ERR_OWNER_DIED`, in order to repair the data: the lease has `ownerDied` and
   * needs {@link ExclusiveLease.markConsistent}. `undefined` when the lock is not in that state.
   */
  recover(): ExclusiveLease | undefined;
}

class ReadSide extends BaseLock<Lease> {
  readonly #protocol: RwLockProtocol;
  readonly #released: () => void;

  constructor(owner: LockOwner, protocol: RwLockProtocol, served: () => void) {
    super(owner, protocol.read);
    this.#protocol = protocol;
    this.#released = served;
  }

  override serve(): void {
    super.serve();
  }

  protected override lease(): Lease {
    return new SideLease(this.#protocol.read, false, this.#released);
  }
}

class WriteSide extends BaseLock<ExclusiveLease> implements WriteLock {
  readonly #protocol: RwLockProtocol;
  readonly #released: () => void;

  constructor(owner: LockOwner, protocol: RwLockProtocol, served: () => void) {
    super(owner, protocol.write);
    this.#protocol = protocol;
    this.#released = served;
  }

  override serve(): void {
    super.serve();
  }

  recover(): ExclusiveLease | undefined {
    this.checkOpen();
    return this.#protocol.write.recover() ? this.lease(TAKEN_FROM_DEAD) : undefined;
  }

  protected override lease(outcome: Outcome): ExclusiveLease {
    return new WriteLease(this.#protocol.write, outcome === TAKEN_FROM_DEAD, this.#released);
  }
}

interface Side {
  readonly words: Int32Array;
  release(): void;
}

class SideLease<S extends Side> implements Lease {
  readonly ownerDied: boolean;
  protected readonly side: S;
  readonly #released: () => void;
  #held = true;

  constructor(side: S, ownerDied: boolean, released: () => void) {
    this.side = side;
    this.ownerDied = ownerDied;
    this.#released = released;
  }

  get isHeld(): boolean {
    return this.#held && this.side.words.length > 0;
  }

  release(): void {
    if (!this.#held) return;
    this.#held = false;
    if (this.side.words.length === 0) return;
    this.side.release();
    this.#released();
  }

  [Symbol.dispose](): void {
    this.release();
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.release();
    return Promise.resolve();
  }
}

class WriteLease extends SideLease<Side & { markConsistent(): void }> implements ExclusiveLease {
  markConsistent(): void {
    if (!this.isHeld) throw new TypeError("Cannot mark the data consistent: this lease is not held any more");
    this.side.markConsistent();
  }
}
