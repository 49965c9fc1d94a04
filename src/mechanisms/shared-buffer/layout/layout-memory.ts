import { ChannelError } from "../../../core/errors.js";
import { reached } from "../../../core/step.js";
import { claimWords } from "../locks/claimed-memory.js";

/** Bytes before the data of a layout or a record. */
export const LAYOUT_HEADER_BYTES = 64;

// Words of the header beside the kind. Of version and size only error texts speak: the hash covers both.
const VERSION = 1;
const HASH = 1; // of 64-bit words
const SIZE = 4;

/** What a header must agree on. */
export interface LayoutIdentity {
  readonly version: number;
  /** Not 0. */
  readonly hash: bigint;
  /** Bytes of the data. */
  readonly size: number;
}

/**
 * The header of a layout or a record, made by whoever comes first; `bytes` counts header and data.
 *
 * @throws TypeError or RangeError for a place where it cannot be; ChannelError `ERR_INVALID_MESSAGE` where there is something else, or another layout
 */
export function claimLayout(
  memory: ArrayBuffer,
  offset: number,
  bytes: number,
  kind: "layout" | "record",
  { version, hash, size }: LayoutIdentity,
): Int32Array {
  const words = claimWords(memory, offset, bytes, kind);
  // One atomic operation decides which layout it is, whoever else is here at the same time.
  const hashes = new BigUint64Array(memory, offset, LAYOUT_HEADER_BYTES / 8);
  const found = Atomics.compareExchange(hashes, HASH, 0n, hash);
  if (found === 0n || found === hash) {
    STEP: reached("layout: hash written");
    Atomics.store(words, VERSION, version | 0);
    STEP: reached("layout: version written");
    Atomics.store(words, SIZE, size | 0);
    return words;
  }
  const theirs = describeLayout(Atomics.load(words, VERSION) >>> 0, Atomics.load(words, SIZE) >>> 0, found);
  throw new ChannelError(
    "ERR_INVALID_MESSAGE",
    `Cannot use the memory at ${offset} with the layout of ${describeLayout(version, size, hash)}: it has that of ${theirs}; both programs must have the same fields and version`,
    { operation: kind, mechanism: "shared-buffer" },
  );
}

function describeLayout(version: number, size: number, hash: bigint): string {
  return `version ${version}, ${size} bytes, hash ${hash.toString(16).padStart(16, "0")}`;
}
