import { NAME_STRIDE, PACKET_STRIDE } from "../native/binding.js";

/** Packets that one call into the core reads at most. */
export const PACKETS_A_READ = 64;
const SLAB_BYTES = 64 * 1024;
/** With less room than this at its end a slab is left: nearly every message would run over its end. */
const LEAST_ROOM = 512;

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
  /** Takes what runs over the slab's end. */
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
 * Sees to it that a message of the size that is to be expected fits into the slab, and one of the largest size into slab and scratch.
 * A slab for large messages holds two, so that one that is kept holds on to little besides.
 */
export function reserve(expected: number, largest: number): void {
  const room = Math.max(expected, LEAST_ROOM);
  if (memory.slab.length - memory.offset < room) {
    memory.slab = Buffer.allocUnsafeSlow(Math.max(SLAB_BYTES, 2 * room));
    memory.slabMemory = memory.slab.buffer as ArrayBuffer;
    memory.offset = 0;
  }
  if (memory.scratch.length < largest) memory.scratch = Buffer.allocUnsafeSlow(largest);
}

/** A message that lies in the slab's end and, from there on, in scratch. */
export function joined(slab: Buffer, start: number, scratch: Buffer, length: number): Buffer {
  const message = Buffer.allocUnsafeSlow(length);
  const inSlab = Math.min(slab.length - start, length);
  slab.copy(message, 0, start, start + inSlab);
  scratch.copy(message, inSlab, 0, length - inSlab);
  return message;
}
