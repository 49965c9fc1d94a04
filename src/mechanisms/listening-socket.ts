import type { Credentials, FileHandle } from "../core/channel.js";
import type { ChannelError, ErrorDetails } from "../core/errors.js";
import { extend } from "../core/extend.js";
import { observer } from "../core/observer.js";
import { checkCount, checkOptions } from "../core/options.js";
import { reached } from "../core/step.js";
import type { Mechanism } from "../core/traits.js";
import { describe } from "../core/wait.js";
import { loadCore } from "../native/binding.js";
import { SO_PASSCRED, SOCK_SEQPACKET, SOCK_STREAM } from "../native/constants.js";
import { fromErrno } from "../native/errors.js";
import type { NativeCore } from "../native/native-core.js";
import { AcceptLoop } from "./accept-loop.js";
import { type Allow, type Authorisation, resolveAllow } from "./authorise.js";
import { readPeerCredentials, toCredentials } from "./peer-credentials.js";
import type { SocketAddress } from "./socket-address.js";
import { DEFAULT_SOCKET_MODE, SocketBinding } from "./socket-binding.js";
import { checkFileHandles, takeOver } from "./take-over.js";

/** Who may connect, and what the listener's file looks like. */
export interface ListeningOptions {
  /** Permission bits of the socket's file, 0 to 0o777, exactly, whatever the umask. 0o600 by default. Not for abstract names, which have no file. */
  readonly mode?: number | undefined;
  /** Connections that wait in the kernel until they are accepted. 511 by default; the kernel cuts it at `net.core.somaxconn`. */
  readonly backlog?: number | undefined;
  /** Who may connect, checked with the kernel's credentials before the first byte is read. `"self"` by default. */
  readonly allow?: Allow | undefined;
  /**
   * Listens on this socket instead of making one: what a listener at the same address has as its `handles`, in another process that passes them on, or one descriptor
   * of a socket that listens there, whose file then is not this process's to remove. They belong to the listener when the promise fulfils. Not together with `mode`.
   */
  readonly handles?: readonly FileHandle[] | undefined;
  /** Told of each peer that `allow` refused, after its connection was closed. */
  readonly onRefuse?: ((credentials: Credentials) => void) | undefined;
}

/** Whom a {@link ListeningSocket} reports to, never on the stack of a native callback. */
export interface ListeningHooks {
  /** A peer that may connect. The descriptor belongs to the callee. */
  accepted(fd: number, credentials: Credentials): void;
  /** No more peers can come. The callee still calls `close`. */
  failed(error: ChannelError): void;
}

/** As Node's own servers have it. */
export const DEFAULT_BACKLOG = 511;
/** Peers about which the user's function is being asked; more wait in the backlog. */
const QUESTIONS = 64;

/** Throws what is wrong with these options. */
export function checkListeningOptions(address: SocketAddress, options: ListeningOptions): void {
  checkOptions(options);
  const { mode, backlog, handles, onRefuse } = options;
  if (mode !== undefined) {
    checkCount("options.mode", mode, 0, 0o777);
    if (address.isAbstract) {
      throw new TypeError(
        `options.mode must be absent for the abstract name ${address.text}, which has no file to guard: use options.allow`,
      );
    }
  }
  if (handles !== undefined) {
    checkFileHandles("options.handles", handles);
    if (mode !== undefined)
      throw new TypeError("options.mode must be absent with options.handles: the socket's file is there");
  }
  if (backlog !== undefined) checkCount("options.backlog", backlog, 1, 2 ** 31 - 1);
  if (onRefuse !== undefined && typeof onRefuse !== "function") {
    throw new TypeError(`options.onRefuse must be a function, received ${describe(onRefuse)}`);
  }
  resolveAllow(options.allow);
}

