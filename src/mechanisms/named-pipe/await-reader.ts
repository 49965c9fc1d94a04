import type { WaitOptions } from "../../core/channel.js";
import { ChannelError } from "../../core/errors.js";
import { Wait, WaitList } from "../../core/wait.js";
import { loadCore, Poll, READABLE } from "../../native/binding.js";
import { tryOpenToWrite } from "./fifo.js";

/**
 * A reader that opens the FIFO without blocking is told of by inotify at once. A reader that blocks in open(2), a shell's `< fifo`, is told of
 * only when its open has returned, for which it waits for us: it is found by trying again after this many milliseconds.
 */
const RETRY = 50;
/** Where inotify is refused (fs.inotify.max_user_instances is 128 by default), trying again is all there is. */
const RETRY_UNWATCHED = 10;

/**
 * Opens a FIFO to write, once somebody has opened it to read. Nothing blocks: no thread waits in open(2), where it could neither be
 * interrupted nor be spared.
 *
 * @returns the descriptor; rejects with `ERR_TIMEOUT`, the reason of the signal, or why the FIFO cannot be opened
 */
export function openWhenRead(path: string, options: WaitOptions | undefined): Promise<number> {
  let watch: Watch | undefined;
  const wait = new Wait<number>();
  const list = new WaitList<Wait<number>>(() => {
    watch?.close();
  });
  const attempt = (): void => {
    try {
      const fd = tryOpenToWrite(path);
      if (fd !== undefined) wait.fulfil(fd);
    } catch (error) {
      wait.reject(error);
    }
  };
  wait.join(list);
  attempt();
  if (list.size === 0) return wait.promise;
  if (options?.timeout !== 0) {
    // Watched before it is tried again, so that nobody can come in between.
    watch = new Watch(path, attempt);
    attempt();
  }
  // A wait that is over has no bounds to keep, and no timer would be cleared for it.
  if (list.size > 0) wait.bound(options, () => timedOut(path, options?.timeout ?? 0));
  return wait.promise;
}

/** Calls back whenever somebody may have opened this path. */
class Watch {
  readonly #fd: number | undefined;
  readonly #poll: Poll | undefined;
  readonly #timer: NodeJS.Timeout;

  constructor(path: string, callback: () => void) {
    const fd = loadCore().watchOpens(path);
    if (fd >= 0) {
      this.#fd = fd;
      this.#poll = pollOf(fd, callback);
    }
    this.#timer = setInterval(callback, fd < 0 ? RETRY_UNWATCHED : RETRY);
  }

  close(): void {
    clearInterval(this.#timer);
    this.#poll?.close();
    if (this.#fd !== undefined) loadCore().close(this.#fd);
  }
}

function pollOf(fd: number, callback: () => void): Poll {
  const core = loadCore();
  try {
    const poll = new Poll(fd, () => {
      core.drain(fd);
      callback();
    });
    poll.set(READABLE);
    return poll;
  } catch (error) {
    core.close(fd);
    throw error;
  }
}

function timedOut(path: string, timeout: number): ChannelError {
  return new ChannelError(
    "ERR_TIMEOUT",
    `Cannot open the FIFO ${JSON.stringify(path)} to write: nobody opened it to read within ${timeout} ms`,
    { operation: "open", mechanism: "named-pipe", address: path },
  );
}
