import { reached } from "../../../core/step.js";
import { isReserved, leave } from "./gate.js";
import {
  BLOCKED,
  NONE,
  ONE,
  type Outcome,
  type Owner,
  type Protocol,
  TAKEN,
  TAKEN_FROM_DEAD,
} from "./protocol.js";
import { FREE, GATE, PERMITS } from "./words.js";

/**
 * The steps of a semaphore. Each permit is a word: 0, or the number of the owner who has it. So the kernel's word on who is dead tells which
 * permits have no holder any more.
 */
export class SemaphoreProtocol implements Protocol {
  readonly words: Int32Array;
  readonly gate: number = GATE;
  readonly blocker: number = 0;
  readonly permits: number;
  /** Which permit the last attempt has taken: the index of its word. */
  taken: number = PERMITS;
  readonly #owner: Owner;
  /** How many permits this owner has. */
  held = 0;

  constructor(words: Int32Array, permits: number, owner: Owner) {
    this.words = words;
    this.permits = permits;
    this.#owner = owner;
  }

  get blockedByItself(): boolean {
    return this.held === this.permits;
  }

  attempt(entitled: boolean): Outcome {
    if (!entitled && isReserved(this.words, GATE)) return BLOCKED;
    // The word of last time first.
    if (this.#takeFree(this.taken)) return TAKEN;
    const end = PERMITS + this.permits;
    for (let word = PERMITS; word < end; word++) if (this.#takeFree(word)) return TAKEN;
    // One question to the kernel for each holder.
    const asked = new Map<number, boolean>([[this.#owner.id, true]]);
    for (let word = PERMITS; word < end; word++) {
      const seen = Atomics.load(this.words, word);
      let isAlive = asked.get(seen);
      if (isAlive === undefined) {
        isAlive = seen !== FREE && this.#owner.isAlive(seen);
        asked.set(seen, isAlive);
      }
      if (isAlive || Atomics.compareExchange(this.words, word, seen, this.#owner.id) !== seen) continue;
      STEP: reached("semaphore: taken from the dead");
      this.taken = word;
      this.held++;
      return seen === FREE ? TAKEN : TAKEN_FROM_DEAD;
    }
    return BLOCKED;
  }

  abandon(): void {
    // An attempt that fails leaves nothing behind.
  }

  /** Gives a permit back: how many are to be woken. */
  release(word: number): number {
    this.held--;
    Atomics.compareExchange(this.words, word, this.#owner.id, FREE);
    STEP: reached("semaphore: released");
    return leave(this.words, GATE) ? ONE : NONE;
  }

  /** How many permits nobody has taken. */
  available(): number {
    let count = 0;
    for (let word = PERMITS; word < PERMITS + this.permits; word++) {
      if (Atomics.load(this.words, word) === FREE) count++;
    }
    return count;
  }

  #takeFree(word: number): boolean {
    if (Atomics.compareExchange(this.words, word, FREE, this.#owner.id) !== FREE) return false;
    STEP: reached("semaphore: taken");
    this.taken = word;
    this.held++;
    return true;
  }
}
