import { extend } from "../../core/extend.js";
import { coreAvailable } from "../../native/binding.js";
import { parseSocketAddress } from "../socket-address.js";
import { openOnceFree } from "../socket-binding.js";
import {
  bindDatagram,
  connectDatagram,
  connectSeqpacket,
  listenSeqpacket,
  pairPackets,
} from "./open-packets.js";
import { connectStream, listenStream, pairStream } from "./open-stream.js";
import { inspectInherited, isInherited } from "./inherited.js";
import { type CheckedOptions, checkChannelOptions } from "./options.js";
import type {
  UnixDatagramSocket,
  UnixSocketBindOptions,
  UnixSocketChannel,
  UnixSocketConnectOptions,
  UnixSocketInheritedBindOptions,
  UnixSocketInheritedListenOptions,
  UnixSocketListener,
  UnixSocketListenOptions,
  UnixSocketPairOptions,
} from "./types.js";
import {
  connectSeqpacketWithoutCore,
  connectStreamWithoutCore,
  listenSeqpacketWithoutCore,
  listenStreamWithoutCore,
} from "./without-core.js";

/**
 * Unix domain sockets: two-way talk between processes of one machine, with the kernel's word on who the peer is. See unix(7).
 *
 * An address is a path of at most 107 bytes, or an abstract name (`"\0name"`, at most 108 bytes with its NUL, used in exactly this length), which has no file.
 */
export class UnixSocket {
  private constructor() {
    throw new TypeError("UnixSocket has no instances; use UnixSocket.listen(), connect(), bind() or pair()");
  }

  /** Listens for connections that carry Buffers. */
  static listen(
    path: string,
    options?: UnixSocketListenOptions<Uint8Array, Buffer>,
  ): Promise<UnixSocketListener<Uint8Array, Buffer>>;
  /**
   * Listens for connections.
   *
   * Listening is safe: a lock (`path.lock`, held as long as this listener lives) decides who owns the path; the socket of an owner that died is replaced; one that
   * is alive, and whatever is no socket, is left alone. The file has its mode (0o600 by default) before anybody can connect, and is removed at
   * `close` if it is still this listener's. Who connects is checked against `allow` before the first byte is read.
   *
   * @param path - a path, or an abstract name
   * @param options - type, codec, limits, `allow`, `mode`
   * @returns a promise that fulfils when peers can connect
   * @throws (by the promise) TypeError or RangeError for a wrong argument; ChannelError `ERR_ADDRESS_IN_USE` when another process listens there or no socket is at the
   *   path, `ERR_ACCESS_DENIED`, `ERR_UNSUPPORTED` for what takes the native core, `ERR_SYSTEM` (with errno `ENOENT` when the directory is missing)
   * @example
   * ```ts run
   * import { json, UnixSocket } from "sluice";
   *
   * const path = `/tmp/sluice-example-listen-${process.pid}.sock`;
   * await using listener = await UnixSocket.listen(path, { codec: json<string>() });
   * await using client = await UnixSocket.connect(path, { codec: json<string>() });
   * await using server = await listener.accept();
   * await client.send("hello");
   * console.log(await server.receive(), "from uid", server.peer.uid);
   * ```
   */
  static listen<Out, In = Out>(
    path: string,
    options: UnixSocketListenOptions<Out, In>,
  ): Promise<UnixSocketListener<Out, In>>;
  /** Listens, for connections that carry Buffers, on a socket that somebody else has made. */
  static listen(
    inherited: UnixSocketInheritedListenOptions<Uint8Array, Buffer>,
  ): Promise<UnixSocketListener<Uint8Array, Buffer>>;
  /**
   * Listens on a socket that somebody else has bound and made to listen: a service manager, or the process before this one. Its file is neither locked nor removed, and its mode
   * stays. The descriptor becomes close-on-exec and non-blocking.
   *
   * On such a socket the client's {@link UnixSocketChannel.peer} is who called listen(2), for example systemd as root; the server sees the client as ever.
   *
   * @param inherited - the descriptor `fd`, with the options of any listener
   * @returns a promise of the listener, at the address that the socket has
   * @throws (by the promise) TypeError or RangeError for a wrong argument; ChannelError `ERR_UNSUPPORTED` when the socket is of another family or type or does not listen, or without
   *   the native core; `ERR_SYSTEM` with errno 9 (EBADF) or 88 (ENOTSOCK). The descriptor then stays open
   * @example
   * ```ts
   * import { text, UnixSocket } from "sluice";
   *
   * // The first descriptor that systemd passes; sluice/daemon finds them by name.
   * const listener = await UnixSocket.listen({ fd: 3, codec: text(), allow: "anyone" });
   * for await (const client of listener) await client.send("hello");
   * ```
   */
  static listen<Out, In = Out>(
    inherited: UnixSocketInheritedListenOptions<Out, In>,
  ): Promise<UnixSocketListener<Out, In>>;
  static async listen(
    where: string | UnixSocketInheritedListenOptions<unknown, unknown>,
    given: UnixSocketListenOptions<unknown, unknown> = {},
  ): Promise<UnixSocketListener<unknown>> {
    const inherited = isInherited(where) ? inspectInherited(where, "listen") : undefined;
    const options: UnixSocketListenOptions<unknown, unknown> = isInherited(where) ? where : given;
    const address = inherited?.address ?? parseSocketAddress(where);
    const complete: CheckedOptions<unknown, unknown> & UnixSocketListenOptions<unknown, unknown> = extend(
      checkChannelOptions(options, "listen", ["stream", "seqpacket"]),
      {
        type: options.type ?? (inherited?.type === "seqpacket" ? "seqpacket" : "stream"),
        handles: inherited?.handles ?? options.handles,
      },
    );
    if (complete.type === "seqpacket") {
      return lacksCore(complete)
        ? await listenSeqpacketWithoutCore(address, complete)
        : await openOnceFree(() => listenSeqpacket(address, complete));
    }
    return lacksCore(complete)
      ? await listenStreamWithoutCore(address, complete)
      : await openOnceFree(() => listenStream(address, complete));
  }

