import { BufferView } from "../../core/view.js";
import { MESSAGE_LENGTH, MESSAGE_OFFSET, MESSAGE_STRIDE } from "../../native/binding.js";

/** Messages that one call into the core takes at most. */
export const MESSAGES_A_READ = 128;
/** Messages up to this size are cut out of Node's pool. */
const POOLED = 2048;
const LEAST_BYTES = 64 * 1024;

/**
 * Memory that messages are received into, for all queues of a thread: the kernel wants room for the largest message for each, of which most use little.
 * What came is copied out, in memory of its exact size.
 */
interface ReceiveMemory {
  bytes: Buffer;
  readonly info: Int32Array;
}

export const memory: ReceiveMemory = {
  bytes: Buffer.alloc(0),
  info: new Int32Array(MESSAGES_A_READ * MESSAGE_STRIDE),
};

/** Sees to it that there is room for `room` bytes, and for several messages. */
export function reserve(room: number): void {
  if (memory.bytes.length >= room) return;
  // Of its own: the core wants it at a multiple of 8.
  memory.bytes = Buffer.allocUnsafeSlow(Math.max(room, LEAST_BYTES));
}

/** The messages that a call into the core has left in the memory: the first `count` records. */
export function copyOut(count: number): Buffer[] {
  const { bytes, info } = memory;
  if (count === 1) return [copyOne(info[MESSAGE_OFFSET] ?? 0, info[MESSAGE_LENGTH] ?? 0)];
  const last = (count - 1) * MESSAGE_STRIDE;
  const first = info[MESSAGE_OFFSET] ?? 0;
  const end = (info[last + MESSAGE_OFFSET] ?? 0) + (info[last + MESSAGE_LENGTH] ?? 0);
  const slab = Buffer.allocUnsafeSlow(end - first);
  bytes.copy(slab, 0, first, end);
  const messages: Buffer[] = [];
  for (let record = 0; record <= last; record += MESSAGE_STRIDE) {
    const offset = (info[record + MESSAGE_OFFSET] ?? 0) - first;
    messages.push(new BufferView(slab.buffer, offset, info[record + MESSAGE_LENGTH] ?? 0));
  }
  return messages;
}

function copyOne(offset: number, length: number): Buffer {
  const message = length <= POOLED ? Buffer.allocUnsafe(length) : Buffer.allocUnsafeSlow(length);
  memory.bytes.copy(message, 0, offset, offset + length);
  return message;
}
