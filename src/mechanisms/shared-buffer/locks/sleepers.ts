import { READABLE } from "../../../native/constants.js";
import { fromErrno } from "../../../native/errors.js";
import { Poll } from "../../../native/binding.js";
import type { NativeCore } from "../../../native/native-core.js";

/** Whose end wakes a sleeper, beside a change of the word: an owner's claim in this file. */
export interface Watch {
  readonly fd: number;
  readonly byte: number;
}

const NOBODY: Watch = { fd: -1, byte: 0 };

/**
 * Sleeps of this thread on words of shared memory: threads of the core sleep, and the event loop hears of their end. It keeps the process alive while
 * somebody waits, and only then.
 */
export class Sleepers {
  static #ofThread: Sleepers | undefined;
  readonly #core: NativeCore;
  readonly #bell: number;
  readonly #poll: Poll;
  readonly #wakers = new Map<number, () => void>();
  readonly #ended = new Int32Array(64);

  private constructor(core: NativeCore) {
    this.#core = core;
    const bell = core.eventfd();
    if (bell < 0) throw cannotWait(bell, "eventfd");
    this.#bell = bell;
    try {
      this.#poll = new Poll(bell, () => {
        this.#wake();
      });
    } catch (error) {
      core.close(bell);
      throw error;
    }
  }

  /** Those of this thread. Made at the first use, and gone with the thread. */
  static of(core: NativeCore): Sleepers {
    return (Sleepers.#ofThread ??= new Sleepers(core));
  }

  /**
   * Calls back once, in a turn of its own, when the word has changed or was woken, the one that is watched has died, or the time is over.
   *
   * @returns a number for {@link Sleepers.cancel}
   */
  begin(
    words: Int32Array,
    index: number,
    expected: number,
    milliseconds: number,
    watch: Watch | undefined,
    waker: () => void,
  ): number {
    const { fd, byte } = watch ?? NOBODY;
    const sleep = this.#core.sleepBegin(words, index, expected, milliseconds, fd, byte, this.#bell);
    if (sleep < 0) throw cannotWait(sleep, "pthread_create");
    this.#wakers.set(sleep, waker);
    if (this.#wakers.size === 1) this.#poll.set(READABLE);
    return sleep;
  }

  /** It will not call back. */
  cancel(sleep: number): void {
    this.#core.sleepCancel(sleep);
    this.#forget(sleep);
  }

  #wake(): void {
    this.#core.clearEvent(this.#bell);
    let count: number;
    do {
      count = this.#core.sleepsEnded(this.#ended);
      for (const sleep of this.#ended.slice(0, count)) {
        const waker = this.#wakers.get(sleep);
        this.#forget(sleep);
        waker?.();
      }
    } while (count === this.#ended.length);
  }

  #forget(sleep: number): void {
    if (this.#wakers.delete(sleep) && this.#wakers.size === 0) this.#poll.set(0);
  }
}

function cannotWait(result: number, syscall: string): Error {
  return fromErrno(result, {
    operation: "acquire",
    mechanism: "shared-buffer",
    syscall,
    action: "wait in shared memory without blocking",
  });
}
