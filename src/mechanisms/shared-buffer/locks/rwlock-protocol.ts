import { reached } from "../../../core/step.js";
import { isReserved, leave } from "./gate.js";
import {
  ALL,
  BLOCKED,
  ONE,
  type Outcome,
  type Owner,
  type Protocol,
  REFUSED,
  TAKEN,
  TAKEN_FROM_DEAD,
} from "./protocol.js";
import {
  DRAIN_GATE,
  FREE,
  GATE,
  LOST,
  OWNER,
  OWNER_DIED,
  OWNER_MASK,
  PENDING,
  READER_COUNT,
  READERS,
} from "./words.js";

/** Wakes so many of those who sleep at a gate. */
export type Wake = (gate: number, count: number) => void;

/**
 * The steps of a lock for many readers or one writer.
 *
 * Each owner that reads has one of the readers' words to itself, whatever the number of its leases. A writer first takes the owner's word, which
 * keeps new readers out, then waits until the readers' words are empty. A reader first takes a readers' word, then looks for a writer. One of the two
 * sees the other, in whatever order they come.
 */
export class RwLockProtocol {
  readonly words: Int32Array;
  readonly owner: Owner;
  readonly wake: Wake;
  /** The index behind the last of the readers' words. */
  readonly readersEnd: number;
  readonly read: ReadProtocol;
  readonly write: WriteProtocol;

  constructor(words: Int32Array, owner: Owner, wake: Wake, readerCount: number = READER_COUNT) {
    this.words = words;
    this.owner = owner;
    this.wake = wake;
    this.readersEnd = READERS + readerCount;
    this.read = new ReadProtocol(this);
    this.write = new WriteProtocol(this);
  }
}

class ReadProtocol implements Protocol {
  readonly words: Int32Array;
  readonly gate: number = GATE;
  blocker = 0;
  /** Leases of this owner. */
  count = 0;
  readonly #lock: RwLockProtocol;
  word: number = READERS;

  constructor(lock: RwLockProtocol) {
    this.#lock = lock;
    this.words = lock.words;
  }

  get blockedByItself(): boolean {
    return this.#lock.write.stands;
  }

  attempt(entitled: boolean): Outcome {
    const { words } = this;
    this.blocker = 0;
    for (;;) {
      if (!entitled && isReserved(words, GATE)) return BLOCKED;
      const outcome = this.#lookForWriter();
      if (outcome !== TAKEN) return outcome;
      // A writer who comes now finds our word, which has stood there since the first lease.
      if (this.count > 0 || this.#takeWord()) {
        STEP: reached("rwlock: reader's word taken");
        if (this.count > 0 || Atomics.load(words, OWNER) === FREE) {
          this.count++;
          return TAKEN;
        }
        this.#leaveWord();
      } else return BLOCKED;
    }
  }

  abandon(): void {
    this.blocker = 0;
  }

  release(): void {
    if (--this.count === 0) this.#leaveWord();
  }

  /** TAKEN: there is none. */
  #lookForWriter(): Outcome {
    const { words } = this;
    const { owner, write } = this.#lock;
    for (;;) {
      const seen = Atomics.load(words, OWNER);
      if (seen === FREE) return TAKEN;
      if (seen === LOST) return REFUSED;
      const id = seen & OWNER_MASK;
      const isOurs = id === owner.id;
      if (isOurs ? write.stands : owner.isAlive(id)) {
        this.blocker = isOurs ? 0 : id;
        return BLOCKED;
      }
      // It died, but it may have released the lock before.
      if (Atomics.load(words, OWNER) !== seen) continue;
      // What it had begun to write only a writer can repair; if it had not begun, nothing has happened.
      if ((seen & PENDING) === 0 || (seen & OWNER_DIED) !== 0) return REFUSED;
      if (Atomics.compareExchange(words, OWNER, seen, FREE) === seen) return TAKEN;
    }
  }

  #takeWord(): boolean {
    const { words } = this;
    const { id } = this.#lock.owner;
    // The word of last time first: then each owner mostly has its own.
    if (Atomics.compareExchange(words, this.word, FREE, id) === FREE) return true;
    for (let word = READERS; word < this.#lock.readersEnd; word++) {
      if (Atomics.compareExchange(words, word, FREE, id) !== FREE) continue;
      this.word = word;
      return true;
    }
    for (let word = READERS; word < this.#lock.readersEnd; word++) {
      const seen = Atomics.load(words, word);
      if (seen !== FREE && seen !== id && this.#lock.owner.isAlive(seen)) continue;
      if (Atomics.compareExchange(words, word, seen, id) !== seen) continue;
      this.word = word;
      return true;
    }
    return false;
  }

  #leaveWord(): void {
    const { words } = this;
    Atomics.compareExchange(words, this.word, this.#lock.owner.id, FREE);
    STEP: reached("rwlock: reader's word left");
    if (leave(words, DRAIN_GATE)) this.#lock.wake(DRAIN_GATE, ONE);
    STEP: reached("rwlock: writer woken");
    // Only where all readers' words were taken does a reader wait for one of them.
    if (Atomics.load(words, OWNER) === FREE && leave(words, GATE)) this.#lock.wake(GATE, ALL);
  }
}

