import { ChannelError } from "../../../core/errors.js";
import { reached } from "../../../core/step.js";
import { fromErrno } from "../../../native/errors.js";
import type { NativeCore } from "../../../native/native-core.js";
import { claimWords } from "./claimed-memory.js";
import { Condition } from "./condition.js";
import { LockOwner } from "./lock-owner.js";
import { Mutex } from "./mutex.js";
import { RwLock } from "./rwlock.js";
import { Semaphore } from "./semaphore.js";
import { FREE, PERMIT_COUNT } from "./words.js";

interface Closable {
  close(): void;
}

/** The locks of one SharedBuffer, each made once, and their owner. */
export class Locks {
  readonly #core: NativeCore;
  readonly #memory: ArrayBuffer;
  readonly #fd: number;
  readonly #made = new Map<number, Closable>();
  #file: number | undefined;
  #owner: LockOwner | undefined;

  // `fd` is that of the memory. It stays the caller's, and open as long as these locks are.
  constructor(core: NativeCore, memory: ArrayBuffer, fd: number) {
    this.#core = core;
    this.#memory = memory;
    this.#fd = fd;
  }

  /** Who takes these locks. */
  get owner(): LockOwner {
    if (this.#owner !== undefined) return this.#owner;
    // An open file of its own: a child that inherits the descriptor would keep the claim of a parent that has died.
    const file = this.#core.open(`/proc/self/fd/${this.#fd}`, this.#core.constants["O_RDWR"] ?? 0, 0);
    if (file < 0) {
      throw fromErrno(file, {
        operation: "acquire",
        mechanism: "shared-buffer",
        syscall: "open",
        action: `open /proc/self/fd/${this.#fd} for the locks of this shared memory`,
        hint: "locks need /proc",
      });
    }
    try {
      this.#owner = new LockOwner(file);
    } catch (error) {
      this.#core.close(file);
      throw error;
    }
    this.#file = file;
    return this.#owner;
  }

  mutex(offset: number): Mutex {
    return this.#once(offset, Mutex, () => {
      const words = claimWords(this.#memory, offset, Mutex.BYTES, "mutex");
      return Mutex.make(this.owner, words);
    });
  }

  rwlock(offset: number): RwLock {
    return this.#once(offset, RwLock, () => {
      const words = claimWords(this.#memory, offset, RwLock.BYTES, "rwlock");
      return RwLock.make(this.owner, words);
    });
  }

  semaphore(offset: number, permits: number): Semaphore {
    const bytes = Semaphore.bytes(permits);
    const made = this.#once(offset, Semaphore, () => {
      const words = claimWords(this.#memory, offset, bytes, "semaphore");
      const found = Atomics.compareExchange(words, PERMIT_COUNT, FREE, permits);
      STEP: reached("semaphore: permits counted");
      if (found !== FREE && found !== permits) throw otherPermits(offset, found, permits);
      return Semaphore.make(this.owner, words, permits);
    });
    if (made.permits !== permits) throw otherPermits(offset, made.permits, permits);
    return made;
  }

  condition(offset: number): Condition {
    return this.#once(offset, Condition, () => {
      const words = claimWords(this.#memory, offset, Condition.BYTES, "condition");
      return Condition.make(words);
    });
  }

  /** What was made at this place before, if it was the same; else it is made, which fails where there is something else. */
  #once<T extends Closable>(offset: number, kind: { readonly prototype: T }, make: () => T): T {
    const found = this.#made.get(offset);
    if (found !== undefined && Object.getPrototypeOf(found) === kind.prototype) return found as T;
    const made = make();
    this.#made.set(offset, made);
    return made;
  }

  /** Rejects all who wait. What is still held goes to others as from a dead owner. */
  close(): void {
    for (const lock of this.#made.values()) lock.close();
    this.#made.clear();
    if (this.#file !== undefined) this.#core.close(this.#file);
    this.#file = undefined;
  }
}

function otherPermits(offset: number, found: number, permits: number): ChannelError {
  return new ChannelError(
    "ERR_INVALID_MESSAGE",
    `Cannot use the semaphore at ${offset} with ${permits} permits: it was made with ${found}; every program must say the same number`,
    { operation: "semaphore", mechanism: "shared-buffer" },
  );
}
