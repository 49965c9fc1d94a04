// What processes of the soak keep together under locks: sums that agree only if one at a time is in, and if what a dead owner left half done is repaired.
import type { ExclusiveLease, SharedBuffer } from "sluice";

/** How many have a place of their own; the first two are those that stay. */
export const PLACES = 32;
const MUTEX = 0;
const RWLOCK = 64;
const TOTALS = 576;
const COUNTS = 640;

/** Bytes of memory that it takes. */
export const LEDGER_BYTES = 4096;

/** The ledger as one process has it. */
export class Ledger {
  /** Sections that this process has been through. */
  sections = 0;
  /** How often an owner had died. */
  repaired = 0;
  readonly #memory: SharedBuffer;
  readonly #totals: Float64Array;
  readonly #counts: Float64Array;
  readonly #place: number;

  constructor(memory: SharedBuffer, place: number) {
    this.#memory = memory;
    this.#totals = memory.view(Float64Array, TOTALS, 4);
    this.#counts = memory.view(Float64Array, COUNTS, 2 * PLACES);
    this.#place = place;
  }

  /** Adds to the sums under the mutex, then to others as a writer of the rwlock, and reads those. */
  async section(): Promise<void> {
    {
      using lease = await this.#memory.mutex(MUTEX).acquire();
      this.#add(lease, 0);
    }
    {
      using lease = await this.#memory.rwlock(RWLOCK).write.acquire();
      this.#add(lease, 1);
    }
    using lease = await this.#memory.rwlock(RWLOCK).read.acquire();
    if (!lease.ownerDied) this.#check(1);
    this.sections++;
  }

  /** Waits until the sums are whole, and gives what each place has added. */
  async counts(): Promise<number[]> {
    using mutex = await this.#memory.mutex(MUTEX).acquire();
    if (mutex.ownerDied) this.#repair(mutex, 0);
    using writer = await this.#memory.rwlock(RWLOCK).write.acquire();
    if (writer.ownerDied) this.#repair(writer, 1);
    this.#check(0);
    this.#check(1);
    return [...this.#counts];
  }

  #add(lease: ExclusiveLease, which: 0 | 1): void {
    if (lease.ownerDied) this.#repair(lease, which);
    this.#check(which);
    const place = which * PLACES + this.#place;
    // Three plain numbers: a death between them leaves them at odds.
    this.#totals[2 * which]! += 1;
    this.#counts[place]! += 1;
    this.#totals[2 * which + 1]! += 1;
  }

  #check(which: 0 | 1): void {
    const [first, second] = this.#totals.subarray(2 * which, 2 * which + 2);
    if (first !== second)
      throw new Error(`two were in at a time, or nobody told of a death: ${first} and ${second}`);
    const sum = this.#counts
      .subarray(which * PLACES, (which + 1) * PLACES)
      .reduce((total, each) => total + each, 0);
    if (sum !== first) throw new Error(`the places add up to ${sum}, the total is ${first}`);
  }

  #repair(lease: ExclusiveLease, which: 0 | 1): void {
    const sum = this.#counts
      .subarray(which * PLACES, (which + 1) * PLACES)
      .reduce((total, each) => total + each, 0);
    this.#totals.fill(sum, 2 * which, 2 * which + 2);
    lease.markConsistent();
    this.repaired++;
  }
}
