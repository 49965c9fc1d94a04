import type { WaitOptions } from "../core/channel.js";
import { ChannelError, type ErrorDetails } from "../core/errors.js";
import { reached } from "../core/step.js";
import type { Mechanism } from "../core/traits.js";
import {
  EADDRINUSE,
  EAGAIN,
  ECONNREFUSED,
  ENOENT,
  EPROTOTYPE,
  S_IFMT,
  S_IFSOCK,
  SOCK_DGRAM,
  SOCK_SEQPACKET,
  SOCK_STREAM,
} from "../native/constants.js";
import { fromErrno } from "../native/errors.js";
import type { NativeCore } from "../native/native-core.js";
import { giveMode } from "./give-mode.js";
import { awaitEnd } from "./has-ended.js";
import { type FileIdentity, identityOf, isSameFile, PathLock } from "./path-lock.js";
import { readPeerCredentials } from "./peer-credentials.js";
import type { SocketAddress } from "./socket-address.js";

const paths = process.getBuiltinModule("node:path");

/** The mode of a socket's file unless asked otherwise: only this user (and root) can connect. */
export const DEFAULT_SOCKET_MODE = 0o600;

/** Which process has the address, of errors that say so. */
const holders = new WeakMap<object, number>();

/** What is being bound, for {@link SocketBinding} and its errors. */
export interface BindingOptions {
  readonly operation: "listen" | "bind";
  readonly mechanism: Mechanism;
  /** The mode of the file. */
  readonly mode: number;
}

/** What a look at an address has shown. */
interface Probe {
  /** 0: somebody answered; else the negative errno. */
  readonly result: number;
  /** The process that listens; 0 where the kernel does not tell. */
  readonly pid: number;
}

/**
 * A socket's hold on its address, and for a path all that makes it safe: a {@link PathLock} held for life decides who owns the path; what is left of
 * a dead owner is replaced; a living owner and whatever is no socket are never touched; and at the end only the own file is removed.
 */
export class SocketBinding {
  readonly #core: NativeCore;
  readonly #path: string;
  readonly #file: FileIdentity | undefined;
  readonly #lock: PathLock | undefined;

  private constructor(
    core: NativeCore,
    path: string,
    file: FileIdentity | undefined,
    lock: PathLock | undefined,
  ) {
    this.#core = core;
    this.#path = path;
    this.#file = file;
    this.#lock = lock;
  }

  /**
   * Binds a socket. It stays the caller's to close, after {@link SocketBinding.release}.
   *
   * @throws ChannelError `ERR_ADDRESS_IN_USE` when the address is another socket's, or no socket is at the path; `ERR_ACCESS_DENIED`; `ERR_SYSTEM`
   *   with errno ENOENT for a missing directory
   */
  static make(core: NativeCore, fd: number, address: SocketAddress, options: BindingOptions): SocketBinding {
    const details: ErrorDetails = {
      operation: options.operation,
      mechanism: options.mechanism,
      address: address.path,
    };
    if (address.isAbstract) {
      bind(core, fd, address, details);
      return new SocketBinding(core, address.path, undefined, undefined);
    }
    const path = paths.resolve(address.path);
    const lock = PathLock.acquire(core, path, details);
    if (typeof lock === "number") throw inUse(address, details, lock);
    try {
      removeStale(core, address, path, details);
      STEP: reached("binding: place free");
      // On a socket that is not bound yet: the file is born with this mode, less what the umask takes.
      core.setMode(fd, options.mode);
      bind(core, fd, address, details);
      STEP: reached("binding: bound");
      const file = ownFile(core, path, address, details);
      if ((file.mode & 0o777) !== options.mode) {
        try {
          giveMode(core, path, file, options.mode, details);
        } catch (error) {
          core.unlink(path);
          throw error;
        }
      }
      STEP: reached("binding: mode set");
      return new SocketBinding(core, path, file, lock);
    } catch (error) {
      lock.release();
      throw error;
    }
  }

  /**
   * The hold on an address that a socket has already, which another process has made and passed on, with the lock or (`undefined`) without. Without it the file is
   * not this process's to remove.
   *
   * @returns the binding, which the lock's descriptor belongs to; `undefined` when that is not the lock of this path
   */
  static takeOver(
    core: NativeCore,
    address: SocketAddress,
    lockFd: number | undefined,
  ): SocketBinding | undefined {
    if (address.isAbstract || lockFd === undefined)
      return new SocketBinding(core, address.path, undefined, undefined);
    const path = paths.resolve(address.path);
    const lock = PathLock.takeOver(core, path, lockFd);
    if (lock === undefined) return undefined;
    const file = identityOf(core, path);
    return new SocketBinding(core, path, typeof file === "number" ? undefined : file, lock);
  }

  /** The descriptor of the lock, if there is one. */
  get lockFd(): number | undefined {
    return this.#lock?.fd;
  }

  /** Leaves file and lock to the process that they were passed on to. Call it once, instead of `release`. */
  leave(): void {
    this.#lock?.leave();
  }

