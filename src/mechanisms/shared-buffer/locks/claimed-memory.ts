import { ChannelError } from "../../../core/errors.js";
import { checkCount } from "../../../core/options.js";
import { reached } from "../../../core/step.js";
import { describeHeader, HEADER, headerOf, type Kind, LOCK_ALIGNMENT } from "./words.js";

/**
 * The words of a lock, record or layout at a place in memory, which is marked as such if nobody has used it.
 *
 * @throws TypeError or RangeError for a place where it cannot be; ChannelError `ERR_INVALID_MESSAGE` where there is something else
 */
export function claimWords(memory: ArrayBuffer, offset: number, bytes: number, kind: Kind): Int32Array {
  checkCount("offset", offset, 0, Number.MAX_SAFE_INTEGER);
  if (offset % LOCK_ALIGNMENT !== 0)
    throw new RangeError(`offset must be a multiple of ${LOCK_ALIGNMENT}, received ${offset}`);
  if (offset + bytes > memory.byteLength) {
    throw new RangeError(
      `offset must leave room for the ${bytes} bytes of a ${kind} in these ${memory.byteLength}, received ${offset}`,
    );
  }
  const words = new Int32Array(memory, offset, bytes / 4);
  const header = headerOf(kind);
  // All zeros: unused. Another process may be the first at the same time, so a word beyond it counts only while there is no header.
  const used = words.find((word) => word !== 0);
  let found = Atomics.load(words, HEADER);
  if (found === 0 && used === undefined) found = Atomics.compareExchange(words, HEADER, 0, header);
  else if (found === 0) found = used ?? 0;
  STEP: reached("locks: header written");
  if (found === 0 || found === header) return words;
  throw new ChannelError(
    "ERR_INVALID_MESSAGE",
    `Cannot use the memory at ${offset} as a ${kind}: there is ${describeHeader(found)}; every program must use the same places, and new memory must be zeros`,
    { operation: kind, mechanism: "shared-buffer" },
  );
}
