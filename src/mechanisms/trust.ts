/** How often a chance is passed over after a try in vain; twice as often after each further one, and half as often after so many good ones in a row. */
const LEAST_PASSED = 16;
const MOST_PASSED = 4096;
const GOOD_IN_A_ROW = 64;

/** Whether something that costs a little and mostly pays, or never does, is worth another try: what is in vain soon costs next to nothing. */
export class Trust {
  #good = 0;
  #passed = 0;
  #toPass = LEAST_PASSED;

  /** Whether to try now. To be asked once for each chance. */
  takes(): boolean {
    if (this.#passed === 0) return true;
    this.#passed--;
    return false;
  }

  /** It has paid. Once is no reason to trust more. */
  paid(): void {
    if (++this.#good < GOOD_IN_A_ROW) return;
    this.#good = 0;
    this.#toPass = Math.max(this.#toPass >> 1, LEAST_PASSED);
  }

  /** It was in vain. */
  failed(): void {
    this.#good = 0;
    this.#passed = this.#toPass;
    this.#toPass = Math.min(2 * this.#toPass, MOST_PASSED);
  }
}
