import { extend } from "../../core/extend.js";
import { coreAvailable } from "../../native/binding.js";
import { resolveHost } from "../internet-address.js";
import { listenByNode, listenNatively } from "./acceptors.js";
import { connectTcp } from "./connect.js";
import { checkConnectOptions, checkListenOptions, type CheckedListenOptions } from "./options.js";
import { TcpServer } from "./tcp-listener.js";
import type { TcpChannel, TcpConnectOptions, TcpListener, TcpListenOptions } from "./types.js";

/**
 * Messages over TCP connections, with TLS if asked for: between machines, or between programs of one machine that share no files. See tcp(7) and node:tls.
 *
 * Nobody but this machine can connect unless `host` says otherwise; but on this machine everybody can. Where the two ends share a file system, `UnixSocket` is
 * faster and tells who the peer is. Over a network, use TLS.
 */
export class TcpSocket {
  private constructor() {
    throw new TypeError("TcpSocket has no instances; use TcpSocket.listen() or connect()");
  }

  /** Listens for connections that carry Buffers. */
  static listen(options: TcpListenOptions<Uint8Array, Buffer>): Promise<TcpListener<Uint8Array, Buffer>>;
  /**
   * Listens for connections, at `127.0.0.1` unless `host` says otherwise.
   *
   * With `tls` a connection is a channel once the handshake is done; who needs longer than `handshakeTimeout`, or shows no certificate where one is asked for, is cut off.
   * Then `allow` is asked, with the peer's addresses and certificate. Nothing that the peer has sent reaches the program before.
   *
   * @param options - `port`; `host`, `tls`, codec, limits, `allow`
   * @returns a promise that fulfils when peers can connect
   * @throws (by the promise) TypeError or RangeError for a wrong argument, `tls` that OpenSSL cannot use included; ChannelError `ERR_ADDRESS_IN_USE`, `ERR_ACCESS_DENIED` for a
   *   port below 1,024 without the privilege, `ERR_NO_PEER` for a `host` that has no address, `ERR_SYSTEM`
   * @example
   * ```ts run
   * import { json, TcpSocket } from "sluice";
   *
   * await using listener = await TcpSocket.listen({ port: 0, codec: json<string>() });
   * await using client = await TcpSocket.connect({ port: listener.address.port, codec: json<string>() });
   * await using server = await listener.accept();
   * await client.send("hello");
   * console.log(await server.receive(), "from", server.remoteAddress.host);
   * ```
   */
  static listen<Out, In = Out>(options: TcpListenOptions<Out, In>): Promise<TcpListener<Out, In>>;
  static async listen(options: TcpListenOptions<unknown, unknown>): Promise<TcpListener<unknown>> {
    const complete: CheckedListenOptions<unknown, unknown> = checkListenOptions(options);
    const { host, port } = complete;
    const details = { operation: "listen", mechanism: "tcp-socket", address: { host, port } } as const;
    const [address = host] = await resolveHost(host, details);
    const acceptor = coreAvailable()
      ? listenNatively(address, complete)
      : await listenByNode(address, complete);
    try {
      return new TcpServer(acceptor, complete);
    } catch (error) {
      acceptor.close();
      throw error;
    }
  }

  /** Connects a channel that carries Buffers. */
  static connect(options: TcpConnectOptions<Uint8Array, Buffer>): Promise<TcpChannel<Uint8Array, Buffer>>;
  /**
   * Connects to a server.
   *
   * With `tls` the promise fulfils after the handshake; the server's certificate is checked as node:tls does. A server that asks for this side's certificate and does not like
   * it says so only later: with TLS 1.3 the channel then opens and fails at once.
   *
   * @param options - `port`; `host`, `tls`, codec, limits, and `signal` and `timeout` of the wait
   * @returns a promise of the connected channel
   * @throws (by the promise) TypeError or RangeError for a wrong argument; ChannelError `ERR_NO_PEER` when nobody listens, no way leads there or the name is unknown,
   *   `ERR_ACCESS_DENIED` for a certificate that is not to be trusted or a server that `allow` refuses, `ERR_TIMEOUT`, `ERR_INVALID_MESSAGE` when the server does not speak
   *   TLS, `ERR_PEER_DIED`, `ERR_SYSTEM`; the abort reason
   * @example
   * ```ts run
   * import { ChannelError, TcpSocket } from "sluice";
   *
   * try {
   *   await TcpSocket.connect({ port: 9, timeout: 1000 });
   * } catch (error) {
   *   if (error instanceof ChannelError && error.code === "ERR_NO_PEER") console.log(error.message);
   *   else throw error;
   * }
   * ```
   */
  static connect<Out, In = Out>(options: TcpConnectOptions<Out, In>): Promise<TcpChannel<Out, In>>;
  static async connect(options: TcpConnectOptions<unknown, unknown>): Promise<TcpChannel<unknown>> {
    return await connectTcp(extend(options, checkConnectOptions(options)));
  }
}
