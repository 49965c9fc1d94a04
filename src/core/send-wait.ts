import { Wait } from "./wait.js";

/** A send, `sendMany` or `flush` that waits: for room, then until what it concerns has left. */
export class SendWait extends Wait<undefined> {
  /** Settles once this many messages in all have left. */
  target = 0;
  readonly #attempt: (self: SendWait) => boolean;

  constructor(attempt: (self: SendWait) => boolean) {
    super();
    this.#attempt = attempt;
  }

  /** Tries to go on; `false`: there is still no room. */
  proceed(): boolean {
    return this.#attempt(this);
  }
}
