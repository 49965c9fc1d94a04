/**
 * For how many turns of the event loop it pays to look before one sleeps, learnt from how it went: twice as many after a look that found something, half as many after turns in
 * vain. Two processes that share a processor so do not keep it from one another for long.
 */
export class LearntTurns {
  /** So many, by what is known now. */
  count: number;
  readonly #least: number;
  readonly #most: number;

  constructor(first: number, least: number, most: number) {
    this.count = first;
    this.#least = least;
    this.#most = most;
  }

  /** A look found something. */
  paid(): void {
    this.count = Math.min(this.count * 2, this.#most);
  }

  /** All turns went by in vain. */
  inVain(): void {
    this.count = Math.max(this.count >> 1, this.#least);
  }

  /** Begins anew with the most: few turns cannot find out that many would pay. */
  tryMost(): void {
    this.count = this.#most;
  }
}
