import type { Channel, Credentials, Listener, WaitOptions } from "../../core/channel.js";
import type { StreamOptions } from "../../core/options.js";
import type { Allow } from "../authorise.js";
import type { ListeningOptions } from "../listening-socket.js";

/**
 * The kinds of Unix socket, unix(7):
 *
 * - `"stream"`: a connection that carries bytes; a framing keeps messages apart.
 * - `"seqpacket"`: a connection that carries whole messages.
 * - `"dgram"`: whole messages without a connection; a receiver has an address and hears from everybody.
 */
export type UnixSocketType = "stream" | "seqpacket" | "dgram";

/**
 * What carries the packets of `"seqpacket"` and `"dgram"`: the native core of sluice, or the package node-unix-socket (an optional dependency).
 * `"auto"` takes the native core where it loads, else the package. Streams need neither.
 */
export type UnixSocketEngine = "auto" | "native" | "node-unix-socket";

/** Options that all Unix sockets have. */
export interface UnixSocketOptions<Out, In> extends StreamOptions<Out, In> {
  /** What carries packets. `"auto"` by default. */
  readonly engine?: UnixSocketEngine | undefined;
  /**
   * How many file descriptors may travel with one message, in both directions: up to 253, what the kernel allows. 0 by default, and then none do: whoever may
   * send descriptors could use up those that this process can have. On streams and seqpackets with the native core.
   */
  readonly maxHandles?: number | undefined;
}

/** Options of {@link UnixSocket.listen}. `framing` is for streams. */
export interface UnixSocketListenOptions<Out, In> extends UnixSocketOptions<Out, In>, ListeningOptions {
  /** The kind of socket. `"stream"` by default. */
  readonly type?: "stream" | "seqpacket" | undefined;
}

/** Options of {@link UnixSocket.connect}. `framing` is for streams, `localAddress` for datagrams. */
export interface UnixSocketConnectOptions<Out, In> extends UnixSocketOptions<Out, In>, WaitOptions {
  /** The kind of socket that the server has. `"stream"` by default. */
  readonly type?: UnixSocketType | undefined;
  /**
   * Who the server may be; else `ERR_ACCESS_DENIED`, before a byte is sent. `"self"` by default. On datagrams, which have no connection, each message that
   * comes back is checked, and those of others are dropped.
   */
  readonly allow?: Allow | undefined;
  /**
   * Where answers to this datagram socket go: a path (its file has mode 0o600 and is removed at close) or an abstract name. By default an abstract
   * name that nobody else has. Nobody but the peer can send there: the kernel sees to that.
   */
  readonly localAddress?: string | undefined;
}

/** Options of {@link UnixSocket.bind}. */
export interface UnixSocketBindOptions<Out, In>
  extends Omit<UnixSocketOptions<Out, In>, "framing">, Omit<ListeningOptions, "backlog" | "handles"> {
  /** The only kind that is bound without a connection. */
  readonly type?: "dgram" | undefined;
}

/** Options of {@link UnixSocket.listen} on a socket that somebody else has bound and made to listen, such as a service manager. */
export interface UnixSocketInheritedListenOptions<Out, In> extends Omit<
  UnixSocketListenOptions<Out, In>,
  "mode" | "handles"
> {
  /** The open descriptor. It belongs to the listener when the promise fulfils, and stays the caller's when it rejects. The address and, unless `type` says what is expected, the type are the socket's own. */
  readonly fd: number;
}

/** Options of {@link UnixSocket.bind} on a datagram socket that somebody else has bound, such as a service manager. */
export interface UnixSocketInheritedBindOptions<Out, In> extends Omit<
  UnixSocketBindOptions<Out, In>,
  "mode"
> {
  /** The open descriptor. It belongs to the socket when the promise fulfils, and stays the caller's when it rejects. The address is the socket's own. */
  readonly fd: number;
}

