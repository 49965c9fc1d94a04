import {
  type NativeCore,
  EAGAIN,
  ECONNRESET,
  fromErrno,
  PACKET_END,
  PACKET_FLAGS,
  PACKET_FULL_LENGTH,
  PACKET_LENGTH,
  PACKET_STRIDE,
} from "../../../native/binding.js";

const info = new Int32Array(PACKET_STRIDE);
const NO_MORE = Buffer.alloc(0);
let buffer = NO_MORE;

/** What one read gave: a message (`length` is its full length, `bytes` what of it was kept), or why there is none. */
export type ReadOutcome = { readonly bytes: Buffer; readonly length: number } | "nothing" | "end" | "reset";

/** Reads one packet of at most `limit` bytes with the core. For moments that are rare: many packets are read by {@link NativePort}. */
export function readOne(core: NativeCore, fd: number, limit: number, isSeqpacket: boolean): ReadOutcome {
  if (buffer.length < limit) buffer = Buffer.allocUnsafeSlow(limit);
  const count = core.receivePackets(fd, buffer, 0, 0, NO_MORE, 1, info, undefined, isSeqpacket);
  if (count === -EAGAIN) return "nothing";
  if (count === -ECONNRESET) return "reset";
  if (count < 0) throw fromErrno(count, { operation: "receive", syscall: "recvmsg" });
  if (((info[PACKET_FLAGS] ?? 0) & PACKET_END) !== 0) return "end";
  const kept = Buffer.allocUnsafe(info[PACKET_LENGTH] ?? 0);
  buffer.copy(kept, 0, 0, kept.length);
  return { bytes: kept, length: info[PACKET_FULL_LENGTH] ?? 0 };
}
