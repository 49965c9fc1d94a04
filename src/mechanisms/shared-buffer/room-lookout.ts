import { NextTurn } from "../next-turn.js";
import { LearntTurns } from "./learnt-turns.js";

/**
 * For so many turns of the event loop a sender without room looks for some before it asks for a bell: in a stream of large messages there is some within
 * microseconds, and a bell and two wake-ups cost more.
 */
const FIRST_LOOKS = 16;
const MOST_LOOKS = 64;
const LEAST_LOOKS = 4;

/** Looks for room at the next turns of the event loop. */
export class RoomLookout {
  readonly #look: (isLast: boolean) => boolean;
  readonly #looks = new LearntTurns(FIRST_LOOKS, LEAST_LOOKS, MOST_LOOKS);
  readonly #turn: NextTurn = new NextTurn(() => {
    const isLast = --this.#left === 0;
    if (this.#look(isLast)) this.#looks.paid();
    else if (isLast) this.#looks.inVain();
    else this.#turn.ask();
  });
  #left = 0;

  /** @param look - called once a turn, until it says that nothing more is to be looked for; the last time it must see to it that it is told */
  constructor(look: (isLast: boolean) => boolean) {
    this.#look = look;
  }

  begin(): void {
    this.#left = this.#looks.count;
    this.#turn.ask();
  }

  setRef(alive: boolean): void {
    this.#turn.setRef(alive);
  }

  close(): void {
    this.#turn.cancel();
  }
}
