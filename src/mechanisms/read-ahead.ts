import { PACKETS_A_READ } from "./receive-memory.js";

/** So many reads of one packet each, one after the other, make it likely that more than one is there. */
const FULL_READS = 8;

/**
 * How many packets a read shall ask for: asking for more than are there costs a system call that finds nothing. A conversation has one packet
 * at a time; where more come, they come in a stream.
 */
export class ReadAhead {
  packets = 1;
  moreIsLikely = false;
  #fullReads = 0;

  /** The read gave so many. */
  gave(count: number): void {
    this.moreIsLikely = count === this.packets && count > 1;
    if (count < this.packets) {
      this.packets = count;
      this.#fullReads = 0;
    } else if (this.packets > 1 || ++this.#fullReads >= FULL_READS) {
      this.packets = Math.min(this.packets * 2, PACKETS_A_READ);
    }
  }
}
