import { checkCount } from "../../../core/options.js";
import { loadCore, type NativeCore } from "../../../native/binding.js";
import { BaseLock, type Lease } from "./lock.js";
import type { LockOwner } from "./lock-owner.js";
import { NONE, type Outcome, TAKEN_FROM_DEAD } from "./protocol.js";
import { SemaphoreProtocol } from "./semaphore-protocol.js";
import { GATE, LOCK_ALIGNMENT, MOST_PERMITS, PERMITS } from "./words.js";

let release: (semaphore: Semaphore, word: number) => void;
let isOpen: (semaphore: Semaphore) => boolean;

/**
 * A number of permits in shared memory, got by `buffer.semaphore(offset, permits)`: as many leases at a time as there are permits, among
 * all processes and worker threads.
 *
 * Each permit knows who has it. A permit whose holder has died goes to the next who finds no other free one; that lease has `ownerDied`, which here only tells:
 * nothing has to be said. So a permit can only be given back by who took it; to tell others of events, use a {@link Condition}.
 *
 * @example
 * ```ts run
 * import { SharedBuffer } from "sluice";
 *
 * using memory = SharedBuffer.create({ size: 4096 });
 * const downloads = memory.semaphore(0, 2); // two at a time, in all processes together
 * {
 *   using first = await downloads.acquire();
 *   using second = await downloads.acquire();
 *   console.log(first.isHeld, second.isHeld, downloads.tryAcquire()); // true true undefined
 * }
 * console.log(downloads.available); // 2
 * ```
 */
export class Semaphore extends BaseLock<Lease> {
  /** How many permits there are. */
  readonly permits: number;
  readonly #core: NativeCore = loadCore();
  readonly #protocol: SemaphoreProtocol;

  /** @internal */
  static make(owner: LockOwner, words: Int32Array, permits: number): Semaphore {
    return new Semaphore(owner, words, permits);
  }

  private constructor(owner: LockOwner, words: Int32Array, permits: number) {
    const protocol = new SemaphoreProtocol(words, permits, owner);
    super(owner, protocol);
    this.permits = permits;
    this.#protocol = protocol;
  }

  /**
   * Bytes of memory that a semaphore of so many permits takes: 64, and 4 for each permit, rounded up to a multiple of 64.
   *
   * @param permits - 1 to 4,096
   * @throws TypeError or RangeError for anything else
   */
  static bytes(permits: number): number {
    checkCount("permits", permits, 1, MOST_PERMITS);
    return Math.ceil((4 * (PERMITS + permits)) / LOCK_ALIGNMENT) * LOCK_ALIGNMENT;
  }

  /** How many permits nobody holds at this moment. Those of the dead count as held until somebody needs them. */
  get available(): number {
    this.checkOpen();
    return this.#protocol.available();
  }

  /** @internal */
  protected override lease(outcome: Outcome): Lease {
    return new Permit(this, this.#protocol.taken, outcome === TAKEN_FROM_DEAD);
  }

  static {
    release = (semaphore, word): void => {
      const { words } = semaphore.#protocol;
      if (words.length === 0) return;
      const count = semaphore.#protocol.release(word);
      if (count !== NONE) semaphore.#core.futexWake(words, GATE, count);
      semaphore.serve();
    };
    isOpen = (semaphore): boolean => semaphore.#protocol.words.length > 0;
  }
}

class Permit implements Lease {
  readonly ownerDied: boolean;
  readonly #semaphore: Semaphore;
  readonly #word: number;
  #held = true;

  constructor(semaphore: Semaphore, word: number, ownerDied: boolean) {
    this.#semaphore = semaphore;
    this.#word = word;
    this.ownerDied = ownerDied;
  }

  get isHeld(): boolean {
    return this.#held && isOpen(this.#semaphore);
  }

  release(): void {
    if (!this.#held) return;
    this.#held = false;
    release(this.#semaphore, this.#word);
  }

  [Symbol.dispose](): void {
    this.release();
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.release();
    return Promise.resolve();
  }
}
