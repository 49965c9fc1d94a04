import { readdirSync, readlinkSync } from "node:fs";

/** What ThreadSanitizer opens by itself, on whatever thread: it reads the map of the process. */
const MAP = /^\/proc\/\d+\/maps$/;

/** What a descriptor of this process is, as proc(5) names it; `undefined`: it was just closed. */
export function linkOf(fd: string): string | undefined {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`);
  } catch (error) {
    // The descriptor with which the folder itself was listed.
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/** How many descriptors this process has open. */
export function openDescriptors(): number {
  return readdirSync("/proc/self/fd").filter((fd) => {
    const link = linkOf(fd);
    return link !== undefined && !MAP.test(link);
  }).length;
}
