import type { WaitOptions } from "../../core/channel.js";
import { ChannelError } from "../../core/errors.js";
import { Wait, WaitList } from "../../core/wait.js";
import type { Authorisation } from "../authorise.js";
import { tryOpenToWrite } from "./fifo.js";
import { watchOpens } from "./open-watch.js";

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
export function openWhenRead(
  path: string,
  options: WaitOptions | undefined,
  owners: Authorisation,
): Promise<number> {
  let unwatch: (() => void) | undefined;
  let timer: NodeJS.Timeout | undefined;
  const wait = new Wait<number>();
  const list = new WaitList<Wait<number>>(() => {
    clearInterval(timer);
    unwatch?.();
  });
  const attempt = (): void => {
    try {
      const fd = tryOpenToWrite(path, owners);
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
    unwatch = watchOpens(path, attempt);
    timer = setInterval(attempt, unwatch === undefined ? RETRY_UNWATCHED : RETRY);
    attempt();
  }
  // A wait that is over has no bounds to keep, and no timer would be cleared for it.
  if (list.size > 0) wait.bound(options, () => timedOut(path, options?.timeout ?? 0));
  return wait.promise;
}

function timedOut(path: string, timeout: number): ChannelError {
  return new ChannelError(
    "ERR_TIMEOUT",
    `Cannot open the FIFO ${JSON.stringify(path)} to write: nobody opened it to read within ${timeout} ms`,
    { operation: "open", mechanism: "named-pipe", address: path },
  );
}