  /** Connects a channel that carries Buffers. */
  static connect(
    path: string,
    options?: UnixSocketConnectOptions<Uint8Array, Buffer>,
  ): Promise<UnixSocketChannel<Uint8Array, Buffer>>;
  /**
   * Connects to a socket that somebody listens on, or (with type `"dgram"`) has bound. When the listener's backlog is full it waits.
   *
   * Before a byte is sent, the process that listens is checked against `allow`, so that nobody else can pose as the server. By default it must run as this
   * user or as root.
   *
   * @param path - a path, or an abstract name
   * @param options - type, codec, limits, `allow`, and `signal` and `timeout` of the wait
   * @returns a promise of the connected channel
   * @throws (by the promise) TypeError or RangeError for a wrong argument; ChannelError `ERR_NO_PEER` when nobody listens, `ERR_ACCESS_DENIED` when the file's mode or `allow`
   *   forbids it, `ERR_TIMEOUT`, `ERR_UNSUPPORTED` when the socket there is of another type; the abort reason
   * @example
   * ```ts run
   * import { lines, text, UnixSocket } from "sluice";
   *
   * const path = `/tmp/sluice-example-connect-${process.pid}.sock`;
   * const chat = { codec: text(), framing: lines() };
   * await using listener = await UnixSocket.listen(path, chat);
   * await using client = await UnixSocket.connect(path, { ...chat, timeout: 1000 });
   * await using server = await listener.accept();
   * await server.send("welcome");
   * console.log(await client.receive());
   * ```
   */
  static connect<Out, In = Out>(
    path: string,
    options: UnixSocketConnectOptions<Out, In>,
  ): Promise<UnixSocketChannel<Out, In>>;
  static async connect(
    path: string,
    options: UnixSocketConnectOptions<unknown, unknown> = {},
  ): Promise<UnixSocketChannel<unknown>> {
    const address = parseSocketAddress(path);
    const complete: CheckedOptions<unknown, unknown> & UnixSocketConnectOptions<unknown, unknown> =
      checkChannelOptions(options, "connect", ["stream", "seqpacket", "dgram"]);
    if (complete.type === "dgram") return openOnceFree(() => connectDatagram(address, complete), complete);
    if (complete.localAddress !== undefined) {
      throw new TypeError(
        `options.localAddress must be absent on ${complete.type}: answers come over the connection; only datagrams need it`,
      );
    }
    if (complete.type === "seqpacket") {
      return lacksCore(complete)
        ? await connectSeqpacketWithoutCore(address, complete)
        : await connectSeqpacket(address, complete);
    }
    return lacksCore(complete)
      ? await connectStreamWithoutCore(address, complete)
      : await connectStream(address, complete);
  }

