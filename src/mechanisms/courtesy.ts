import { clock } from "./clock.js";
import type { NativeCore } from "../native/native-core.js";

/** How often the processor is offered before a receiver sleeps. The second time is for a peer who was not the only other. */
const OFFERS = 2;
/** Answers after which the event loop gets a turn. */
const ANSWERS_A_TURN = 256;
/** Waits that are passed over after offers in vain; twice as many after each further time, and half as many after so many good ones in a row. */
const LEAST_PASSED = 16;
const MOST_PASSED = 4096;
const GOOD_IN_A_ROW = 64;
/** Good offers in one turn of the event loop, after which nobody need watch for answers. */
const CONVERSES_AFTER = 8;
/** In a conversation one of so many offers is timed: two looks at the clock are 1 % of a round trip. */
const TIMED_OF = 8;
/** Milliseconds. Offers that take longer were taken by somebody who computes: to sleep and be woken is better then. */
const LONG_OFFER = 0.2;

/**
 * What a receiver does in a conversation before it sleeps: whoever has just sent something and waits for the answer offers the processor to others (sched_yield(2)), and
 * looks again. On a processor that both sides share the peer then answers while nobody is asleep, and the turns of the event loop and the wake-ups, which
 * are most of a round trip, are spared. Where the peer runs elsewhere nothing is gained: after a look in vain many waits are passed over, so that it costs next to
 * nothing.
 */
export class Courtesy {
  /**
   * Answers come while this side is awake: until the next turn of the event loop, or the first offer in vain, nobody need watch for them. As long as epoll(7) watches, each packet
   * that comes is told to it, which takes its sender 4 % of a round trip.
   */
  converses = false;
  readonly #core: NativeCore;
  readonly #look: () => boolean;
  readonly #changed: (() => void) | undefined;
  #answers = 0;
  #good = 0;
  #passed = 0;
  #toPass = LEAST_PASSED;
  #sent = 0;
  #turn: NodeJS.Immediate | undefined;

  /**
   * @param core - gives up the processor
   * @param look - whether something has come
   * @param changed - `converses` has changed
   */
  constructor(core: NativeCore, look: () => boolean, changed?: () => void) {
    this.#core = core;
    this.#look = look;
    this.#changed = changed;
  }

  /**
   * Whether a wait that begins now is worth an offer.
   *
   * @param sent - changes with everything that is sent: only who has sent something since the last wait may expect an answer soon
   */
  isFitting(sent: number): boolean {
    if (sent === this.#sent) return false;
    this.#sent = sent;
    if (this.#passed > 0) {
      this.#passed--;
      return false;
    }
    return this.#answers < ANSWERS_A_TURN;
  }

  /** Offers the processor: `true` when something has come. */
  offer(): boolean {
    const isTimed = !this.converses || this.#answers % TIMED_OF === 0;
    const begin = isTimed ? clock.now() : 0;
    for (let offer = 0; offer < OFFERS; offer++) {
      this.#core.yieldProcessor();
      if (!this.#look()) continue;
      this.#count();
      if (isTimed && clock.now() - begin > LONG_OFFER) this.#pass();
      else this.#trust();
      return true;
    }
    this.#pass();
    return false;
  }

  #count(): void {
    if (++this.#answers === CONVERSES_AFTER) this.#converse(true);
    this.#turn ??= setImmediate(() => {
      this.#turn = undefined;
      this.#answers = 0;
      this.#converse(false);
    });
  }

  #converse(on: boolean): void {
    if (this.converses === on) return;
    this.converses = on;
    this.#changed?.();
  }

  /** One good offer is no reason: where another process computes, every offer that it takes costs a time slice. */
  #trust(): void {
    if (++this.#good < GOOD_IN_A_ROW) return;
    this.#good = 0;
    this.#toPass = Math.max(this.#toPass >> 1, LEAST_PASSED);
  }

  #pass(): void {
    this.#converse(false);
    this.#good = 0;
    this.#passed = this.#toPass;
    this.#toPass = Math.min(2 * this.#toPass, MOST_PASSED);
  }
}