class WriteProtocol implements Protocol {
  readonly words: Int32Array;
  gate: number = GATE;
  blocker = 0;
  /** Whether this owner has it now. */
  held = false;
  /** Whether the owner's word is ours and we wait for readers. */
  claimed: Outcome = BLOCKED;
  /** What the owner's word was before. */
  found: number = FREE;
  readonly #lock: RwLockProtocol;

  constructor(lock: RwLockProtocol) {
    this.#lock = lock;
    this.words = lock.words;
  }

  get blockedByItself(): boolean {
    return this.held || this.#lock.read.count > 0;
  }

  /** Whether the owner's word is ours. */
  get stands(): boolean {
    return this.held || this.claimed !== BLOCKED;
  }

  attempt(entitled: boolean): Outcome {
    this.blocker = 0;
    this.gate = GATE;
    if (this.held) return BLOCKED;
    if (this.claimed === BLOCKED) {
      const outcome = this.#claim(entitled);
      if (outcome === BLOCKED || outcome === REFUSED) return outcome;
      this.claimed = outcome;
    }
    this.gate = DRAIN_GATE;
    STEP: reached("rwlock: claimed");
    if (!this.#isDrained()) return BLOCKED;
    STEP: reached("rwlock: drained");
    Atomics.and(this.words, OWNER, ~PENDING);
    STEP: reached("rwlock: written to");
    const outcome = this.claimed;
    this.claimed = BLOCKED;
    this.held = true;
    return outcome;
  }

  abandon(): void {
    if (this.claimed === BLOCKED) return;
    const { words } = this;
    this.claimed = BLOCKED;
    // A death that nobody was told of is left for the next to find.
    Atomics.store(words, OWNER, this.found);
    STEP: reached("rwlock: claim given up");
    if (leave(words, GATE)) this.#lock.wake(GATE, ALL);
  }

  markConsistent(): void {
    Atomics.and(this.words, OWNER, ~OWNER_DIED);
  }

  /** Takes what nobody gets any more; so nobody reads either. */
  recover(): boolean {
    const { id } = this.#lock.owner;
    return Atomics.compareExchange(this.words, OWNER, LOST, id | OWNER_DIED) === LOST && (this.held = true);
  }

  release(): void {
    const { words } = this;
    const { id } = this.#lock.owner;
    this.held = false;
    STEP: reached("rwlock: about to be released");
    if (Atomics.compareExchange(words, OWNER, id, FREE) !== id) {
      Atomics.compareExchange(words, OWNER, id | OWNER_DIED, LOST);
    }
    if (leave(words, GATE)) this.#lock.wake(GATE, ALL);
  }

  #claim(entitled: boolean): Outcome {
    const { words } = this;
    const { owner } = this.#lock;
    for (;;) {
      const seen = Atomics.load(words, OWNER);
      if (seen === FREE) {
        if (!entitled && isReserved(words, GATE)) return BLOCKED;
        if (Atomics.compareExchange(words, OWNER, FREE, owner.id | PENDING) === FREE) {
          this.found = FREE;
          return TAKEN;
        }
        continue;
      }
      if (seen === LOST) return REFUSED;
      const id = seen & OWNER_MASK;
      if (id !== owner.id && owner.isAlive(id)) {
        this.blocker = id;
        return BLOCKED;
      }
      // It died; if it had not begun to write, nothing has happened that was not known before.
      const died = (seen & PENDING) === 0 ? OWNER_DIED : seen & OWNER_DIED;
      if (Atomics.compareExchange(words, OWNER, seen, owner.id | PENDING | died) !== seen) continue;
      this.found = died === 0 ? FREE : seen;
      return died === 0 ? TAKEN : TAKEN_FROM_DEAD;
    }
  }

  /** Whether no reader is left. The dead do not count. */
  #isDrained(): boolean {
    const { words } = this;
    const { owner, read } = this.#lock;
    for (let word = READERS; word < this.#lock.readersEnd; word++) {
      const seen = Atomics.load(words, word);
      if (seen === FREE) continue;
      const isOurs = seen === owner.id;
      if (isOurs ? read.count > 0 : owner.isAlive(seen)) {
        this.blocker = isOurs ? 0 : seen;
        return false;
      }
      Atomics.compareExchange(words, word, seen, FREE);
    }
    return true;
  }
}