/** Options of {@link UnixSocket.pair}. `framing` is for streams. */
export interface UnixSocketPairOptions<Out, In> extends UnixSocketOptions<Out, In> {
  /** The kind of socket. `"stream"` by default. */
  readonly type?: UnixSocketType | undefined;
}

/**
 * A channel over a Unix socket.
 *
 * @typeParam Out - what `send` takes
 * @typeParam In - what `receive` gives
 */
export interface UnixSocketChannel<Out, In = Out> extends Channel<Out, In> {
  /**
   * Who is at the other end, as the kernel noted it when the connection was made (SO_PEERCRED): on the client the process that called listen, on the
   * server the one that called connect. The process may have given its end to another since, and its pid may be somebody else's by now.
   *
   * Throws a ChannelError `ERR_UNSUPPORTED` where the kernel does not tell: on datagram sockets (each message has `credentials` in its envelope), and without the native core.
   */
  readonly peer: Credentials;
  /** The path or abstract name of the server, or that this datagram socket is connected to; `undefined` on a pair. */
  readonly address: string | undefined;
  /** Messages that `allow` refused, on a datagram socket; else 0. */
  readonly refused: number;
}

/**
 * Waits for connections on a Unix socket.
 *
 * @typeParam Out - what `send` of its channels takes
 * @typeParam In - what `receive` of its channels gives
 */
export interface UnixSocketListener<Out, In = Out> extends Listener<UnixSocketChannel<Out, In>> {
  /** The path or abstract name. */
  readonly address: string;
  /** Connections that `allow` refused so far. */
  readonly refused: number;
  /**
   * What a successor needs to go on in this listener's place: the descriptors of the socket and, for a path, of its lock. They stay this listener's, which goes on accepting: send
   * them with `send(message, { handles: listener.handles })` to a process that gives what it receives to `UnixSocket.listen` as `handles`. None once it is closed.
   *
   * Throws a ChannelError `ERR_UNSUPPORTED` without the native core.
   */
  readonly handles: readonly number[];
  /**
   * Leaves the place to the process that listens with the {@link UnixSocketListener.handles}: to be called when it says that it does. Accepting stops here; whoever waits in the backlog is the
   * successor's, and neither the file nor the lock goes. Channels that had come already can still be accepted; then `accept` rejects with `ERR_CHANNEL_CLOSED` and iteration ends.
   *
   * @returns a promise that fulfils when no more channels can come here
   * @example
   * ```ts run
   * import { UnixSocket } from "sluice";
   *
   * const path = `/tmp/sluice-example-hand-over-${process.pid}.sock`;
   * const listener = await UnixSocket.listen(path);
   * // Usually the successor is another process, and the channel leads there.
   * const [here, there] = UnixSocket.pair({ maxHandles: 2 });
   * await here.send(Buffer.from("yours"), { handles: listener.handles });
   * const { handles = [] } = await there.receiveEnvelope();
   * await using successor = await UnixSocket.listen(path, { handles });
   * await listener.handOver();
   * await using client = await UnixSocket.connect(path);
   * await using server = await successor.accept();
   * await client.send(Buffer.from("still there"));
   * console.log(String(await server.receive()));
   * await Promise.all([here.close(), there.close()]);
   * ```
   */
  handOver(): Promise<void>;
  /** Lets the listener keep the process alive (the default). */
  ref(): this;
  /** Lets the process end while it listens. */
  unref(): this;
}

/**
 * A datagram socket with an address and no fixed peer: `send(message, { to })`, and `receiveEnvelope` tells the sender's address as `from` (where it has one) and
 * who it was as `credentials`.
 *
 * @typeParam Out - what `send` takes
 * @typeParam In - what `receive` gives
 */
export interface UnixDatagramSocket<Out, In = Out> extends Channel<Out, In> {
  /** The path or abstract name. */
  readonly address: string;
  /** Messages that `allow` refused so far. */
  readonly refused: number;
}
