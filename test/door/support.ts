import { expect } from "vitest";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

/** A folder of one test's own. */
export class Folder implements Disposable {
  readonly path: string = mkdtempSync(path.join(tmpdir(), "sluice-door-"));

  at(name: string): string {
    return path.join(this.path, name);
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

export const coded = (code: string): object => expect.objectContaining({ code }) as object;
