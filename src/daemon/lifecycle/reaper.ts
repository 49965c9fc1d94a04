import { loadCore } from "../../native/binding.js";

/**
 * Takes notice of the end of processes that were handed to this one because their parents had ended: what init does, and what the first process of a container has to.
 *
 * Node's own children must be left to Node, which waits for each of them by its pid as soon as its event loop hears of SIGCHLD. So a child that has ended is
 * only noted at first. If it is still there when the event loop has been round, Node does not know it. Children that worker threads have
 * started do not show here: the kernel keeps them apart by thread.
 */
export class Reaper implements Disposable {
  readonly #core = loadCore();
  readonly #onReaped: (pid: number) => void;
  #looking = false;
  #disposed = false;

  /** @param onReaped - told of each process that was nobody else's */
  constructor(onReaped: (pid: number) => void) {
    this.#onReaped = onReaped;
    process.on("SIGCHLD", this.#look);
    this.#look();
  }

  [Symbol.dispose](): void {
    this.#disposed = true;
    process.off("SIGCHLD", this.#look);
  }

  readonly #look = (): void => {
    if (this.#looking || this.#disposed) return;
    this.#looking = true;
    setImmediate(() => {
      const pid = this.#core.endedChild();
      this.#looking = false;
      if (pid > 0) this.#reapLater(pid);
    });
  };

  #reapLater(pid: number): void {
    this.#looking = true;
    // Between two immediates the loop has polled, and Node has heard of every SIGCHLD that came before the first.
    setImmediate(() => {
      this.#looking = false;
      if (this.#disposed) return;
      if (this.#core.endedChild() === pid && this.#core.reapChild(pid) === pid) this.#onReaped(pid);
      this.#look();
    });
  }
}
