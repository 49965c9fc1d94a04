/** The event loop of a process of a model, with what Node's promises and no more: immediates in their order, timers at any time, and descriptors that are ready or not. */
import { forgetJobs } from "./promise.js";

/** A descriptor that is watched. */
export interface Watched {
  readonly callback: (status: number, events: number) => void;
  readonly isWatching: boolean;
}

export class EventLoop {
  static current: EventLoop;
  #immediates: { readonly callback: () => void }[] = [];
  readonly #polls: Watched[] = [];
  /** Those that may fire, at any time. */
  timers: { readonly callback: () => void }[] = [];
  /** The core of this process, for code that asks for it. */
  core: object = {};
  /** Whether it has waited since somebody last began to count the time: then it was long. */
  hasWaited = false;

  constructor() {
    EventLoop.current = this;
    forgetJobs();
  }

  addTimer(callback: () => void): object {
    const timer = { callback };
    this.timers.push(timer);
    return timer;
  }

  removeTimer(timer: object): void {
    this.timers = this.timers.filter((other) => other !== timer);
  }

  addImmediate(callback: () => void): object {
    const immediate = { callback };
    this.#immediates.push(immediate);
    return immediate;
  }

  removeImmediate(immediate: object): void {
    this.#immediates = this.#immediates.filter((other) => other !== immediate);
  }

  addPoll(poll: Watched): void {
    this.#polls.push(poll);
  }

  /** Whether something is to be done even when no descriptor is ready. */
  get isBusy(): boolean {
    return this.#immediates.length > 0;
  }

  /** The descriptor that it watches. */
  get watched(): Watched | undefined {
    return this.#polls.find(({ isWatching }) => isWatching);
  }

  /** A turn. `isReady` tells of the one descriptor; with `wait` it does so only when it is. */
  turn(isReady: (wait: boolean) => boolean, mayWait: boolean): void {
    const poll = this.watched;
    if (poll !== undefined && isReady(mayWait && !this.isBusy)) poll.callback(0, 1);
    const due = this.#immediates;
    this.#immediates = [];
    for (const { callback } of due) callback();
  }
}
