import type { Channel, CloseOptions, Listener } from "../core/channel.js";
import { ChannelError } from "../core/errors.js";
import { checkOptions } from "../core/options.js";
import { checkDuration, describe } from "../core/wait.js";
import { Connection } from "./connection.js";
import { type Limits, resolveLimits } from "./limits.js";
import { type ResolvedService, resolveService, type ServeOptions } from "./serve-options.js";
import type { BytesChannel, MethodTable } from "./types.js";

/** What serves methods. */
export interface Server extends AsyncDisposable {
  /** Fulfils when nothing is served any more: after `close`, or when the one channel that it serves has ended. It never rejects. */
  readonly closed: Promise<void>;
  /** How many peers there are. */
  readonly peers: number;
  /**
   * Accepts no further peers and takes no further calls. Fulfils when the calls that run have ended and their answers have left; after `deadline` milliseconds
   * (none by default) their signals fire and the channels are closed. May be called again: the deadline that comes first counts.
   */
  close(options?: CloseOptions): Promise<void>;
}

/** A listener whose channels carry bytes. */
export type BytesListener = Listener<Channel<Uint8Array, Buffer>>;

/**
 * Serves methods to the peer of a channel, or to every peer that a listener accepts.
 *
 * A method is a function of its input and a {@link CallContext}; what it returns or a promise of it is the answer. An async generator answers with a stream, whose `yield` waits until
 * the caller wants more. {@link method} adds schemas. What a method throws the caller gets as `RemoteError`, with name, message, `code` and `data`.
 * A peer that breaks the protocol loses its channel, and `onError` is told; nobody else notices.
 *
 * @param source - a channel of plain bytes, used by nobody else from now on, or a listener of such channels
 * @param methods - functions by name. Own properties count, no others. `notify`, `close`, `then`, `toJSON`, `constructor`, `prototype`, `__proto__`, `toString` and `valueOf` are refused
 * @param options - who may call what, limits, protocol, hooks
 * @throws TypeError or RangeError for a wrong argument; ChannelError `ERR_UNSUPPORTED` for a channel that goes one way or does not keep messages apart
 * @example
 * ```ts run
 * import { UnixSocket } from "sluice";
 * import { createClient, serve } from "sluice/rpc";
 *
 * const path = `/tmp/sluice-example-serve-${process.pid}.sock`;
 * const methods = {
 *   whoami: (_: undefined, { peer }: { peer?: { uid: number } | undefined }) => peer?.uid,
 *   async *count(to: number) {
 *     for (let n = 1; n <= to; n++) yield n;
 *   },
 * };
 * await using server = serve(await UnixSocket.listen(path), methods);
 * await using client = createClient<typeof methods>(await UnixSocket.connect(path));
 * console.log(await client.whoami());
 * for await (const n of client.count(3)) console.log(n);
 * ```
 */
export function serve(
  source: BytesChannel | BytesListener,
  methods: MethodTable,
  options: ServeOptions = {},
): Server {
  checkOptions(options);
  const limits = resolveLimits(options);
  const service = resolveService(methods, options);
  if (isListener(source)) return new ListenerServer(source, limits, service);
  return serverOf(new Connection(source, limits, service));
}

/** The server of one connection. */
export function serverOf(connection: Connection): Server {
  return new ChannelServer(connection);
}

function isListener(source: BytesChannel | BytesListener): source is BytesListener {
  if (typeof (source as Partial<BytesListener> | null)?.accept === "function") return true;
  if (typeof (source as Partial<BytesChannel> | null)?.receiveMany === "function") return false;
  throw new TypeError(`the first argument must be a Channel or a Listener, received ${describe(source)}`);
}

function checkClose(options: CloseOptions | undefined): void {
  checkOptions(options);
  if (options?.deadline !== undefined) checkDuration("deadline", options.deadline);
}

class ChannelServer implements Server {
  readonly closed: Promise<void>;
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
    this.closed = connection.channel.closed;
  }

  get peers(): number {
    return this.#connection.failure === undefined ? 1 : 0;
  }

  async close(options?: CloseOptions): Promise<void> {
    checkClose(options);
    await this.#connection.close(options);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

class ListenerServer implements Server {
  readonly closed: Promise<void>;
  readonly #listener: BytesListener;
  readonly #limits: Limits;
  readonly #service: ResolvedService;
  readonly #connections = new Set<Connection>();
  #closing: Promise<void> | undefined;
  #resolveClosed!: () => void;

  constructor(listener: BytesListener, limits: Limits, service: ResolvedService) {
    this.#listener = listener;
    this.#limits = limits;
    this.#service = service;
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
    void this.#accept();
  }

  get peers(): number {
    return this.#connections.size;
  }

  async close(options: CloseOptions = {}): Promise<void> {
    checkClose(options);
    if (this.#closing === undefined) this.#closing = this.#close(options);
    else if (options.deadline !== undefined) {
      // What goes wrong is told by the first close, which ends with these.
      for (const each of this.#connections) each.close(options).catch(() => undefined);
    }
    await this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #accept(): Promise<void> {
    try {
      for (;;) {
        const channel = await this.#listener.accept();
        if (this.#closing === undefined) this.#serve(channel);
        else channel.destroy();
      }
    } catch (error) {
      const closed = error instanceof ChannelError && error.code === "ERR_CHANNEL_CLOSED";
      if (!closed) this.#service.options.onError?.(error, {});
      await this.close();
    }
  }

  #serve(channel: BytesChannel): void {
    let connection: Connection;
    try {
      const { admit } = this.#service.options;
      // As with authorize: what is not true does not let it pass.
      const admitted: unknown = admit === undefined || admit(channel);
      if (admitted !== true) {
        channel.destroy();
        return;
      }
      connection = new Connection(channel, this.#limits, this.#service);
    } catch (error) {
      channel.destroy();
      this.#service.options.onError?.(error, { channel });
      return;
    }
    this.#connections.add(connection);
    void channel.closed.then(() => this.#connections.delete(connection));
  }

  async #close(options: CloseOptions): Promise<void> {
    const closing = [this.#listener.close(), ...[...this.#connections].map((each) => each.close(options))];
    // A peer that does not take its answers, or has died meanwhile, must not keep the others from being closed.
    const outcomes = await Promise.allSettled(closing);
    await Promise.all([...this.#connections].map(({ channel }) => channel.closed));
    this.#resolveClosed();
    const [listener] = outcomes;
    if (listener?.status === "rejected") throw listener.reason;
  }
}
