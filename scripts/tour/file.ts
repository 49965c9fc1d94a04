import { createHash } from "node:crypto";
import { closeSync, openSync, readSync, statSync } from "node:fs";

/** How much of the file is read at a time. */
export const BLOCK = 4 * 1024 * 1024;

/** What the tour carries. */
export interface File {
  readonly path: string;
  readonly size: number;
  readonly sha256: string;
}

/** Measures and hashes the file. Throws an Error whose text says what is wrong with it. */
export function examine(path: string): File {
  const { size } = regularFile(path);
  if (size === 0) throw new Error(`Cannot carry ${path}: it is empty; name a file with something in it`);
  const hash = createHash("sha256");
  try {
    for (const block of blocksOf(path)) hash.update(block);
  } catch (error) {
    throw explained(path, error);
  }
  return { path, size, sha256: hash.digest("hex") };
}

/** The file in blocks, each in memory of its own. */
export function* blocksOf(path: string): Generator<Buffer, void, undefined> {
  const descriptor = openSync(path, "r");
  try {
    for (;;) {
      const block = Buffer.allocUnsafeSlow(BLOCK);
      const count = readSync(descriptor, block);
      if (count === 0) return;
      yield block.subarray(0, count);
    }
  } finally {
    closeSync(descriptor);
  }
}

/** The block in pieces of at most this size. */
export function* piecesOf(block: Buffer, size: number): Generator<Buffer, void, undefined> {
  for (let offset = 0; offset < block.length; offset += size) yield block.subarray(offset, offset + size);
}

function regularFile(path: string): { size: number } {
  try {
    const status = statSync(path);
    if (!status.isFile()) throw new Error("it is not a regular file");
    return status;
  } catch (error) {
    throw explained(path, error);
  }
}

function explained(path: string, error: unknown): Error {
  const { code, message } = error as NodeJS.ErrnoException;
  const reasons: Readonly<Record<string, string>> = {
    ENOENT: "there is no such file",
    ENOTDIR: "there is no such file",
    EACCES: "this user may not read it",
  };
  const reason = reasons[code ?? ""] ?? message;
  return new Error(`Cannot carry ${path}: ${reason}; name a file with npm start -- FILE`, { cause: error });
}
