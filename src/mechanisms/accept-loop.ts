import type { ChannelError, ErrorDetails } from "../core/errors.js";
import { loadCore, Poll } from "../native/binding.js";
import {
  EAGAIN,
  ECONNABORTED,
  EMFILE,
  ENFILE,
  ENOBUFS,
  ENOMEM,
  EPROTO,
  READABLE,
} from "../native/constants.js";
import { fromErrno } from "../native/errors.js";
import type { NativeCore } from "../native/native-core.js";

/** Whom an {@link AcceptLoop} asks and tells, never on the stack of a native callback. */
export interface AcceptHooks {
  /** Whether one more connection may be taken now. When this becomes true again, the callee says `watch`. */
  mayAccept(): boolean;
  /** A connection. Its descriptor belongs to the callee. */
  accepted(fd: number): void;
  /** No more connections can come. */
  failed(error: ChannelError): void;
}

/** Connections taken from the kernel in one turn of the event loop, so that a storm of them does not starve the rest. */
const ACCEPTS_A_TURN = 64;
/** How long to wait for somebody to close something when no descriptor is free. */
const RETRY_MS = 100;

const TRANSIENT: ReadonlySet<number> = new Set([-ECONNABORTED, -EPROTO]);
const EXHAUSTED: ReadonlySet<number> = new Set([-EMFILE, -ENFILE, -ENOBUFS, -ENOMEM]);

/** Takes the connections of a listening socket from the kernel; those that may not come yet wait in its backlog. */
export class AcceptLoop {
  readonly #core: NativeCore = loadCore();
  readonly #fd: number;
  readonly #poll: Poll;
  readonly #details: ErrorDetails;
  readonly #place: string;
  readonly #hooks: AcceptHooks;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #paused = false;
  #closed = false;
  #alive = true;
  #scheduled = false;

  /**
   * @param fd - a listening socket; it stays the caller's
   * @param details - what errors say
   * @param place - the address, in error texts
   * @param hooks - whom to tell, from the next turn of the event loop on
   */
  constructor(fd: number, details: ErrorDetails, place: string, hooks: AcceptHooks) {
    this.#fd = fd;
    this.#details = details;
    this.#place = place;
    this.#hooks = hooks;
    this.#poll = new Poll(fd, (status) => {
      this.#readable(status);
    });
    this.#poll.set(READABLE);
  }

  /** Leaves further connections in the backlog. */
  pause(): void {
    this.#paused = true;
    this.watch();
  }

  resume(): void {
    this.#paused = false;
    this.watch();
  }

  /** Looks again whether a connection may be taken. */
  watch(): void {
    if (this.#closed) return;
    const accepts = !this.#paused && this.#retry === undefined && this.#hooks.mayAccept();
    this.#poll.set(accepts ? READABLE : 0);
  }

  /** Lets it keep the process alive: the default. */
  ref(): void {
    this.#alive = true;
    this.#poll.ref();
    this.#retry?.ref();
  }

  unref(): void {
    this.#alive = false;
    this.#poll.unref();
    this.#retry?.unref();
  }

  /** Takes no more connections. The descriptor may be closed when this returns. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#retry);
    this.#poll.close();
  }

  #readable(status: number): void {
    if (this.#scheduled || this.#closed) return;
    this.#scheduled = true;
    process.nextTick(() => {
      this.#scheduled = false;
      if (status < 0) this.#fail(status, "poll");
      else this.#acceptSome();
    });
  }

  #acceptSome(): void {
    for (let count = 0; count < ACCEPTS_A_TURN; count++) {
      if (this.#closed || this.#paused || !this.#hooks.mayAccept()) break;
      const fd = this.#core.acceptSocket(this.#fd);
      if (fd >= 0) this.#hooks.accepted(fd);
      else if (fd === -EAGAIN) break;
      else if (EXHAUSTED.has(fd)) {
        this.#waitForDescriptors(fd);
        break;
      } else if (!TRANSIENT.has(fd)) {
        this.#fail(fd, "accept");
        return;
      }
    }
    this.watch();
  }

  #waitForDescriptors(errno: number): void {
    const error = fromErrno(errno, {
      ...this.#details,
      syscall: "accept4",
      action: `accept connections on ${this.#place} for now`,
      hint: "they wait in the backlog until descriptors are closed; raise the limit (ulimit -n) if this happens often",
    });
    process.emitWarning(error.message, { type: "SluiceWarning", code: "SLUICE_ACCEPT_WAITS" });
    this.#retry = setTimeout(() => {
      this.#retry = undefined;
      this.watch();
    }, RETRY_MS);
    if (!this.#alive) this.#retry.unref();
  }

  #fail(result: number, syscall: string): void {
    if (this.#closed) return;
    this.#poll.set(0);
    this.#hooks.failed(
      fromErrno(result, {
        ...this.#details,
        syscall,
        code: "ERR_SYSTEM",
        action: `accept connections on ${this.#place}`,
      }),
    );
  }
}
