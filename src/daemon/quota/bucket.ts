/**
 * A token bucket that holds what a second brings, by the monotonic clock. What is asked of it while it is empty is a debt, so that who does not slow down is not served at the full rate
 * all the same; it goes down to what a second brings, and no further.
 */
export class TokenBucket {
  readonly #rate: number;
  #tokens: number;
  #at: number;

  /** @param rate - tokens a second, and the most that it holds */
  constructor(rate: number, now: number) {
    this.#rate = rate;
    this.#tokens = rate;
    this.#at = now;
  }

  /** Takes a token. `false`: there is none. */
  take(now: number): boolean {
    this.#fill(now);
    const has = this.#tokens >= 1;
    if (this.#tokens > -this.#rate) this.#tokens--;
    return has;
  }

  /** Whether the debt is as large as it can be. */
  get isSunk(): boolean {
    return this.#tokens <= -this.#rate;
  }

  /** Milliseconds until it is as full as if nobody had ever taken anything. */
  fullIn(now: number): number {
    this.#fill(now);
    return ((this.#rate - this.#tokens) / this.#rate) * 1000;
  }

  #fill(now: number): void {
    this.#tokens = Math.min(this.#rate, this.#tokens + ((now - this.#at) / 1000) * this.#rate);
    this.#at = now;
  }
}
