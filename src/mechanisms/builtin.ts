import type net from "node:net";

/*
 * Modules of Node that only some programs need. Imported at the top of a file they would be most of the time that importing sluice takes (node:crypto
 * alone 4 to 8 ms), so they are loaded when they are first needed.
 */

/** `node:net`, for the paths that work without the native core. */
export function loadNet(): typeof net {
  return process.getBuiltinModule("node:net");
}

/** Whether this is a worker thread. */
export function isWorker(): boolean {
  return !process.getBuiltinModule("node:worker_threads").isMainThread;
}

/** So many random bytes in hexadecimal, for a name that nobody else has. */
export function randomName(bytes: number): string {
  return process.getBuiltinModule("node:crypto").randomBytes(bytes).toString("hex");
}
