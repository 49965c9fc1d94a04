import type { SendOptions } from "./channel.js";

/** What became of a message that was offered to an {@link Outlet}. */
export type Place = "accepted" | "by-reference" | "no-room";

/** Where accepted messages go: a bounded queue with a byte stream or a packet port behind it. */
export interface Outlet {
  /** Messages accepted so far. */
  readonly accepted: number;
  /** Those of them that have left this process. */
  readonly left: number;
  /** Bytes that were accepted and have not left, with what the framing adds to them. */
  readonly queuedBytes: number;
  /** Whether memory of a caller is still needed for messages that were accepted. */
  readonly holdsReferences: boolean;
  /**
   * Takes a message if there is room. `"accepted"`: the bytes belong to the caller again. `"by-reference"`: taken, but the
   * bytes are needed until it has left; with `copy` that never happens. Throws a ChannelError for a message that can never be taken.
   */
  place(payload: Uint8Array, copy: boolean): Place;
  /** Takes these messages from `start` on, as many as there is room for, and says how many. */
  placeMany(payloads: readonly Uint8Array[], start: number, end: number): number;
  /** Sends one message with options of its own, at once or not at all (`false`). */
  placeWith(payload: Uint8Array, options: SendOptions): boolean;
}
