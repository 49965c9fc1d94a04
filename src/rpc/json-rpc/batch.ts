/** The answers to a batch of requests, which leave together when the last is there. */
export class Batch {
  readonly #answers: string[] = [];
  readonly #complete: (text: string) => void;
  #missing: number;

  /**
   * @param expected - how many answers there will be
   * @param complete - told the text of all together
   */
  constructor(expected: number, complete: (text: string) => void) {
    this.#missing = expected;
    this.#complete = complete;
  }

  add(answer: string): void {
    this.#answers.push(answer);
    this.#missing--;
    if (this.#missing === 0) this.#complete(`[${this.#answers.join(",")}]`);
  }
}