/** A Unix socket that listens safely (see {@link SocketBinding}) and lets in only whom `allow` names. */
export class ListeningSocket {
  refused = 0;
  readonly #core: NativeCore;
  readonly #fd: number;
  readonly #loop: AcceptLoop;
  #binding: SocketBinding;
  readonly #address: SocketAddress;
  readonly #details: ErrorDetails;
  readonly #authorisation: Authorisation;
  readonly #onRefuse: ((credentials: Credentials) => void) | undefined;
  readonly #hooks: ListeningHooks;
  // Accepted, but the user's function has not yet decided.
  readonly #asked = new Set<number>();
  #closed = false;
  #handedOver: (() => void) | undefined;

  private constructor(
    core: NativeCore,
    fd: number,
    binding: SocketBinding,
    address: SocketAddress,
    details: ErrorDetails,
    options: ListeningOptions,
    hooks: ListeningHooks,
  ) {
    this.#core = core;
    this.#fd = fd;
    this.#binding = binding;
    this.#address = address;
    this.#details = details;
    this.#authorisation = resolveAllow(options.allow);
    this.#onRefuse = options.onRefuse;
    this.#hooks = hooks;
    this.#loop = new AcceptLoop(fd, extend(details, { operation: "accept" }), address.text, {
      mayAccept: () => this.#asked.size < QUESTIONS,
      accepted: (connection) => {
        this.#judge(connection);
      },
      failed: (error) => {
        hooks.failed(error);
      },
    });
  }

  /**
   * Listens, and accepts from the next turn of the event loop on.
   *
   * @throws TypeError or RangeError for a wrong option; ChannelError `ERR_ADDRESS_IN_USE`, `ERR_ACCESS_DENIED`, `ERR_UNSUPPORTED` without the
   *   native core, `ERR_SYSTEM`
   */
  static open(
    address: SocketAddress,
    type: "stream" | "seqpacket",
    mechanism: Mechanism,
    options: ListeningOptions,
    hooks: ListeningHooks,
    prepare?: (fd: number) => void,
  ): ListeningSocket {
    checkListeningOptions(address, options);
    const core = loadCore();
    const details: ErrorDetails = { operation: "listen", mechanism, address: address.path };
    const action = `listen on unix socket ${address.text}`;
    if (options.handles !== undefined) {
      const taken = takeOver(core, address, type, options.handles, details);
      const { fd, binding } = taken;
      if (type === "seqpacket") core.setOption(fd, SO_PASSCRED, 1);
      prepare?.(fd);
      if (options.backlog !== undefined) core.listenSocket(fd, options.backlog);
      const listening = new ListeningSocket(core, fd, binding, address, details, options, hooks);
      taken.keep();
      return listening;
    }
    const fd = core.socket(type === "stream" ? SOCK_STREAM : SOCK_SEQPACKET);
    if (fd < 0) throw fromErrno(fd, { ...details, syscall: "socket", action });
    let binding: SocketBinding | undefined;
    try {
      // Before bind, since connections inherit it: without credentials an empty packet looks like the end.
      if (type === "seqpacket") core.setOption(fd, SO_PASSCRED, 1);
      prepare?.(fd);
      const mode = options.mode ?? DEFAULT_SOCKET_MODE;
      binding = SocketBinding.make(core, fd, address, { operation: "listen", mechanism, mode });
      const result = core.listenSocket(fd, options.backlog ?? DEFAULT_BACKLOG);
      if (result < 0) throw fromErrno(result, { ...details, syscall: "listen", action });
      STEP: reached("listening: begun");
      return new ListeningSocket(core, fd, binding, address, details, options, hooks);
    } catch (error) {
      binding?.release();
      core.close(fd);
      throw error;
    }
  }

  /** The descriptors of the socket and of the path's lock. */
  get handles(): readonly number[] {
    if (this.#closed) return [];
    const { lockFd } = this.#binding;
    return lockFd === undefined ? [this.#fd] : [this.#fd, lockFd];
  }

  /**
   * Makes the path this listener's, which listens there already: it removes the file at close from now on.
   *
   * @param lock - of the path, from the listener that it was passed on by; taken unless this returns `false`: it is not that lock
   */
  own(lock: FileHandle): boolean {
    const binding = SocketBinding.takeOver(this.#core, this.#address, lock.fd);
    if (binding === undefined || this.#closed) return false;
    this.#core.adopt(lock.take());
    this.#binding = binding;
    STEP: reached("take-over: owned");
    return true;
  }

  /** Stops accepting and leaves address, lock and backlog to the process that has the handles. Fulfils when the user's function has decided about those who had come. */
  handOver(): Promise<void> {
    this.#loop.close();
    const decided = new Promise<void>((resolve) => {
      this.#handedOver = resolve;
    });
    this.#checkHandedOver();
    return decided.then(() => {
      this.#closeHandedOver();
    });
  }

  /** Leaves further connections in the backlog. */
  pause(): void {
    this.#loop.pause();
  }

  resume(): void {
    this.#loop.resume();
  }

  /** Lets it keep the process alive: the default. */
  ref(): void {
    this.#loop.ref();
  }

  unref(): void {
    this.#loop.unref();
  }

  /**
   * Stops listening, removes the file if it is ours and frees the path. Connections in the backlog, and those about which the user's function has not
   * decided, are closed. Call once.
   *
   * @throws (by the promise) ChannelError when the system does not let the file be removed, after all the rest was released
   */
  close(): Promise<void> {
    if (this.#closed) return Promise.resolve();
    this.#loop.close();
    for (const fd of this.#asked) this.#core.close(fd);
    this.#asked.clear();
    if (this.#handedOver !== undefined) {
      this.#closeHandedOver();
      this.#handedOver();
      return Promise.resolve();
    }
    this.#closed = true;
    const removed = this.#binding.release();
    STEP: reached("listening: released");
    this.#core.close(this.#fd);
    if (removed >= 0) return Promise.resolve();
    return Promise.reject(
      fromErrno(removed, {
        ...this.#details,
        operation: "close",
        syscall: "unlink",
        action: `remove the socket file ${this.#address.text} (the rest is released)`,
        hint: "remove it by hand; the next listener there replaces it, if its rights allow",
      }),
    );
  }

  #checkHandedOver(): void {
    if (this.#asked.size === 0) this.#handedOver?.();
  }

  #closeHandedOver(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#binding.leave();
    STEP: reached("take-over: left");
    this.#core.close(this.#fd);
  }

  #judge(fd: number): void {
    const found = readPeerCredentials(this.#core, fd);
    const credentials = typeof found === "number" ? toCredentials(0, -1, -1) : found;
    const verdict = this.#authorisation.decide(credentials);
    if (verdict === "ask") this.#ask(fd, credentials);
    else if (verdict) this.#hooks.accepted(fd, credentials);
    else this.#refuse(fd, credentials);
  }

  #ask(fd: number, credentials: Credentials): void {
    this.#asked.add(fd);
    const decided = (allowed: boolean): void => {
      if (!this.#asked.delete(fd)) return; // the listener was closed, and the descriptor with it
      if (allowed) this.#hooks.accepted(fd, credentials);
      else this.#refuse(fd, credentials);
      this.#loop.watch();
      this.#checkHandedOver();
    };
    this.#authorisation.ask(credentials).then(decided, (error: unknown) => {
      decided(false);
      process.nextTick(() => {
        throw error;
      });
    });
  }

  #refuse(fd: number, credentials: Credentials): void {
    this.#core.close(fd);
    this.refused++;
    const { mechanism = "unix-stream", address } = this.#details;
    observer()?.refused({ mechanism, address, peer: credentials });
    const onRefuse = this.#onRefuse;
    if (onRefuse === undefined) return;
    process.nextTick(() => {
      onRefuse(credentials);
    });
  }
}
