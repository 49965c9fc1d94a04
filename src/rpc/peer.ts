import { checkOptions } from "../core/options.js";
import { clientOf, DEFAULT_TIMEOUT, type ClientOptions } from "./client.js";
import { Connection } from "./connection.js";
import { resolveLimits, resolveTimeout } from "./limits.js";
import { serverOf, type Server } from "./serve.js";
import { resolveService, type ServeOptions } from "./serve-options.js";
import type { BytesChannel, Client, MethodTable } from "./types.js";

/** Options of `peer`: of both directions. */
export interface PeerOptions extends ServeOptions, ClientOptions {}

/** Both directions of one channel. Closing either closes the channel. */
export interface Peer<Methods extends object> {
  /** Calls what the other side serves. */
  readonly client: Client<Methods>;
  /** Serves this side's methods. */
  readonly server: Server;
}

/**
 * Serves methods and calls those of the other side, over one channel: what a language server and its editor do.
 *
 * @typeParam Theirs - `typeof methods` of the other side
 * @param channel - an open channel of plain bytes that goes both ways, used by nobody else from now on
 * @param methods - what this side serves, as with `serve`
 * @param options - of `serve` and of `createClient`
 * @throws as `serve`
 * @example
 * ```ts run
 * import { MemoryChannel } from "sluice";
 * import { peer } from "sluice/rpc";
 *
 * const [left, right] = MemoryChannel.pair();
 * const ours = { ping: () => "pong" };
 * const theirs = { double: (n: number) => 2 * n };
 * const here = peer<typeof theirs>(left, ours);
 * const there = peer<typeof ours>(right, theirs);
 * console.log(await here.client.double(4), await there.client.ping()); // 8 pong
 * await here.server.close();
 * ```
 */
export function peer<Theirs extends object>(
  channel: BytesChannel,
  methods: MethodTable,
  options: PeerOptions = {},
): Peer<Theirs> {
  checkOptions(options);
  const timeout = resolveTimeout(options.timeout, DEFAULT_TIMEOUT);
  const connection = new Connection(channel, resolveLimits(options), resolveService(methods, options));
  return { client: clientOf<Theirs>(connection, timeout), server: serverOf(connection) };
}
