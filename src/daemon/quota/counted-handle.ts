import type { FileHandle } from "../../core/channel.js";

/** A descriptor that tells when it is closed or given away. */
export class CountedHandle implements FileHandle {
  readonly #handle: FileHandle;
  #closed: (() => void) | undefined;

  constructor(handle: FileHandle, closed: () => void) {
    this.#handle = handle;
    this.#closed = closed;
  }

  get fd(): number {
    return this.#handle.fd;
  }

  take(): number {
    const fd = this.#handle.take();
    this.#tell();
    return fd;
  }

  close(): void {
    this.#handle.close();
    this.#tell();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #tell(): void {
    this.#closed?.();
    this.#closed = undefined;
  }
}
