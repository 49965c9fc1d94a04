import type { ConnectionOptions, PeerCertificate, TlsOptions } from "node:tls";
import type { Channel, InternetAddress, Listener, WaitOptions } from "../../core/channel.js";
import type { StreamOptions } from "../../core/options.js";

/** What TLS has agreed on, and who the peer is by its certificate. */
export interface TlsState {
  /** The version: `"TLSv1.3"`, `"TLSv1.2"`. */
  readonly protocol: string;
  /** The cipher's name, as in RFC 8446 or OpenSSL. */
  readonly cipher: string;
  /** The peer's certificate; `undefined` when it showed none (a client that was not asked for one). */
  readonly peerCertificate: PeerCertificate | undefined;
  /** Whether that certificate was checked and found good. `false` is only seen with `rejectUnauthorized: false`, or without a certificate. */
  readonly authorized: boolean;
  /** Why it is not, by the name that OpenSSL has for it. */
  readonly authorizationError: string | undefined;
  /** The name that the client asked for (SNI), if it did. */
  readonly servername: string | undefined;
  /** The protocol chosen by ALPN, if any. */
  readonly alpnProtocol: string | undefined;
}

/** Who is at the other end of a TCP connection. Addresses prove nothing about people; a certificate does. */
export interface TcpPeer {
  /** The peer's address and port. */
  readonly remoteAddress: InternetAddress;
  /** This side's address and port. */
  readonly localAddress: InternetAddress;
  /** `undefined` without TLS. */
  readonly tls: TlsState | undefined;
}

/**
 * Decides about one peer, before the first byte reaches the program. Only `true` (or a promise of it) lets the peer in. A throw or a rejection keeps it
 * out, and is an ordinary uncaught exception where it concerns no call.
 */
export type TcpAllow = (peer: TcpPeer) => boolean | Promise<boolean>;

/** Options that both ends of a TCP connection have. */
export interface TcpSocketOptions<Out, In> extends StreamOptions<Out, In> {
  /**
   * TCP_NODELAY: send at once (the default, `true`), rather than hold a small message back until the peer has acknowledged the one before (Nagle's algorithm, which
   * costs up to 40 ms a question). This library collects the messages of a turn of the event loop by itself, so that there is nothing for the kernel to gain.
   */
  readonly noDelay?: boolean | undefined;
  /** SO_KEEPALIVE: find out that a silent peer's machine is gone, and fail with `ERR_PEER_DIED`. `true` by default. */
  readonly keepAlive?: boolean | undefined;
  /** Milliseconds of silence after which the kernel asks whether the peer is there, then ten times, a second apart. 60,000 by default; whole seconds count. */
  readonly keepAliveInitialDelay?: number | undefined;
  /** Who the peer may be. Everybody by default whom TLS lets in. */
  readonly allow?: TcpAllow | undefined;
}

/** Options of {@link TcpSocket.listen}. */
export interface TcpListenOptions<Out, In> extends TcpSocketOptions<Out, In> {
  /**
   * The name or address of this machine to listen at. `"127.0.0.1"` by default, where only this machine can connect: what the whole network shall reach is said so, with
   * an address of this machine, `"0.0.0.0"` or `"::"`.
   */
  readonly host?: string | undefined;
  /** The port, 0 to 65,535; 0 takes a free one, which `listener.address` tells. Those below 1,024 take a privilege. */
  readonly port: number;
  /** With an IPv6 `host` such as `"::"`: take IPv4 connections as well. `false` by default. */
  readonly dualStack?: boolean | undefined;
  /**
   * Speak TLS: options of `tls.createServer()`, at least `key` and `cert`. `requestCert: true` with `ca` makes it mutual: who shows no
   * certificate that `ca` has signed is refused.
   */
  readonly tls?: TlsOptions | undefined;
  /** Milliseconds that a client has for the TLS handshake. 10,000 by default. At most 1,024 handshakes go on at a time; more clients wait in the backlog. */
  readonly handshakeTimeout?: number | undefined;
  /** Connections that wait in the kernel until they are accepted. 511 by default; the kernel cuts it at `net.core.somaxconn`. */
  readonly backlog?: number | undefined;
  /** Channels of this listener that may be open at a time; further clients wait in the backlog. No limit by default. */
  readonly maxConnections?: number | undefined;
  /** Told of each peer that `allow` refused, after its connection was closed; and, with the error, of each whose TLS handshake failed. */
  readonly onRefuse?: ((peer: Omit<TcpPeer, "localAddress">, error?: Error) => void) | undefined;
}

/** Options of {@link TcpSocket.connect}. */
export interface TcpConnectOptions<Out, In> extends TcpSocketOptions<Out, In>, WaitOptions {
  /** The server's name or address. `"127.0.0.1"` by default. Of a name with several addresses the first that answers is taken (RFC 8305). */
  readonly host?: string | undefined;
  /** The server's port. */
  readonly port: number;
  /**
   * Speak TLS: options of `tls.connect()`; `{}` will do where the server's certificate is signed by an authority that Node knows. The certificate must be
   * for `host`, or for `tls.servername`. Name the authority in `ca`; `key` and `cert` show who this side is.
   */
  readonly tls?: ConnectionOptions | undefined;
  /** The address of this side: which of the machine's it is, and the port (0: any). By default the kernel chooses. */
  readonly localAddress?: InternetAddress | undefined;
}

/**
 * A channel over a TCP connection.
 *
 * @typeParam Out - what `send` takes
 * @typeParam In - what `receive` gives
 */
export interface TcpChannel<Out, In = Out> extends Channel<Out, In>, TcpPeer {}

/**
 * Waits for connections.
 *
 * @typeParam Out - what `send` of its channels takes
 * @typeParam In - what `receive` of its channels gives
 */
export interface TcpListener<Out, In = Out> extends Listener<TcpChannel<Out, In>> {
  /** The address and the port that it has, also when port 0 was asked for. */
  readonly address: InternetAddress;
  /** Connections that `allow` refused or whose TLS handshake failed, so far. */
  readonly refused: number;
  /** Lets the listener keep the process alive (the default). */
  ref(): this;
  /** Lets the process end while it listens. */
  unref(): this;
}
