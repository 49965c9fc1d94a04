import { mkdtempSync, readdirSync, readlinkSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach } from "vitest";
import { ChannelError } from "sluice";

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

/** What a descriptor of this process is; `undefined`: it was just closed. */
export function linkOf(fd: string): string | undefined {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`);
  } catch (error) {
    // The descriptor with which the folder itself was listed.
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
