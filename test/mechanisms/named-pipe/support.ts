import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach } from "vitest";
import { ChannelError } from "sluice";
import { linkOf } from "../../support/open-descriptors.js";

/** A folder of its own for each test, open to all users. */
export function useFolder(): () => string {
  let folder = "";
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "sluice-fifo-"));
  });
  afterEach(() => {
    rmSync(folder, { recursive: true });
  });
  return () => folder;
}

/** The code that a call fails with, or what it gave. */
export async function codeOf(call: Promise<unknown>): Promise<unknown> {
  try {
    return await call;
  } catch (error) {
    return error instanceof ChannelError ? error.code : error;
  }
}

/** How many descriptors are open, but for the one that waits for openings, which stays for a moment. */
export function openDescriptors(): number {
  return readdirSync("/proc/self/fd").filter((fd) => linkOf(fd) !== "anon_inode:inotify").length;
}
