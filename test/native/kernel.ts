import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadCore, type NativeCore } from "../../src/native/binding.js";

export const core: NativeCore = loadCore();

/** A folder of its own that is gone when the scope ends. */
export class Folder implements Disposable {
  readonly path: string = mkdtempSync(join(tmpdir(), "sluice-native-"));

  file(name: string): string {
    return join(this.path, name);
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

/** Descriptors that are closed when the scope ends. */
export class Descriptors implements Disposable {
  readonly #open = new Set<number>();

  /** Keeps a descriptor; a negative errno fails the test at once. */
  keep(fd: number): number {
    if (fd < 0) throw new Error(`expected a descriptor, got errno ${-fd}`);
    this.#open.add(fd);
    return fd;
  }

  pair(type: number): [number, number] {
    const out = new Int32Array(2);
    const result = core.socketPair(type, out);
    if (result < 0) throw new Error(`socketPair failed with errno ${-result}`);
    return [this.keep(out[0]!), this.keep(out[1]!)];
  }

  pipe(capacity = 0): [reader: number, writer: number] {
    const out = new Int32Array(2);
    const result = core.pipe(out, capacity);
    if (result < 0) throw new Error(`pipe failed with errno ${-result}`);
    return [this.keep(out[0]!), this.keep(out[1]!)];
  }

  close(fd: number): void {
    this.#open.delete(fd);
    const result = core.close(fd);
    if (result < 0) throw new Error(`close(${fd}) failed with errno ${-result}`);
  }

  [Symbol.dispose](): void {
    for (const fd of this.#open) this.close(fd);
  }
}

export function bytes(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, "latin1"));
}
