import type { Deque } from "./deque.js";

/** Slots to begin with. */
const FEW = 16;
/** So many slots are kept for batches of any size. */
const MANY = 1024;
/** More are needed only for a whole ring of tiny messages whose sender has ended; they are not kept. */
const MOST = 16_384;

/**
 * Packets on their way from a port into a channel's queue: as many as one look at the source has found. To hand them over one by one takes longer than to cut them
 * out of the memory where they came.
 */
export class PacketBatch {
  // The first `count` are packets, the rest is empty. Their number is a power of two, or none.
  #slots: (Buffer | undefined)[] = [];
  // How many will be needed, when they have been given away.
  #likely = FEW;
  #count = 0;
  #bytes = 0;
  #mostPackets = 0;
  #mostBytes = 0;

  get count(): number {
    return this.#count;
  }

  /** Bytes of the packets. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Says how many packets may be added, and how many bytes there may be before the last of them. */
  limit(packets: number, bytes: number): void {
    this.#mostPackets = packets;
    this.#mostBytes = bytes;
  }

  /** Adds a packet; `false`: it was the last for which there is room. */
  push(packet: Buffer): boolean {
    if (this.#count === this.#slots.length) this.#grow();
    this.#slots[this.#count++] = packet;
    this.#bytes += packet.length;
    return this.#count < this.#mostPackets && this.#bytes < this.#mostBytes;
  }

  /** Moves all packets to the end of a queue. */
  moveTo(queue: Deque<Buffer>): void {
    this.#restart(queue.pushAll(this.#slots, this.#count));
  }

  /** Lets go of all packets. */
  clear(): void {
    this.#slots.fill(undefined, 0, this.#count);
    this.#restart(this.#slots);
  }

  /** Goes on with these empty slots, unless they are too many for batches like the last one: no queue would take them over. */
  #restart(slots: (Buffer | undefined)[]): void {
    const { length } = this.#slots;
    const isOwn = slots === this.#slots;
    const isTooLarge = isOwn && (length > MOST || (length > MANY && this.#count <= length >> 1));
    if (!isOwn || isTooLarge) this.#likely = Math.min(Math.max(isTooLarge ? length >> 1 : length, FEW), MOST);
    this.#slots = isTooLarge ? [] : slots;
    this.#count = this.#bytes = 0;
  }

  #grow(): void {
    const slots = new Array<Buffer | undefined>(Math.max(2 * this.#slots.length, this.#likely));
    for (let index = 0; index < this.#count; index++) slots[index] = this.#slots[index];
    this.#slots = slots;
  }
}