  /**
   * Removes the file if it is still the one that was made here, and frees the lock. Call it once, *before* the socket is closed: as long as
   * the socket is open no other file can have the same inode number.
   *
   * @returns 0, or the negative errno of a removal that the system refused; the lock is free all the same
   */
  release(): number {
    let result = 0;
    if (this.#file !== undefined) {
      const found = identityOf(this.#core, this.#path);
      // What cannot be looked at may be another's.
      if (typeof found === "number") result = found;
      else if (isSameFile(this.#file, found)) result = this.#core.unlink(this.#path);
    }
    STEP: reached("binding: file removed");
    this.#lock?.release();
    return result === -ENOENT ? 0 : result;
  }
}

/**
 * Opens what binds an address. Where the holder of that was killed and is still closing its descriptors, its end is waited for.
 *
 * @param open - fails with the error of {@link SocketBinding.make} where the address is in use
 * @param options - bound the wait
 * @returns a promise of what was opened; rejects with the error of `open`, or the reason of the signal
 */
export async function openOnceFree<T>(open: () => T, options?: WaitOptions): Promise<T> {
  let awaited = 0;
  for (;;) {
    try {
      return open();
    } catch (error) {
      const holder = holders.get(error as Error) ?? 0;
      // The lock names who took it first, who may have passed it on: his end frees nothing.
      if (holder === awaited || !(await awaitEnd(holder, options))) throw error;
      awaited = holder;
    }
  }
}

/** Looks whether a socket of any type lives at an address. A listener there sees a connection that ends at once. */
function probe(core: NativeCore, address: SocketAddress): Probe {
  for (const type of [SOCK_STREAM, SOCK_SEQPACKET, SOCK_DGRAM]) {
    const fd = core.socket(type);
    if (fd < 0) return { result: fd, pid: 0 };
    try {
      const result = core.connectSocket(fd, address.name);
      if (result === -EPROTOTYPE) continue;
      const credentials = result === 0 ? readPeerCredentials(core, fd) : 0;
      return { result, pid: typeof credentials === "object" ? credentials.pid : 0 };
    } finally {
      core.close(fd);
    }
  }
  return { result: -EPROTOTYPE, pid: 0 };
}

/** Removes the socket file of an owner that is gone. The caller holds the lock, so no program that uses the lock can be about to listen. */
function removeStale(core: NativeCore, address: SocketAddress, path: string, details: ErrorDetails): void {
  const file = identityOf(core, path);
  if (file === -ENOENT) return;
  if (typeof file === "number") {
    throw fromErrno(file, { ...details, syscall: "statx", action: `look at ${address.text}` });
  }
  if ((file.mode & S_IFMT) !== S_IFSOCK) throw notASocket(address, details);
  const { result, pid } = probe(core, address);
  if (result === 0 || result === -EAGAIN || result === -EPROTOTYPE) throw inUse(address, details, pid);
  if (result === -ENOENT) return;
  if (result !== -ECONNREFUSED) {
    throw fromErrno(result, {
      ...details,
      syscall: "connect",
      action: `${details.operation} on unix socket ${address.text}: whether the socket there is alive cannot be found out`,
      hint: "remove the file if its owner is gone",
    });
  }
  // Somebody may have put another file there since.
  const now = identityOf(core, path);
  if (now === -ENOENT) return;
  if (!isSameFile(file, now)) throw notASocket(address, details);
  const removed = core.unlink(path);
  if (removed < 0 && removed !== -ENOENT) {
    throw fromErrno(removed, {
      ...details,
      syscall: "unlink",
      action: `replace the stale unix socket ${address.text}`,
      hint: `it belongs to uid ${file.uid}; remove it as that user or as root`,
    });
  }
}

function bind(core: NativeCore, fd: number, address: SocketAddress, details: ErrorDetails): void {
  const result = core.bindSocket(fd, address.name);
  if (result >= 0) return;
  if (result === -EADDRINUSE) throw inUse(address, details, 0);
  throw fromErrno(result, {
    ...details,
    syscall: "bind",
    action: `${details.operation} on unix socket ${address.text}`,
    hint: "the directory must exist, and this process must be allowed to create files in it",
  });
}

/** What `bind` has just made. */
function ownFile(
  core: NativeCore,
  path: string,
  address: SocketAddress,
  details: ErrorDetails,
): FileIdentity {
  const file = identityOf(core, path);
  if (typeof file === "object" && (file.mode & S_IFMT) === S_IFSOCK && file.uid === process.geteuid?.())
    return file;
  if (typeof file === "number") {
    throw fromErrno(file, {
      ...details,
      syscall: "statx",
      code: "ERR_SYSTEM",
      action: `look at ${address.text}, where the socket was just bound`,
      hint: "the file may be left there; the next listener replaces it",
    });
  }
  const text = `Cannot ${details.operation} on unix socket ${address.text}: it was replaced by another file while it was being bound; choose a directory that only this user can write to`;
  throw new ChannelError("ERR_SYSTEM", text, details);
}

function inUse(address: SocketAddress, details: ErrorDetails, pid: number): ChannelError {
  const owner =
    pid === 0
      ? "another socket has it"
      : `${pid === process.pid ? "this process" : "another process"} (pid ${pid}) is listening on it`;
  const text = `Cannot ${details.operation} on unix socket ${address.text}: ${owner}; close that one first, or choose another path`;
  const error = new ChannelError("ERR_ADDRESS_IN_USE", text, details);
  holders.set(error, pid);
  return error;
}

function notASocket(address: SocketAddress, details: ErrorDetails): ChannelError {
  const text = `Cannot ${details.operation} on unix socket ${address.text}: what is there is no socket and is left alone; remove it yourself, or choose another path`;
  return new ChannelError("ERR_ADDRESS_IN_USE", text, details);
}
