import { type PatternSet, prefixOf } from "./topic.js";

/** The last message of each topic, of the topics published to last. */
export class LastValues {
  readonly #most: number;
  // In the order of their last publishing.
  readonly #frames = new Map<string, Uint8Array>();

  /** @param most - topics */
  constructor(most: number) {
    this.#most = most;
  }

  set(topic: string, frame: Uint8Array): void {
    if (this.#most === 0) return;
    this.#frames.delete(topic);
    if (this.#frames.size >= this.#most) {
      for (const oldest of this.#frames.keys()) {
        this.#frames.delete(oldest);
        break;
      }
    }
    this.#frames.set(topic, frame);
  }

  /** Those that a pattern adds to what is wanted already. */
  matching(pattern: string, wanted: PatternSet): Uint8Array[] {
    const prefix = prefixOf(pattern);
    if (prefix === undefined) {
      const frame = wanted.matches(pattern) ? undefined : this.#frames.get(pattern);
      return frame === undefined ? [] : [frame];
    }
    const frames: Uint8Array[] = [];
    for (const [topic, frame] of this.#frames)
      if (topic.startsWith(prefix) && !wanted.matches(topic)) frames.push(frame);
    return frames;
  }
}
