import { decodeTopic, HEADER_BYTES } from "./wire.js";

const SLOTS = 256;

/** A topic that came, and whether it is wanted. */
interface Known {
  readonly bytes: Uint8Array;
  readonly topic: string;
  readonly wanted: boolean;
}

/** Topics by their bytes: to make a string of each message's, and match it, would cost more than the rest of it. Bounded, whatever comes. */
export class TopicCache {
  readonly #slots: (Known | undefined)[] = new Array<Known | undefined>(SLOTS);
  readonly #isWanted: (topic: string) => boolean;

  constructor(isWanted: (topic: string) => boolean) {
    this.#isWanted = isWanted;
  }

  /** Must be called when other topics are wanted. */
  clear(): void {
    this.#slots.fill(undefined);
  }

  /** The topic of a message's frame. @throws WireError */
  find(frame: Buffer): Known {
    const length = frame[1] ?? 0;
    const end = HEADER_BYTES + length;
    let hash = length;
    for (let index = HEADER_BYTES; index < end; index++)
      hash = (Math.imul(hash, 31) + (frame[index] ?? 0)) | 0;
    const slot = (hash ^ (hash >>> 8)) & (SLOTS - 1);
    const known = this.#slots[slot];
    if (known !== undefined && known.bytes.length === length && isSame(known.bytes, frame)) return known;
    const bytes = Uint8Array.prototype.slice.call(frame, HEADER_BYTES, end);
    const topic = decodeTopic(bytes);
    return (this.#slots[slot] = { bytes, topic, wanted: this.#isWanted(topic) });
  }
}

function isSame(bytes: Uint8Array, frame: Buffer): boolean {
  for (let index = 0; index < bytes.length; index++)
    if (bytes[index] !== frame[HEADER_BYTES + index]) return false;
  return true;
}
