/** So many turns of the event loop, of about a microsecond each, one packet pays for: to be woken costs both sides more. */
const TURNS_A_PACKET = 4;
/** Turns that can be saved up: about a tenth of a millisecond, where each has a system call. */
const MOST_TURNS = 64;
/**
 * The part of them that is paid for where something was both sent and received: what follows is an answer or the next question, which takes its sender longer, and as long as the peer sleeps
 * both of its wake-ups. To be woken for it costs as much.
 */
const CONVERSATION = 3 / 8;
/** Turns that found something, by which busy polling has paid. Few do where both sides share a processor: then the other can only go on when this one is interrupted. */
const GOOD_TURNS = 16;
/** Occasions that are passed over after busy polling in vain; twice as many after each further time, and half as many after each that paid. */
const MOST_PASSED = 4096;

/**
 * While packets come or go one after another, a socket, pipe, ring or queue is asked at each turn of the event loop instead of being watched (busy polling). Nobody is woken then, and the kernel
 * need not tell epoll(7) of each packet on both sides. What comes and goes pays for the turns, so that slow traffic does not keep the processor busy; and where busy polling
 * brings nothing it is rarely tried.
 */
export class BusyPoll {
  isOn = false;
  readonly #ask: () => void;
  readonly #mostTurns: number;
  #turn: NodeJS.Immediate | undefined;
  #mayAsk = true;
  #found = 0;
  #turnsLeft = 0;
  #goodTurns = 0;
  #sent = 0;
  #toPass = 0;
  #passed = 0;

  /**
   * @param ask - called at a turn of the event loop
   * @param mostTurns - after so many in which nothing was found somebody watches again
   */
  constructor(ask: () => void, mostTurns: number = MOST_TURNS) {
    this.#ask = ask;
    this.#mostTurns = mostTurns;
  }

  /** So many packets came, or left. */
  found(count: number): void {
    this.#found += count;
  }

  /**
   * Something was read. Who has sent something since the last time is in a conversation.
   *
   * @param count - messages
   * @param sent - changes with everything that is sent
   */
  read(count: number, sent: number): void {
    this.#found += sent === this.#sent ? count : count + 1;
    this.#sent = sent;
  }

  /** After each event and each time it asked: whether it asks at the next turn. Otherwise somebody must watch. */
  goesOn(): boolean {
    if (this.#turn !== undefined) return true;
    const found = this.#found;
    this.#found = 0;
    if (!this.#mayAsk) return false;
    if (this.isOn) {
      if (found > 0) this.#goodTurns++;
      this.#turnsLeft = Math.min(this.#turnsLeft + this.#turnsFor(found), this.#mostTurns) - 1;
      if (this.#turnsLeft <= 0) this.stop();
    } else this.#begin(found);
    if (this.isOn) this.#askSoon();
    return this.isOn;
  }

  stop(): void {
    if (this.#turn !== undefined) clearImmediate(this.#turn);
    this.#turn = undefined;
    if (!this.isOn) return;
    this.isOn = false;
    this.#turnsLeft = 0;
    this.#passed = 0;
    if (this.#goodTurns >= GOOD_TURNS) this.#toPass >>= 1;
    else this.#toPass = Math.min(2 * this.#toPass + 1, MOST_PASSED);
  }

  /**
   * A channel that must not keep the process alive is watched: turns that do not keep it alive come only when something else has woken the event loop. `false` stops, and somebody must
   * watch.
   */
  setRef(alive: boolean): void {
    this.#mayAsk = alive;
    if (!alive) this.stop();
  }

  /** Who is woken for one packet, and has sent none, is not in a hurry. */
  #begin(found: number): void {
    this.#turnsLeft = found > 1 ? this.#turnsLeft + TURNS_A_PACKET * found : 0;
    if (this.#turnsLeft < this.#mostTurns) return;
    this.#turnsLeft = 0;
    if (this.#passed++ < this.#toPass) return;
    this.isOn = true;
    this.#turnsLeft = this.#mostTurns;
    this.#goodTurns = 0;
  }

  #turnsFor(found: number): number {
    const turns = TURNS_A_PACKET * found;
    return found > 1 ? Math.max(turns, this.#mostTurns * CONVERSATION) : turns;
  }

  #askSoon(): void {
    this.#turn = setImmediate(() => {
      this.#turn = undefined;
      this.#ask();
    });
  }
}
