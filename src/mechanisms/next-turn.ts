/** Milliseconds: how late the next turn may be where it must not keep the process alive. */
const LATEST = 1;

/**
 * Does something at the next turn of the event loop, also where that must not keep the process alive. An immediate that is unref'ed does not turn the event loop: it runs
 * once something else has woken it, which may be never, so a timer goes with it.
 */
export class NextTurn {
  readonly #act: () => void;
  #immediate: NodeJS.Immediate | undefined;
  #timer: NodeJS.Timeout | undefined;
  #keepsAlive = true;

  constructor(act: () => void) {
    this.#act = act;
  }

  /** Asks for it, once however often this is called. */
  ask(): void {
    if (this.#immediate !== undefined) return;
    this.#immediate = setImmediate(() => {
      this.#come();
    });
    if (!this.#keepsAlive) this.#unref(this.#immediate);
  }

  cancel(): void {
    if (this.#immediate !== undefined) clearImmediate(this.#immediate);
    this.#immediate = undefined;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  setRef(alive: boolean): void {
    this.#keepsAlive = alive;
    if (this.#immediate === undefined) return;
    if (alive) this.#immediate.ref();
    else this.#unref(this.#immediate);
  }

  #come(): void {
    if (this.#timer === undefined) this.#immediate = undefined;
    else this.cancel();
    this.#act();
  }

  #unref(immediate: NodeJS.Immediate): void {
    immediate.unref();
    this.#timer ??= setTimeout(() => {
      this.#come();
    }, LATEST).unref();
  }
}
