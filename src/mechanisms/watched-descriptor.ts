import { Poll } from "../native/binding.js";

/** A descriptor with its Poll and what it watches for, so that no system call is made to watch for the same again. */
export class WatchedDescriptor {
  readonly fd: number;
  readonly #poll: Poll;
  #events = 0;

  /**
   * @param fd - as for {@link Poll}
   * @param callback - likewise
   * @throws what {@link Poll} throws
   */
  constructor(fd: number, callback: (status: number, events: number) => void) {
    this.fd = fd;
    this.#poll = new Poll(fd, (status, events) => {
      // libuv has stopped watching a descriptor that is in an error state.
      if (status < 0) this.#events = 0;
      callback(status, events);
    });
  }

  /** Whether `close` was called. */
  get isClosed(): boolean {
    return this.#poll.isClosed;
  }

  watch(events: number): void {
    if (this.#events === events || this.#poll.isClosed) return;
    this.#events = events;
    this.#poll.set(events);
  }

  setRef(alive: boolean): void {
    if (alive) this.#poll.ref();
    else this.#poll.unref();
  }

  /** The descriptor stays open. */
  close(): void {
    this.#poll.close();
  }
}
