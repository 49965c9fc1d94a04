import { readdirSync, readFileSync } from "node:fs";
import { linkOf } from "./open-descriptors.js";

/** The sockets that this process has open. */
export function socketsOfThisProcess(): string[] {
  return readdirSync("/proc/self/fd").filter((fd) => linkOf(fd)?.startsWith("socket:") === true);
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
