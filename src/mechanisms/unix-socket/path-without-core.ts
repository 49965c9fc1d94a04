import type { Socket } from "node:net";
import { ChannelError, type ErrorDetails, unsupported } from "../../core/errors.js";
import { ECONNREFUSED, EEXIST, ENOENT, EPROTOTYPE, MAX_PATH_NAME } from "../../native/constants.js";
import { fromErrno } from "../../native/errors.js";
import type { Allow } from "../authorise.js";
import { isWorker, loadNet, randomName } from "../builtin.js";
import type { SocketAddress } from "../socket-address.js";
import { DEFAULT_SOCKET_MODE } from "../socket-binding.js";

const { linkSync, lstatSync, unlinkSync } = process.getBuiltinModule("node:fs");
const paths = process.getBuiltinModule("node:path");

/**
 * A path that was claimed for a listening socket without the native core. There is no lock then: what answers at the path is left alone, a socket that
 * nobody answers is replaced, and of two programs that start in the same instant the file system lets one make the file.
 */
export class PathWithoutCore {
  /**
   * What the socket is to be bound to. Libraries remove the name that they have bound when they close, even if it is somebody else's by then. So it is one that
   * nobody else uses, and the path becomes a second link to the same socket: making that fails, and replaces nothing, when something is there.
   */
  readonly temporary: string;
  readonly #path: string;
  readonly #address: SocketAddress;
  readonly #details: ErrorDetails;
  readonly #umask: number;
  #identity: { readonly dev: number; readonly ino: number } | undefined;

  private constructor(address: SocketAddress, mode: number, details: ErrorDetails) {
    this.#path = paths.resolve(address.path);
    this.temporary = `${this.#path}.${randomName(3)}`;
    this.#address = address;
    this.#details = details;
    this.#umask = 0o777 & ~mode;
  }

  /** Makes sure that the path is free, or becomes so. */
  static async prepare(
    address: SocketAddress,
    mode: number | undefined,
    details: ErrorDetails,
  ): Promise<PathWithoutCore> {
    const claim = new PathWithoutCore(address, mode ?? DEFAULT_SOCKET_MODE, details);
    if (isWorker()) {
      throw claim.#unsupported(
        "in a worker thread: only the main thread can give the file its mode then; listen there",
      );
    }
    if (Buffer.byteLength(claim.temporary) > MAX_PATH_NAME) {
      throw claim.#unsupported(
        `: that takes 7 bytes more than the absolute path, and ${MAX_PATH_NAME} is the most; choose a shorter one`,
      );
    }
    await claim.#removeStale();
    return claim;
  }

  /** Runs what binds to `temporary`, so that the file is born with its mode. */
  withMode<T>(bind: () => T): T {
    const before = process.umask(this.#umask);
    try {
      return bind();
    } finally {
      process.umask(before);
    }
  }

  /** Makes the path lead to the socket that is bound to `temporary`. */
  publish(): void {
    try {
      linkSync(this.temporary, this.#path);
      this.#identity = lstatSync(this.#path);
    } catch (error) {
      throw (error as NodeJS.ErrnoException).errno === -EEXIST
        ? this.#inUse("another process was faster; close that one first, or choose another path")
        : systemError(error as NodeJS.ErrnoException, this.#address, this.#details);
    } finally {
      unlinkSync(this.temporary);
    }
  }

  /** Removes the file if it is still the one that was made here. Call it before the socket is closed. */
  release(): void {
    const file = lstatSync(this.#path, { throwIfNoEntry: false });
    if (file?.dev === this.#identity?.dev && file?.ino === this.#identity?.ino) unlinkSync(this.#path);
  }

  async #removeStale(): Promise<void> {
    const file = lstatSync(this.#path, { throwIfNoEntry: false });
    if (file === undefined) return;
    if (!file.isSocket()) {
      throw this.#inUse(
        "what is there is no socket and is left alone; remove it yourself, or choose another path",
      );
    }
    const outcome = await connectOnce(this.#path);
    if (typeof outcome !== "number" || outcome === -EPROTOTYPE) {
      if (typeof outcome !== "number") outcome.destroy();
      throw this.#inUse("another process is listening on it; close that one first, or choose another path");
    }
    if (outcome === -ENOENT) return;
    if (outcome !== -ECONNREFUSED) {
      throw this.#inUse(
        "whether the socket there is alive cannot be found out; remove it if its owner is gone",
      );
    }
    unlinkSync(this.#path);
  }

  #inUse(reason: string): ChannelError {
    const text = `Cannot listen on unix socket ${this.#address.text}: ${reason}`;
    return new ChannelError("ERR_ADDRESS_IN_USE", text, this.#details);
  }

  #unsupported(reason: string): ChannelError {
    const text = `Cannot listen on unix socket ${this.#address.text} without the native core of sluice ${reason}`;
    return unsupported(text, this.#details);
  }
}

/** Throws unless the address and `allow` ask for nothing that takes the native core. */
export function refuseUnchecked(
  address: SocketAddress,
  allow: Allow | undefined,
  details: ErrorDetails,
): void {
  const reason = address.isAbstract
    ? "Node pads abstract names, so that they name something else; use a path, or build the core"
    : allow === "anyone"
      ? undefined
      : 'the identity of the peer cannot be checked; give options.allow "anyone" if the rights of the path suffice, or build the core';
  if (reason === undefined) return;
  const text = `Cannot ${details.operation} on unix socket ${address.text} without the native core of sluice: ${reason}`;
  throw unsupported(text, details);
}

/** A connected stream socket, or the negative errno. */
export function connectOnce(path: string): Promise<Socket | number> {
  return new Promise((done) => {
    const socket = loadNet().connect({ path, allowHalfOpen: true });
    const failed = (error: NodeJS.ErrnoException): void => {
      done(error.errno ?? -ECONNREFUSED);
    };
    socket.once("error", failed);
    socket.once("connect", () => {
      socket.off("error", failed);
      done(socket);
    });
  });
}

/** The error for what Node's own modules threw. */
export function systemError(
  error: NodeJS.ErrnoException,
  address: SocketAddress,
  details: ErrorDetails,
): ChannelError {
  return fromErrno(error.errno ?? 0, {
    ...details,
    address: address.path,
    syscall: error.syscall,
    action: `${details.operation} on unix socket ${address.text}`,
    cause: error,
  });
}
