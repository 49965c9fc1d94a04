import { PACKETS_A_READ } from "./receive-memory.js";

/** After so many turns in a row that brought one packet or none the next may be different from those before. */
const TURNS_IN_A_ROW = 8;

/**
 * How many packets a read shall ask for. A conversation has one at a time, and to ask for a second costs a look that finds nothing. In a stream as many are asked for as one read
 * takes: fewer would leave some for a read of their own.
 */
export class ReadAhead {
  packets = 1;
  moreIsLikely = false;
  #came = 0;
  #lonely = 0;

  /** The read gave so many. */
  gave(count: number): void {
    this.moreIsLikely = count === this.packets && count > 1;
    this.#came += count;
  }

  /** All reads of a turn are done. */
  endTurn(): void {
    const came = this.#came;
    this.#came = 0;
    if (came > 1) {
      this.packets = PACKETS_A_READ;
      this.#lonely = 0;
    } else if (++this.#lonely >= TURNS_IN_A_ROW) {
      const probes = this.packets === 1;
      this.packets = probes ? PACKETS_A_READ : 1;
      // One turn shows whether there is a stream.
      this.#lonely = probes ? TURNS_IN_A_ROW - 1 : 0;
    }
  }
}
