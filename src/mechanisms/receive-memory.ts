import { NAME_STRIDE, PACKET_STRIDE } from "../native/binding.js";

/** Packets that one call into the core reads at most. */
export const PACKETS_A_READ = 64;
const SLAB_BYTES = 64 * 1024;
/** With less room than this at its end a slab is left: nearly every message would run over its end. */
const LEAST_ROOM = 512;
/** Packets that one system call reads at most, each into a slot of the slab that is as long as the next is expected to be. */
const SLOTS = 16;
/** Slots are this long at least, so that few messages run over theirs where lengths differ: to move one together with the one before it costs next to nothing. */
const LEAST_SLOT = 128;
/** Larger messages have a system call each: it is little beside copying them, and they would have to be moved together. */
const MOST_SLOT = 2048;
/** Behind each slot there must be room for the largest message. Memory that is never written takes none of the machine's. */
const MOST_SCRATCH = 4 * 1024 * 1024;

/**
 * Memory that packets are read into. All sockets of a thread share it, so that an idle one takes none. Messages are cut out of the slab as views and the slab
 * is never written again where one was cut.
 */
export interface ReceiveMemory {
  slab: Buffer;
  /** The slab's ArrayBuffer, all of which is the slab. To ask a Buffer for it is a call into the runtime, too dear for each packet. */
  slabMemory: ArrayBuffer;
  /** Where the unused part of the slab begins. */
  offset: number;
  /** Takes what runs over its place in the slab. */
  scratch: Buffer;
  /** What the core says of each packet. */
  readonly info: Int32Array;
  /** The senders' names. */
  readonly names: Buffer;
}

export const memory: ReceiveMemory = {
  slab: Buffer.alloc(0),
  slabMemory: new ArrayBuffer(0),
  offset: 0,
  scratch: Buffer.alloc(0),
  info: new Int32Array(PACKETS_A_READ * PACKET_STRIDE),
  names: Buffer.alloc(PACKETS_A_READ * NAME_STRIDE),
};

/**
 * Sees to it that a message of the size that is to be expected fits into the slab, and one of the largest size into scratch. A slab for large messages holds two, so that one that
 * is kept holds on to little besides.
 *
 * @param expected - bytes that the next packet probably has
 * @param largest - bytes that one may have
 * @param packets - how many the next read asks for
 * @returns how many bytes of the slab each packet of one system call shall have; 0: one packet a call
 */
export function reserve(expected: number, largest: number, packets: number): number {
  const room = Math.max(expected, LEAST_ROOM);
  if (memory.slab.length - memory.offset < room) {
    memory.slab = Buffer.allocUnsafeSlow(Math.max(SLAB_BYTES, 2 * room));
    memory.slabMemory = memory.slab.buffer as ArrayBuffer;
    memory.offset = 0;
  }
  const inSlots = packets > 1 && expected <= MOST_SLOT && SLOTS * largest <= MOST_SCRATCH;
  const scratch = inSlots ? SLOTS * largest : largest;
  if (memory.scratch.length < scratch) memory.scratch = Buffer.allocUnsafeSlow(scratch);
  return inSlots ? Math.max(expected, LEAST_SLOT) : 0;
}

/** A message that lies in scratch, which is written over by the next. */
export function copiedFromScratch(start: number, length: number): Buffer {
  const message = Buffer.allocUnsafeSlow(length);
  memory.scratch.copy(message, 0, start, start + length);
  return message;
}
