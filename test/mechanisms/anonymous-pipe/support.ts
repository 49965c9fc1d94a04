import { readdirSync, readFileSync } from "node:fs";
import { ChannelError } from "sluice";

/** The code that a call fails with, or what it gave. */
export async function codeOf(call: Promise<unknown>): Promise<unknown> {
  try {
    return await call;
  } catch (error) {
    return error instanceof ChannelError ? error.code : error;
  }
}

/** Folders that all users may search: one that is closed to them makes a missing program look like one that they may not execute, execvp(3). */
export const OPEN_PATH: NodeJS.ProcessEnv = { PATH: "/usr/bin:/bin" };

/** The children of this process that nobody has waited for or that still run. */
export function children(): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => parentOf(pid) === process.pid);
}

function parentOf(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    return Number(stat.slice(stat.lastIndexOf(")") + 1).split(" ")[2]);
  } catch (error) {
    // It has ended meanwhile.
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ESRCH") return undefined;
    throw error;
  }
}
