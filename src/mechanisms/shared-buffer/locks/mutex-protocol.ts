import { reached } from "../../../core/step.js";
import { isReserved, leave } from "./gate.js";
import {
  ALL,
  BLOCKED,
  NONE,
  ONE,
  type Outcome,
  type Owner,
  type Protocol,
  REFUSED,
  TAKEN,
  TAKEN_FROM_DEAD,
} from "./protocol.js";
import { FREE, GATE, LOST, OWNER, OWNER_DIED, OWNER_MASK } from "./words.js";

/**
 * The steps of a mutex. Its owner's word is
 *
 * - `FREE`, to `id` by who takes it, and back by who releases it;
 * - `id` of somebody dead, to `other | OWNER_DIED` by who finds out;
 * - `id | OWNER_DIED`, to `id` when the data is said to be consistent, to `LOST` when it is released before.
 */
export class MutexProtocol implements Protocol {
  readonly words: Int32Array;
  readonly gate: number = GATE;
  blocker = 0;
  /** Whether this owner has it now. */
  held = false;
  readonly #owner: Owner;
  readonly #id: number;

  constructor(words: Int32Array, owner: Owner) {
    this.words = words;
    this.#owner = owner;
    this.#id = owner.id;
  }

  get blockedByItself(): boolean {
    return this.held;
  }

  /** Takes it if it is free. */
  takeFree(): boolean {
    return (
      !this.held && Atomics.compareExchange(this.words, OWNER, FREE, this.#id) === FREE && (this.held = true)
    );
  }

  /** The same, unless somebody has waited too long. */
  takeInTurn(): boolean {
    return !isReserved(this.words, GATE) && this.takeFree();
  }

  attempt(entitled: boolean): Outcome {
    const { words } = this;
    this.blocker = 0;
    if (this.held) return BLOCKED;
    for (;;) {
      const seen = Atomics.load(words, OWNER);
      if (seen === FREE) {
        if (!entitled && isReserved(words, GATE)) return BLOCKED;
        STEP: reached("mutex: free");
        if (this.takeFree()) return TAKEN;
        continue;
      }
      if (seen === LOST) return REFUSED;
      const id = seen & OWNER_MASK;
      // Our own number, though we do not have it: it was that of somebody who died.
      if (id !== this.#id && this.#owner.isAlive(id)) {
        this.blocker = id;
        return BLOCKED;
      }
      if (Atomics.compareExchange(words, OWNER, seen, this.#id | OWNER_DIED) !== seen) continue;
      STEP: reached("mutex: taken from the dead");
      this.held = true;
      return TAKEN_FROM_DEAD;
    }
  }

  abandon(): void {
    this.blocker = 0;
  }

  /** The data is as it should be: whoever comes next need not know of the death. */
  markConsistent(): void {
    Atomics.and(this.words, OWNER, ~OWNER_DIED);
    STEP: reached("mutex: said to be consistent");
  }

  get needsRepair(): boolean {
    return (Atomics.load(this.words, OWNER) & OWNER_DIED) !== 0;
  }

  /** Takes what nobody gets any more. */
  recover(): boolean {
    return (
      Atomics.compareExchange(this.words, OWNER, LOST, this.#id | OWNER_DIED) === LOST && (this.held = true)
    );
  }

  /** Gives it back: how many are to be woken. */
  release(): number {
    const { words } = this;
    this.held = false;
    if (Atomics.compareExchange(words, OWNER, this.#id, FREE) === this.#id) {
      STEP: reached("mutex: released");
      return leave(words, GATE) ? ONE : NONE;
    }
    Atomics.compareExchange(words, OWNER, this.#id | OWNER_DIED, LOST);
    STEP: reached("mutex: lost");
    return leave(words, GATE) ? ALL : NONE;
  }
}
