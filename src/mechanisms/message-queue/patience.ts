import { LearntTurns } from "../learnt-turns.js";

/**
 * So many turns of the event loop an empty or full queue is asked again before this process sleeps: in a stream of messages the next is there in microseconds, and a
 * wake takes a hundred.
 */
const FIRST_TURNS = 64;
const MOST_TURNS = 1024;
const LEAST_TURNS = 16;

/**
 * Asks again at the next turns of the event loop, as long as that makes sense: in a stream. In a conversation the peer may need this processor for its answer, and to be
 * woken costs less than to be in its way.
 */
export class Patience {
  readonly #ask: () => void;
  #streak = 0;
  readonly #turns = new LearntTurns(FIRST_TURNS, LEAST_TURNS, MOST_TURNS);
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
    if (this.#streak > 1) {
      if (this.#turnsLeft < this.#turns.count && this.#turnsLeft > 0) this.#turns.paid();
      this.#turnsLeft = this.#turns.count;
    }
    this.#streak = 0;
    if (this.#turnsLeft === 0) return false;
    if (--this.#turnsLeft === 0) this.#turns.inVain();
    this.#asking = true;
    setImmediate(() => {
      this.#asking = false;
      this.#ask();
    });
    return true;
  }
}
