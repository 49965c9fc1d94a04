import { clock } from "../clock.js";
import type { RingReader } from "./ring-reader.js";

/** Looks at the ring between two looks at the clock. */
const LOOKS = 64;
/** Microseconds of looking, and looks that were answered, after which the event loop gets a turn. */
const MICROSECONDS_A_TURN = 500;
const ANSWERS_A_TURN = 256;

/**
 * Waiting without sleeping: it looks at the ring in a loop for up to `microseconds`, then the receiver sleeps as usual. The event loop turns all the while, every half
 * millisecond at the latest.
 */
export class Spin {
  readonly #reader: RingReader;
  readonly #microseconds: number;
  #answers = 0;
  #spentThisTurn = 0;
  // Of the wait that is going on.
  #left = 0;

  constructor(reader: RingReader, microseconds: number) {
    this.#reader = reader;
    this.#microseconds = microseconds;
  }

  /** The event loop has turned. */
  turned(): void {
    this.#answers = this.#spentThisTurn = 0;
  }

  /** Begins a wait: `true` when data is there. */
  look(): boolean {
    this.#left = this.#microseconds;
    return this.#answers < ANSWERS_A_TURN && this.#spin();
  }

  /** Goes on with the wait in a new turn. `false`: it is over and the receiver should sleep. */
  goesOn(): boolean {
    if (this.#left <= 0) return false;
    this.#spin();
    return true;
  }

  #spin(): boolean {
    const most = Math.min(this.#left, MICROSECONDS_A_TURN - this.#spentThisTurn);
    if (most <= 0) return false;
    const reader = this.#reader;
    let begin = 0;
    let spent = 0;
    while (spent < most) {
      for (let look = 0; look < LOOKS; look++) {
        if (!reader.hasData) continue;
        this.#answers++;
        this.#spentThisTurn += spent;
        return true;
      }
      const now = clock.now() * 1000;
      if (begin === 0) begin = now;
      spent = now - begin;
    }
    this.#left -= spent;
    this.#spentThisTurn += spent;
    return false;
  }
}
