import { LearntTurns } from "./learnt-turns.js";

/** When a turn has read at least this much the peer is probably still writing. */
const LIKELY_BYTES = 4096;
const LEAST_TURNS = 4;
const MOST_TURNS = 64;
/** After so many times in vain the most is tried again. */
const TRIED_AGAIN_AFTER = 32;

/**
 * How long a receiver in place looks for more before it sleeps. A turn of the event loop takes about a microsecond, a bell and a wake-up on both sides take many, and the next
 * message may keep its writer busy for dozens: 1 MiB for twenty.
 */
export class Vigil {
  readonly #turns = new LearntTurns(MOST_TURNS, LEAST_TURNS, MOST_TURNS);
  #left = 0;
  #inVain = 0;

  /** A turn of the event loop has read so many bytes. */
  read(bytes: number): void {
    if (bytes < LIKELY_BYTES) return;
    // The first turn is that of the reading itself.
    if (this.#left > 0 && this.#left < this.#turns.count - 1) this.#turns.paid();
    this.#left = this.#turns.count;
  }

  /** Whether to look once more at the next turn. */
  goesOn(): boolean {
    if (this.#left === 0) return false;
    if (--this.#left > 0) return true;
    if (++this.#inVain % TRIED_AGAIN_AFTER === 0) this.#turns.tryMost();
    else this.#turns.inVain();
    return true;
  }
}
