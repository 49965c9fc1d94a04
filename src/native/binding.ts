import { ChannelError, unsupported } from "../core/errors.js";
import { fromErrno } from "./errors.js";
import { EEXIST, EPERM } from "./constants.js";
import type { NativeCore } from "./native-core.js";

const { existsSync, readFileSync } = process.getBuiltinModule("node:fs");
const paths = process.getBuiltinModule("node:path");
const { fileURLToPath } = process.getBuiltinModule("node:url");

export * from "./constants.js";
export { fromErrno, type ErrnoDetails } from "./errors.js";
export type { Endpoint, NativeCore, NativeMessageWait, SocketName } from "./native-core.js";

let loaded: NativeCore | undefined;
// A failure is remembered too: looking for files again on each call would be slow, and the answer cannot change.
let failure: ChannelError | undefined;

/**
 * The native core, loaded at the first call.
 *
 * @throws ChannelError `ERR_UNSUPPORTED` where there is no core for this platform; the text says what to do.
 */
export function loadCore(): NativeCore {
  if (loaded !== undefined) return loaded;
  if (failure !== undefined) throw failure;
  try {
    loaded = load();
    return loaded;
  } catch (error) {
    failure = error instanceof ChannelError ? error : missing("it does not load", undefined, error);
    throw failure;
  }
}

/** Whether {@link loadCore} succeeds here. */
export function coreAvailable(): boolean {
  if (loaded !== undefined) return true;
  if (failure !== undefined) return false;
  try {
    loadCore();
    return true;
  } catch (error) {
    if (error instanceof ChannelError) return false;
    throw error;
  }
}

function load(): NativeCore {
  const named = process.env["SLUICE_NATIVE"];
  if (named === undefined && process.platform !== "linux") {
    throw missing("there is a build for Linux only", undefined, undefined);
  }
  const path = named !== undefined && named !== "" ? paths.resolve(named) : findPrebuild();
  if (path === undefined) throw missing("the folder of package sluice was not found", undefined, undefined);
  if (!existsSync(path)) throw missing("there is no such file", path, undefined);
  try {
    const { createRequire } = process.getBuiltinModule("node:module");
    const core = createRequire(import.meta.url)(path) as NativeCore;
    // Bun has no libuv and aborts where one of its functions is called; Deno's uv_poll tells of one event and then of no more.
    if ("bun" in process.versions || "deno" in process.versions) core.pollByThread();
    return core;
  } catch (cause) {
    throw missing(cause instanceof Error ? cause.message : String(cause), path, cause);
  }
}

/**
 * `prebuilds/linux-CPU.node` beside the package.json of sluice, above this file: which may be a source, a compiled copy in a
 * folder of its own, or part of the bundle.
 */
function findPrebuild(): string | undefined {
  let folder = paths.dirname(fileURLToPath(import.meta.url));
  for (;;) {
    const manifest = paths.join(folder, "package.json");
    if (existsSync(manifest)) {
      const content = JSON.parse(readFileSync(manifest, "utf8")) as { name?: unknown };
      if (content.name === "sluice") return paths.join(folder, "prebuilds", `linux-${process.arch}.node`);
    }
    const parent = paths.dirname(folder);
    if (parent === folder) return undefined;
    folder = parent;
  }
}

function missing(reason: string, path: string | undefined, cause: unknown): ChannelError {
  const where = path === undefined ? "" : ` from "${path}"`;
  const text =
    `Cannot load the native core of sluice for ${process.platform}-${process.arch}${where}: ${reason}. ` +
    "Prebuilt cores exist for linux-x64 and linux-arm64; elsewhere, or from a checkout, build one with " +
    "`npm run build:native` and name its file in SLUICE_NATIVE, if it is not in prebuilds/";
  return unsupported(text, { operation: "load", cause });
}

/**
 * Watches a descriptor for readiness, level-triggered: while a condition that was asked for holds, each turn of the event loop
 * calls back. One Poll per descriptor and thread. A Poll that watches keeps the process alive unless `unref` was called.
 *
 * The callback gets `(0, events)`, or `(-EBADF, 0)` when the descriptor is in an error state (EPOLLERR: the readers of a pipe are gone,
 * a socket has a pending error); then the Poll has stopped and a read or write tells the errno. A throw in it is an uncaught exception.
 * A Poll that is open is not collected as garbage: close it.
 */
export class Poll {
  readonly #core: NativeCore;
  readonly #fd: number;
  #handle: number | undefined;

  /**
   * @param fd - a descriptor that epoll takes (sockets, pipes, eventfd, inotify, pidfd); it is made non-blocking
   * @param callback - called with a status (0 or a negative errno) and a mask of READABLE, WRITABLE, DISCONNECT
   * @throws ChannelError `ERR_SYSTEM` when another Poll watches the descriptor
   */
  constructor(fd: number, callback: (status: number, events: number) => void) {
    this.#core = loadCore();
    this.#fd = fd;
    const handle = this.#core.pollOpen(fd, callback);
    if (handle < 0) throw this.#error(handle);
    this.#handle = handle;
  }

  /** Whether `close` was called. */
  get isClosed(): boolean {
    return this.#handle === undefined;
  }

  /**
   * Watches for these events from now on.
   *
   * @param events - a mask of READABLE, WRITABLE and DISCONNECT; 0 stops watching, and then the Poll keeps nothing alive
   */
  set(events: number): void {
    if (this.#handle === undefined)
      throw new TypeError(`Cannot watch descriptor ${this.#fd}: the Poll is closed`);
    const result = this.#core.pollSet(this.#handle, events);
    if (result < 0) throw this.#error(result);
  }

  /** Lets the Poll keep the process alive while it watches: the default. */
  ref(): this {
    if (this.#handle !== undefined) this.#core.pollReference(this.#handle, true);
    return this;
  }

  /** Lets the process end although the Poll watches. */
  unref(): this {
    if (this.#handle !== undefined) this.#core.pollReference(this.#handle, false);
    return this;
  }

  /**
   * Stops for good: the callback is not called again. May be called from the callback, and twice. The descriptor stays open;
   * it may be closed as soon as this returns.
   */
  close(): void {
    if (this.#handle === undefined) return;
    this.#core.pollClose(this.#handle);
    this.#handle = undefined;
  }

  #error(result: number): ChannelError {
    const message =
      result === -EEXIST
        ? `Cannot watch descriptor ${this.#fd}: another Poll of this thread watches it; close that one first`
        : result === -EPERM
          ? `Cannot watch descriptor ${this.#fd}: files on disk are always ready; read them with node:fs`
          : undefined;
    return fromErrno(result, {
      operation: "poll",
      syscall: "uv_poll",
      code: "ERR_SYSTEM",
      action: `watch descriptor ${this.#fd}`,
      message,
    });
  }
}
