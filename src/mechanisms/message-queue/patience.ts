/**
 * So many turns of the event loop an empty or full queue is asked again before the kernel is told to wake this process: in a stream of messages the next is there in
 * microseconds, and a wake takes a hundred.
 */
const PATIENT_TURNS = 32;

/** Asks again at the next turns of the event loop, as long as that makes sense. */
export class Patience {
  readonly #ask: () => void;
  #turns = 0;
  #asking = false;

  /** @param ask - called at a turn of the event loop */
  constructor(ask: () => void) {
    this.#ask = ask;
  }

  /** There was a message, or room: more may follow soon. */
  renew(): void {
    this.#turns = 0;
  }

  /** Asks at the next turn; `false`: it has asked often enough. */
  askSoon(): boolean {
    if (this.#asking) return true;
    if (this.#turns >= PATIENT_TURNS) return false;
    this.#asking = true;
    this.#turns++;
    setImmediate(() => {
      this.#asking = false;
      this.#ask();
    });
    return true;
  }
}
