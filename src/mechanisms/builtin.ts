import type childProcess from "node:child_process";
import type dgram from "node:dgram";
import type dns from "node:dns/promises";
import type net from "node:net";
import type os from "node:os";
import type tls from "node:tls";

/*
 * Modules of Node that only some programs need. Imported at the top of a file they would be most of the time that importing sluice takes (node:tls
 * alone 7 to 10 ms), so they are loaded when they are first needed.
 */

/** `node:child_process`. */
export function loadChildProcess(): typeof childProcess {
  return process.getBuiltinModule("node:child_process");
}

/** `node:dgram`, for the paths that work without the native core. */
export function loadDgram(): typeof dgram {
  return process.getBuiltinModule("node:dgram");
}

/** `node:dns/promises`. */
export function loadDns(): typeof dns {
  return process.getBuiltinModule("node:dns/promises");
}

/** `node:net`: what TLS runs on, and for the paths that work without the native core. */
export function loadNet(): typeof net {
  return process.getBuiltinModule("node:net");
}

/** `node:os`. */
export function loadOs(): typeof os {
  return process.getBuiltinModule("node:os");
}

/** `node:tls`. */
export function loadTls(): typeof tls {
  return process.getBuiltinModule("node:tls");
}

/** Whether this is a worker thread. */
export function isWorker(): boolean {
  return !process.getBuiltinModule("node:worker_threads").isMainThread;
}

/** So many random bytes in hexadecimal, for a name that nobody else has. */
export function randomName(bytes: number): string {
  return process.getBuiltinModule("node:crypto").randomBytes(bytes).toString("hex");
}
