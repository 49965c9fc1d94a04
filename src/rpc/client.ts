import type { CloseOptions } from "../core/channel.js";
import { describe } from "../core/wait.js";
import type { Caller } from "./caller.js";
import { Connection } from "./connection.js";
import { type ConnectionOptions, resolveLimits, resolveTimeout } from "./limits.js";
import { isReserved } from "./serve-options.js";
import type { BytesChannel, CallOptions, Client } from "./types.js";

/** Options of `createClient`. */
export interface ClientOptions extends ConnectionOptions {
  /** Milliseconds without an answer after which a call rejects with `ERR_TIMEOUT`, where it says nothing else. 60,000 by default; `Infinity`: no limit. */
  readonly timeout?: number | undefined;
}

/** Milliseconds without an answer, where nobody says otherwise. */
export const DEFAULT_TIMEOUT = 60_000;
/** Functions that are kept; a program that calls by names of strangers must not fill the memory. */
const MOST_NAMES = 4096;

/**
 * A client of the methods that somebody serves at the other end of a channel.
 *
 * Each method is a function of its input and {@link CallOptions}. It gives a promise of the result, or a stream to iterate, and rejects with a
 * `RemoteError` when the method fails; with a ChannelError `ERR_TIMEOUT`, `ERR_PEER_DIED`, `ERR_CHANNEL_CLOSED`, `ERR_MESSAGE_TOO_LARGE` or `ERR_UNSUPPORTED`; with the reason of
 * its signal. Nothing is ever sent a second time: after `ERR_PEER_DIED` and `ERR_TIMEOUT` the method may have run or not.
 *
 * @typeParam Methods - `typeof methods` of the server
 * @param channel - an open channel of plain bytes that goes both ways, used by nobody else from now on
 * @param options - protocol, time without an answer, limits
 * @throws TypeError or RangeError for a wrong argument; ChannelError `ERR_UNSUPPORTED` for a channel that goes one way or does not keep messages apart
 * @example
 * ```ts run
 * import { MemoryChannel } from "sluice";
 * import { createClient, serve } from "sluice/rpc";
 *
 * const methods = { add: ({ a, b }: { a: number; b: number }) => ({ sum: a + b }) };
 * const [left, right] = MemoryChannel.pair();
 * await using server = serve(left, methods);
 * await using client = createClient<typeof methods>(right);
 * console.log(await client.add({ a: 1, b: 2 }, { timeout: 1000 })); // { sum: 3 }
 * ```
 */
export function createClient<Methods extends object>(
  channel: BytesChannel,
  options?: ClientOptions,
): Client<Methods> {
  const limits = resolveLimits(options);
  const timeout = resolveTimeout(options?.timeout, DEFAULT_TIMEOUT);
  return clientOf(new Connection(channel, limits), timeout);
}

/** The client of a connection. */
export function clientOf<Methods extends object>(connection: Connection, timeout: number): Client<Methods> {
  const { caller } = connection;
  caller.timeout = timeout;
  const client = namesMade((name) => methodOf(caller, name));
  const notify = namesMade((name) => (input: unknown) => caller.notify(name, input));
  const close = (options?: CloseOptions): Promise<void> => connection.close(options);
  Object.defineProperties(client, {
    notify: { value: notify },
    close: { value: close },
    [Symbol.asyncDispose]: { value: () => close() },
  });
  return client as Client<Methods>;
}

function methodOf(caller: Caller, name: string): (input: unknown, options?: CallOptions) => Promise<unknown> {
  return (input, options) => {
    if (options !== undefined && (typeof options !== "object" || options === null))
      throw new TypeError(`options must be an object, received ${describe(options)}`);
    return caller.call(name, input, options);
  };
}

/** An object with a function for each name that it is asked for. It keeps them as its own: only the first time goes through the proxy. */
function namesMade(make: (name: string) => unknown): object {
  let names = 0;
  const maker = new Proxy(Object.create(null) as object, {
    get(_target, name, receiver: object) {
      if (typeof name !== "string" || isReserved(name)) return undefined;
      const value = make(name);
      if (++names <= MOST_NAMES) Object.defineProperty(receiver, name, { value });
      return value;
    },
  });
  return Object.create(maker) as object;
}
