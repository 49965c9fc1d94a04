import type { ChannelError } from "../../core/errors.js";
import {
  EINTR,
  fromErrno,
  loadCore,
  MSG_WAIT_BUSY,
  MSG_WAIT_EXITED,
  type NativeCore,
  type NativeMessageWait,
  Poll,
  READABLE,
} from "../../native/binding.js";

/** What a thread was waiting for has come, or failed: a result of 0 or more or a negative errno, and the type of an empty message that it took. */
type Outcome = (result: number, type: number) => void;

interface Waiting {
  readonly thread: NativeMessageWait;
  outcome: Outcome | undefined;
}

/** After so many milliseconds a thread that should have ended is interrupted once more: the first time it may not yet have been blocked. */
const INTERRUPT_AGAIN_MS = 1;

/** A wait that can be given up. */
export interface SysvWait {
  /** Nobody is interested any more. What the thread may have done in this moment is told all the same. */
  cancel(): void;
}

/**
 * The threads of the native core that wait at a System V queue for one channel, and the eventfd by which they say that something has happened. A thread that
 * has nothing to do is kept for the next wait; more than one are ended.
 */
export class SysvWaits {
  readonly #core: NativeCore = loadCore();
  readonly #event: number;
  readonly #poll: Poll;
  readonly #out = new Int32Array(3);
  readonly #threads = new Set<Waiting>();
  readonly #ending = new Set<Waiting>();
  #idle: Waiting | undefined;
  #whenClosed: (() => void) | undefined;
  #again: ReturnType<typeof setTimeout> | undefined;

  constructor() {
    this.#event = this.#core.eventfd();
    if (this.#event < 0) throw failed(this.#event, "eventfd");
    try {
      this.#poll = new Poll(this.#event, () => {
        this.#onEvent();
      });
      this.#poll.set(READABLE);
    } catch (error) {
      this.#core.close(this.#event);
      throw error;
    }
  }

  /** Waits until there is a message of this type, without taking it unless it is empty. */
  forMessage(id: number, type: number, outcome: Outcome): SysvWait {
    return this.#begin(outcome, (thread) => this.#core.msgWaitMessage(thread, id, type));
  }

  /** Sends a message as soon as there is room. */
  toSend(id: number, type: number, message: Uint8Array, outcome: Outcome): SysvWait {
    return this.#begin(outcome, (thread) => this.#core.msgWaitSend(thread, id, type, message));
  }

  setRef(alive: boolean): void {
    if (alive) this.#poll.ref();
    else this.#poll.unref();
  }

  /** Ends all threads, then calls back. What they did in the last moment is told before. */
  close(whenClosed: () => void): void {
    this.#whenClosed = whenClosed;
    for (const waiting of this.#threads) this.#end(waiting);
    this.#interrupt();
    this.#checkClosed();
  }

  #begin(outcome: Outcome, arm: (thread: NativeMessageWait) => number): SysvWait {
    const waiting = this.#idle ?? this.#start();
    this.#idle = undefined;
    const result = arm(waiting.thread);
    if (result < 0) {
      this.#end(waiting);
      throw failed(result, "malloc");
    }
    waiting.outcome = outcome;
    return {
      cancel: () => {
        if (waiting.outcome !== outcome) return;
        this.#end(waiting);
        this.#interrupt();
      },
    };
  }

  #start(): Waiting {
    const thread = this.#core.msgWaitOpen(this.#event);
    if (typeof thread === "number") throw failed(thread, "pthread_create");
    const waiting = { thread, outcome: undefined };
    this.#threads.add(waiting);
    return waiting;
  }

  #end(waiting: Waiting): void {
    this.#threads.delete(waiting);
    this.#ending.add(waiting);
    if (this.#idle === waiting) this.#idle = undefined;
  }

  #interrupt(): void {
    clearTimeout(this.#again);
    this.#again = undefined;
    if (this.#ending.size === 0) return;
    for (const { thread } of this.#ending) this.#core.msgWaitClose(thread);
    this.#again = setTimeout(() => {
      this.#interrupt();
    }, INTERRUPT_AGAIN_MS);
  }

  #onEvent(): void {
    this.#core.clearEvent(this.#event);
    for (const waiting of [...this.#threads, ...this.#ending]) this.#look(waiting);
    if (this.#ending.size === 0) this.#interrupt();
    this.#checkClosed();
  }

  #look(waiting: Waiting): void {
    const state = this.#core.msgWaitResult(waiting.thread, this.#out);
    if (state === MSG_WAIT_BUSY) return;
    const [result = 0, low = 0, high = 0] = this.#out;
    if (state === MSG_WAIT_EXITED) this.#ending.delete(waiting);
    else if (this.#threads.has(waiting)) this.#keep(waiting);
    const { outcome } = waiting;
    waiting.outcome = undefined;
    // A thread that was interrupted has done nothing.
    if (result !== -EINTR) outcome?.(result, high * 2 ** 32 + (low >>> 0));
  }

  #keep(waiting: Waiting): void {
    if (this.#idle === undefined) {
      this.#idle = waiting;
      return;
    }
    this.#end(waiting);
    this.#interrupt();
  }

  #checkClosed(): void {
    const { size } = this.#ending;
    if (this.#whenClosed === undefined || size > 0) return;
    const callback = this.#whenClosed;
    this.#whenClosed = undefined;
    this.#poll.close();
    this.#core.close(this.#event);
    callback();
  }
}

function failed(result: number, syscall: string): ChannelError {
  return fromErrno(result, {
    operation: "wait",
    mechanism: "message-queue",
    syscall,
    action: "wait at a System V message queue",
  });
}
