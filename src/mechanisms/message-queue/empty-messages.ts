import { ANY } from "./queue-port.js";

/**
 * Empty messages that a thread has taken from a System V queue, by their types: the kernel knows no way to wait for one without taking it. They are the first to be
 * received, also when the receive for which they were taken has been aborted.
 */
export class EmptyMessages {
  readonly #types: number[] = [];

  add(type: number): void {
    this.#types.push(type);
  }

  /** The type of a message that is selected, as msgrcv(2) selects; it is here no more. */
  take(selection: number): number | undefined {
    if (this.#types.length === 0) return undefined;
    const index = this.#find(selection);
    return index < 0 ? undefined : this.#types.splice(index, 1)[0];
  }

  #find(selection: number): number {
    if (selection === ANY) return 0;
    if (selection > 0) return this.#types.indexOf(selection);
    const lowest = Math.min(...this.#types);
    return lowest <= -selection ? this.#types.indexOf(lowest) : -1;
  }
}
