import type { FileHandle } from "../core/channel.js";
import { loadCore } from "../native/binding.js";

/** A descriptor that this thread owns until it is closed or taken. */
export class OwnedHandle implements FileHandle {
  readonly fd: number;
  #owned = true;

  /** @param fd - an open descriptor that the native core has made in this thread */
  constructor(fd: number) {
    this.fd = fd;
  }

  take(): number {
    if (!this.#owned) throw new TypeError(`Cannot take descriptor ${this.fd}: it was taken or closed before`);
    this.#owned = false;
    loadCore().disown(this.fd);
    return this.fd;
  }

  close(): void {
    if (!this.#owned) return;
    this.#owned = false;
    loadCore().close(this.fd);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
