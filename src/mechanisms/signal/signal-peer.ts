import {
  EINVAL,
  EMFILE,
  ENOENT,
  ENOSYS,
  ESRCH,
  fromErrno,
  loadCore,
  type NativeCore,
  Poll,
  READABLE,
} from "../../native/binding.js";

/** Another process, held by a descriptor: whatever process gets its pid later, this stays the one that was meant. See pidfd_open(2). */
export class SignalPeer {
  readonly pid: number;
  readonly #core: NativeCore;
  readonly #pidfd: number;
  readonly #poll: Poll;
  #onEnd: (() => void) | undefined;
  #closed = false;

  constructor(pid: number) {
    this.pid = pid;
    this.#core = loadCore();
    this.#pidfd = this.#core.pidfdOpen(pid);
    if (this.#pidfd < 0) throw openError(this.#pidfd, pid);
    try {
      this.#poll = new Poll(this.#pidfd, () => {
        this.#poll.close();
        this.#onEnd?.();
      });
    } catch (error) {
      this.#core.close(this.#pidfd);
      throw error;
    }
  }

  /** Calls back once, when the process has ended. */
  whenEnded(callback: () => void): void {
    this.#onEnd = callback;
    this.#poll.set(READABLE);
  }

  /** Sends a signal: 0, or a negative errno. */
  send(number: number, value: number | undefined): number {
    return this.#core.pidfdSend(this.#pidfd, number, value);
  }

  setRef(alive: boolean): void {
    if (alive) this.#poll.ref();
    else this.#poll.unref();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#poll.close();
    this.#core.close(this.#pidfd);
  }
}

function openError(result: number, pid: number): Error {
  const details = {
    operation: "open",
    mechanism: "signal",
    address: `pid ${pid}`,
    syscall: "pidfd_open",
    action: `open a channel of signals with process ${pid}`,
  } as const;
  if (result === -ESRCH) {
    const message = `Cannot open a channel of signals with process ${pid}: there is no such process`;
    return fromErrno(result, { ...details, message });
  }
  if (result === -EINVAL || result === -ENOENT) {
    const message = `Cannot open a channel of signals with ${pid}: it is a thread; pass the process id`;
    return fromErrno(result, { ...details, code: "ERR_NO_PEER", message });
  }
  const hint =
    result === -ENOSYS
      ? "Linux 5.3 or newer is needed"
      : result === -EMFILE
        ? "close some descriptors, or raise the limit (ulimit -n)"
        : undefined;
  return fromErrno(result, { ...details, hint });
}