  /** Binds a datagram socket that carries Buffers. */
  static bind(
    path: string,
    options?: UnixSocketBindOptions<Uint8Array, Buffer>,
  ): Promise<UnixDatagramSocket<Uint8Array, Buffer>>;
  /**
   * Binds a datagram socket, as safely as {@link UnixSocket.listen}. Everybody whom the file's mode and `allow` let may send to it; messages of others are dropped
   * and counted.
   *
   * @param path - a path, or an abstract name
   * @param options - codec, limits, `allow`, `mode`
   * @returns a promise of the bound socket
   * @throws (by the promise) as {@link UnixSocket.listen}
   * @example
   * ```ts run
   * import { text, UnixSocket } from "sluice";
   *
   * const path = `/tmp/sluice-example-bind-${process.pid}.sock`;
   * await using receiver = await UnixSocket.bind(path, { codec: text() });
   * await using sender = await UnixSocket.connect(path, { type: "dgram", codec: text() });
   * await sender.send("temperature 21");
   * const { message, from } = await receiver.receiveEnvelope();
   * if (from !== undefined) await receiver.send(`noted: ${message}`, { to: from });
   * console.log(await sender.receive());
   * ```
   */
  static bind<Out, In = Out>(
    path: string,
    options: UnixSocketBindOptions<Out, In>,
  ): Promise<UnixDatagramSocket<Out, In>>;
  /** Takes a datagram socket that somebody else has bound, for Buffers. */
  static bind(
    inherited: UnixSocketInheritedBindOptions<Uint8Array, Buffer>,
  ): Promise<UnixDatagramSocket<Uint8Array, Buffer>>;
  /**
   * Takes a datagram socket that somebody else has bound, as {@link UnixSocket.listen} takes one that listens. Messages that came before have no credentials, unless the socket had
   * SO_PASSCRED (`PassCredentials=yes` of systemd.socket(5)), so that only `allow: "anyone"` lets them in.
   *
   * @param inherited - the descriptor `fd`, with the options of any bound socket
   * @returns a promise of the socket, at the address that it has
   * @throws (by the promise) as {@link UnixSocket.listen} does for a descriptor
   */
  static bind<Out, In = Out>(
    inherited: UnixSocketInheritedBindOptions<Out, In>,
  ): Promise<UnixDatagramSocket<Out, In>>;
  static async bind(
    where: string | UnixSocketInheritedBindOptions<unknown, unknown>,
    given: UnixSocketBindOptions<unknown, unknown> = {},
  ): Promise<UnixDatagramSocket<unknown>> {
    const inherited = isInherited(where) ? inspectInherited(where, "bind") : undefined;
    const options = isInherited(where) ? where : given;
    const address = inherited?.address ?? parseSocketAddress(where);
    const complete = checkChannelOptions(options, "bind", ["dgram"]);
    return openOnceFree(() =>
      bindDatagram(address, extend(complete, { type: "dgram" as const }), inherited?.handles),
    );
  }

  /** Makes two connected ends that carry Buffers. */
  static pair(
    options?: UnixSocketPairOptions<Uint8Array, Buffer>,
  ): [UnixSocketChannel<Uint8Array, Buffer>, UnixSocketChannel<Uint8Array, Buffer>];
  /**
   * Makes two connected ends in this process, without an address: socketpair(2).
   *
   * @param options - type, codec and limits, the same for both ends
   * @throws TypeError or RangeError for a wrong option; ChannelError `ERR_UNSUPPORTED` without the native core
   * @example
   * ```ts run
   * import { UnixSocket } from "sluice";
   *
   * const [left, right] = UnixSocket.pair({ type: "seqpacket" });
   * await left.send(Buffer.from("whole"));
   * console.log(String(await right.receive()));
   * await left.close();
   * await right.close();
   * ```
   */
  static pair<Out, In = Out>(
    options: UnixSocketPairOptions<Out, In>,
  ): [UnixSocketChannel<Out, In>, UnixSocketChannel<Out, In>];
  static pair(
    options: UnixSocketPairOptions<unknown, unknown> = {},
  ): [UnixSocketChannel<unknown>, UnixSocketChannel<unknown>] {
    const complete = checkChannelOptions(options, "pair", ["stream", "seqpacket", "dgram"]);
    return complete.type === "stream" ? pairStream(complete) : pairPackets(complete.type, complete);
  }
}

/** Whether this has to do without the native core, by `node:net` or node-unix-socket alone. */
function lacksCore({ engine }: CheckedOptions<unknown, unknown>): boolean {
  return engine !== "native" && !coreAvailable();
}
