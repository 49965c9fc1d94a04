import { ChannelError, type ErrorDetails } from "../../core/errors.js";
import { Wait } from "../../core/wait.js";
import { Poll, READABLE } from "../../native/binding.js";
import type { ConnectingOptions } from "../connecting-socket.js";

/**
 * Waits for a server's first and only packet.
 *
 * @param fd - the connected socket
 * @param take - reads the packet; `undefined` when it has not come
 * @param details - what errors say
 * @param options - the caller's bounds
 * @param spentMs - how much of the time was spent before
 */
export async function awaitHello<T>(
  fd: number,
  take: () => T | undefined,
  details: ErrorDetails,
  options: ConnectingOptions,
  spentMs: number,
): Promise<T> {
  const wait = new Wait<T>();
  const poll = new Poll(fd, () => {
    try {
      const taken = take();
      if (taken === undefined) return;
      wait.fulfil(taken);
    } catch (error) {
      wait.reject(error);
    }
    poll.close();
  });
  try {
    options.signal?.throwIfAborted();
    poll.set(READABLE);
    const timeout = options.timeout === undefined ? undefined : Math.max(1, options.timeout - spentMs);
    wait.bound({ signal: options.signal, timeout }, () => {
      const text = `Cannot connect to shared-buffer ${JSON.stringify(details.address)}: the server sent no memory within ${options.timeout ?? 0} ms`;
      return new ChannelError("ERR_TIMEOUT", text, details);
    });
    return await wait.promise;
  } finally {
    poll.close();
  }
}
