import type { FileHandle } from "../core/channel.js";
import { HANDLES_LOST, loadCore } from "../native/binding.js";
import { OwnedHandle } from "./owned-handle.js";

const info = new Int32Array(3);

/** Reads from a stream socket, with the descriptors that come. */
export class HandleReader {
  readonly #room: Int32Array;
  #came: readonly FileHandle[] | "lost" | undefined;

  /** @param most - how many descriptors may come with one read; where there are more, none of them is kept */
  constructor(most: number) {
    this.#room = new Int32Array(most);
  }

  /** As read(2): bytes, 0 at the end, or a negative errno. */
  read(fd: number, target: Uint8Array): number {
    const result = loadCore().receiveHandles(fd, target, this.#room, info);
    if (result < 0) return result;
    const [, handles = 0, flags = 0] = info;
    if (handles > 0)
      this.#came = Array.from(this.#room.subarray(0, handles), (handle) => new OwnedHandle(handle));
    else if ((flags & HANDLES_LOST) !== 0) this.#came = "lost";
    return result;
  }

  /** What came with the last read. */
  take(): readonly FileHandle[] | "lost" | undefined {
    const came = this.#came;
    this.#came = undefined;
    return came;
  }
}
