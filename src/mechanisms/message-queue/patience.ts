/**
 * So many turns of the event loop an empty or full queue is asked again before the kernel is told to wake this process: in a stream of messages the next is there in
 * microseconds, and a wake takes a hundred.
 */
const PATIENT_TURNS = 16;

/**
 * Asks again at the next turns of the event loop, as long as that makes sense: in a stream. In a conversation the peer may need this processor for its answer, and to be
 * woken costs less than to be in its way.
 */
export class Patience {
  readonly #ask: () => void;
  #streak = 0;
  #turnsLeft = 0;
  #asking = false;

  /** @param ask - called at a turn of the event loop */
  constructor(ask: () => void) {
    this.#ask = ask;
  }

  /** So many messages came, or left, at once or one after another. */
  found(count: number): void {
    this.#streak += count;
  }

  /** Asks at the next turn; `false`: it has asked often enough. */
  askSoon(): boolean {
    if (this.#asking) return true;
    if (this.#streak > 1) this.#turnsLeft = PATIENT_TURNS;
    this.#streak = 0;
    if (this.#turnsLeft === 0) return false;
    this.#turnsLeft--;
    this.#asking = true;
    setImmediate(() => {
      this.#asking = false;
      this.#ask();
    });
    return true;
  }
}
