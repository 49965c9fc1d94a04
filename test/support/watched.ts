import { constants, fstatSync, readdirSync, readFileSync } from "node:fs";
import { linkOf } from "./open-descriptors.js";

const ACCESS_MODE = 3;

/** The sockets that this process has open, and the pipes and FIFOs that it reads from. */
export function readersOfThisProcess(): string[] {
  return readdirSync("/proc/self/fd").filter((fd) => {
    const link = linkOf(fd);
    if (link === undefined || link.startsWith("/proc/")) return false;
    if (link.startsWith("socket:")) return true;
    const flags = /^flags:\s*(\d+)/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, "utf8"))?.[1] ?? "";
    return fstatSync(Number(fd)).isFIFO() && (parseInt(flags, 8) & ACCESS_MODE) === constants.O_RDONLY;
  });
}

/** Whether one of these descriptors is in an epoll(7) set of this process. */
export function isWatched(fds: readonly string[]): boolean {
  return readdirSync("/proc/self/fd")
    .filter((fd) => linkOf(fd) === "anon_inode:[eventpoll]")
    .flatMap((fd) =>
      [...readFileSync(`/proc/self/fdinfo/${fd}`, "utf8").matchAll(/^tfd:\s*(\d+)/gm)].map(
        (found) => found[1],
      ),
    )
    .some((fd) => fds.includes(fd ?? ""));
}
