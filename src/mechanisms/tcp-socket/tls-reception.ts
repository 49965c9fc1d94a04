import type { Socket } from "node:net";
import type { Server, TlsOptions, TLSSocket } from "node:tls";
import type { InternetAddress } from "../../core/channel.js";
import { ChannelError } from "../../core/errors.js";
import { extend } from "../../core/extend.js";
import { loadTls } from "../builtin.js";
import { textOf } from "../internet-address.js";
import { tlsFailure } from "../socket-errors.js";
import { addressesOf } from "./arrival.js";

/** Whom a {@link TlsReception} tells. */
export interface TlsHooks {
  /** A client with which everything is agreed. The socket, and the one that it runs on, belong to the callee. */
  shaken(socket: TLSSocket, raw: Socket): void;
  /** A client with which nothing could be agreed. Its connection is closed. */
  failed(peer: { readonly remoteAddress: InternetAddress; readonly tls: undefined }, error: Error): void;
}

/** The handshakes of a server. A `tls.Server` does them; it listens nowhere, connections are handed to it. */
export class TlsReception {
  readonly #server: Server;
  readonly #hooks: TlsHooks;
  // By the addresses of both sides, which no other connection has at the same time.
  readonly #handshakes = new Map<string, Socket>();
  readonly #errors = new WeakMap<Socket, Error>();

  /** @throws TypeError for options that node:tls does not take */
  constructor(options: TlsOptions, handshakeTimeout: number, hooks: TlsHooks) {
    this.#hooks = hooks;
    const timeout = handshakeTimeout === Infinity ? 0 : handshakeTimeout;
    this.#server = serverOf(extend(options, { handshakeTimeout: timeout }));
    this.#server.on("secureConnection", (socket) => {
      const key = keyOf(socket);
      const raw = this.#handshakes.get(key);
      if (raw === undefined) socket.destroy();
      else {
        this.#handshakes.delete(key);
        hooks.shaken(socket, raw);
      }
    });
    this.#server.on("tlsClientError", (error, socket) => {
      this.#fail(error, socket);
    });
  }

  /** How many go on. */
  get pending(): number {
    return this.#handshakes.size;
  }

  /** Begins one. The socket is the reception's until it tells what became of it. */
  enter(raw: Socket): void {
    const remoteAddress = addressesOf(raw)?.remoteAddress;
    if (remoteAddress === undefined) {
      raw.destroy(); // the client is gone already
      return;
    }
    const key = keyOf(raw);
    this.#handshakes.set(key, raw);
    raw.on("error", (error) => {
      if (!this.#errors.has(raw)) this.#errors.set(raw, error);
    });
    raw.once("close", () => {
      if (this.#handshakes.get(key) !== raw) return;
      this.#handshakes.delete(key);
      // Later: some errors are told after the end of the connection that they have ended.
      setImmediate(() => {
        this.#hooks.failed({ remoteAddress, tls: undefined }, inWords(this.#errors.get(raw), remoteAddress));
      });
    });
    this.#server.emit("connection", raw);
  }

  /** Ends those that go on. */
  close(): void {
    const sockets = [...this.#handshakes.values()];
    this.#handshakes.clear();
    for (const raw of sockets) raw.destroy();
  }

  #fail(error: Error, socket: TLSSocket): void {
    // Whose handshake it was, for the report: Node has no public name for it, and a connection that has ended has no addresses.
    const raw = (socket as unknown as { readonly _parent?: Socket })._parent;
    // A certificate that is not trusted ends the connection, and the error tells only of that end.
    const unverified = socket.authorizationError as unknown;
    const cause =
      typeof unverified === "string" ? Object.assign(new Error(unverified), { code: unverified }) : error;
    if (raw !== undefined) this.#errors.set(raw, cause);
    socket.destroy();
    raw?.destroy(); // Node leaves the connection of a handshake that took too long open
  }
}

function serverOf(options: TlsOptions): Server {
  try {
    return loadTls().createServer(options);
  } catch (cause) {
    throw refusedOptions(cause);
  }
}

/** The error for options that node:tls or OpenSSL cannot use. */
export function refusedOptions(cause: unknown): TypeError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new TypeError(`options.tls must be options that node:tls takes: ${reason}`, { cause });
}

function keyOf({ remoteAddress, remotePort, localAddress, localPort }: Socket): string {
  return `${String(remoteAddress)} ${String(remotePort)} ${String(localAddress)} ${String(localPort)}`;
}

function inWords(cause: NodeJS.ErrnoException | undefined, remote: InternetAddress): Error {
  const details = { operation: "accept", mechanism: "tcp-socket", address: textOf(remote), cause } as const;
  const known = cause === undefined ? undefined : tlsFailure(cause, details);
  if (known !== undefined) return known;
  const reason = cause === undefined ? "" : `: ${cause.message}`;
  const text = `Cannot accept on tcp-socket ${JSON.stringify(details.address)}: the client ended the connection during the TLS handshake${reason}`;
  return new ChannelError("ERR_PEER_DIED", text, details);
}
