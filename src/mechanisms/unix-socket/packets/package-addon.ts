import { unsupported } from "../../../core/errors.js";
import type { Mechanism } from "../../../core/traits.js";
import { isWorker } from "../../builtin.js";

/** The raw socket of node-unix-socket 0.2.7 (its js/addon.d.ts), as far as it is used here. Its public classes abort the process in places. */
export interface PackageSocket {
  init(self: PackageSocket): void;
  close(): void;
  uvRefer(): void;
  uvUnrefer(): void;
  setReadBufSize(size: number): void;
  startRecv(): void;
  listen(path: string, backlog: number): void;
  connect(path: string): void;
  write(bytes: Uint8Array, offset: number, length: number, callback: () => void): void;
  shutdownWrite(): void;
}

/** Called by the addon straight from the event loop: it must not throw, and promises and ticks do not run after it. */
export type Emit = (event: string, argument?: unknown) => void;

interface PackageAddon {
  readonly SeqpacketSocketWrap: new (emitter: { readonly emit: Emit }, fd?: number) => PackageSocket;
}

let addon: PackageAddon | undefined;

/**
 * Loads the package, at the first call.
 *
 * @throws ChannelError `ERR_UNSUPPORTED` where it cannot be loaded or must not be: in workers (one that ends closes sockets of the main thread), on Bun and
 *   Deno, and where it is not installed
 */
export function loadAddon(operation: string, mechanism: Mechanism): PackageAddon {
  addon ??= load(operation, mechanism);
  return addon;
}

function load(operation: string, mechanism: Mechanism): PackageAddon {
  const refuse = (reason: string, cause?: unknown): never => {
    const text = `Cannot ${operation} on ${mechanism} with engine "node-unix-socket": ${reason}`;
    throw unsupported(text, { operation, mechanism, cause });
  };
  if (isWorker()) return refuse('the package is not safe in worker threads; use engine "native"');
  for (const runtime of ["bun", "deno"])
    if (runtime in process.versions) return refuse(`${runtime} cannot load the package; use Node.js`);
  try {
    // eslint-disable-next-line local/layers -- no addon of ours: a CommonJS package that is optional and must load late, in calls that are synchronous
    const { createRequire } = process.getBuiltinModule("node:module");
    return createRequire(import.meta.url)("node-unix-socket/js/addon.js") as PackageAddon;
  } catch (cause) {
    return refuse(
      'the package does not load; install it (npm install node-unix-socket@0.2.7), or use engine "native"',
      cause,
    );
  }
}

/** Makes a raw socket, over this descriptor or a new seqpacket one. */
export function createSocket(
  operation: string,
  mechanism: Mechanism,
  emit: Emit,
  fd?: number,
): PackageSocket {
  const { SeqpacketSocketWrap } = loadAddon(operation, mechanism);
  const socket = new SeqpacketSocketWrap({ emit }, fd);
  socket.init(socket);
  return socket;
}
