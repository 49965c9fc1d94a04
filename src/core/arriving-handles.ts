import type { FileHandle } from "./channel.js";

/** Descriptors that came with the byte before `end`, counted from the beginning of the stream. */
interface Group {
  readonly end: number;
  readonly handles: readonly FileHandle[] | "lost";
}

/**
 * Descriptors that have come in a stream of bytes, until the message is whole to which they belong: the kernel ends a read at the bytes that descriptors were
 * sent with, so it is the message that holds the last byte of that read. See unix(7), "Ancillary messages".
 */
export class ArrivingHandles {
  #groups: Group[] = [];

  /** How many wait for their message. */
  get size(): number {
    return this.#groups.reduce((sum, { handles }) => sum + (handles === "lost" ? 0 : handles.length), 0);
  }

  add(end: number, handles: Group["handles"]): void {
    this.#groups.push({ end, handles });
  }

  /** Those of the message that ends at `end`. `"lost"`: some of them could not be taken; the others are closed. */
  claim(end: number): Group["handles"] | undefined {
    const claimed: FileHandle[] = [];
    let some = false;
    let lost = false;
    for (let group = this.#groups[0]; group !== undefined && group.end <= end; group = this.#groups[0]) {
      this.#groups.shift();
      some = true;
      if (group.handles === "lost") lost = true;
      else claimed.push(...group.handles);
    }
    if (!some) return undefined;
    if (!lost) return claimed;
    closeAll(claimed);
    return "lost";
  }

  /** Closes all. */
  clear(): void {
    for (const { handles } of this.#groups) if (handles !== "lost") closeAll(handles);
    this.#groups = [];
  }
}

/** Closes these descriptors. */
export function closeAll(handles: readonly FileHandle[]): void {
  for (const handle of handles) handle.close();
}
