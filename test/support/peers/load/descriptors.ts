import { readdirSync, readlinkSync } from "node:fs";

/** What the descriptors of this process stand for, as proc(5) names it: `socket:[1234]`, `/dev/null`, `anon_inode:[eventfd]`. */
export function openDescriptors(): string[] {
  return readdirSync("/proc/self/fd").flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/self/fd/${fd}`)];
    } catch (error) {
      // The directory's own, which is closed by now.
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
      throw error;
    }
  });
}

/** What is open now and was not then. */
export function newDescriptors(before: readonly string[]): string[] {
  const known = [...before];
  return openDescriptors().filter((name) => {
    const index = known.indexOf(name);
    if (index >= 0) known.splice(index, 1);
    return index < 0;
  });
}
