import type { Server, Socket } from "node:net";
import type { InternetAddress } from "../../core/channel.js";
import type { ErrorDetails } from "../../core/errors.js";
import { extend } from "../../core/extend.js";
import { loadCore } from "../../native/binding.js";
import {
  AF_INET6,
  EACCES,
  EADDRINUSE,
  EADDRNOTAVAIL,
  ENDPOINT_BYTES,
  IPPROTO_IPV6,
  IPV6_V6ONLY,
  SO_REUSEADDR,
  SOCK_STREAM,
} from "../../native/constants.js";
import { fromErrno } from "../../native/errors.js";
import { AcceptLoop } from "../accept-loop.js";
import { loadNet } from "../builtin.js";
import { familyOf, fromEndpoint, textOf, toEndpoint } from "../internet-address.js";
import { errnoOf } from "../socket-errors.js";
import type { ConnectionSettings } from "./options.js";

/** Whom an {@link Acceptor} brings connections to. */
export interface ConnectionSink {
  /** Whether one more may be brought. */
  readonly hasRoom: boolean;
  /** A connection of the native core, which belongs to the callee. */
  enterDescriptor(fd: number): void;
  /** A connection of `node:net`, likewise. */
  enterSocket(socket: Socket): void;
}

/** What brings connections. */
export interface Acceptor {
  readonly address: InternetAddress;
  /** Begins. */
  start(sink: ConnectionSink, failed: (error: Error) => void): void;
  pause(): void;
  resume(): void;
  /** The sink may have room again. */
  watch(): void;
  ref(): void;
  unref(): void;
  /** Frees the address. */
  close(): void;
}

interface ListenSettings {
  readonly port: number;
  readonly dualStack: boolean;
  readonly backlog: number;
}

/** Listens by the native core: what cannot enter yet waits in the backlog. */
export function listenNatively(host: string, options: ListenSettings): Acceptor {
  const core = loadCore();
  const details = detailsOf(host, options);
  const family = familyOf(host);
  const fd = core.internetSocket(family, SOCK_STREAM);
  const check = (result: number, syscall: string): void => {
    if (result < 0) throw listenError(result, syscall, details);
  };
  try {
    check(fd, "socket");
    // Else the connections of a server that has just ended would keep its port for a minute. Two that listen at once are refused all the same.
    check(core.setOption(fd, SO_REUSEADDR, 1), "setsockopt");
    if (family === AF_INET6)
      check(core.setOptionAt(fd, IPPROTO_IPV6, IPV6_V6ONLY, options.dualStack ? 0 : 1), "setsockopt");
    check(core.bindInternet(fd, toEndpoint({ host, port: options.port })), "bind");
    check(core.listenSocket(fd, options.backlog), "listen");
    const name = Buffer.alloc(ENDPOINT_BYTES);
    check(core.internetName(fd, name), "getsockname");
    return new NativeAcceptor(fd, fromEndpoint(name), details);
  } catch (error) {
    if (fd >= 0) core.close(fd);
    throw error;
  }
}

class NativeAcceptor implements Acceptor {
  readonly address: InternetAddress;
  readonly #fd: number;
  readonly #details: ErrorDetails;
  #loop: AcceptLoop | undefined;

  constructor(fd: number, address: InternetAddress, details: ErrorDetails) {
    this.#fd = fd;
    this.address = address;
    this.#details = extend(details, { operation: "accept", address });
  }

  start(sink: ConnectionSink, failed: (error: Error) => void): void {
    this.#loop = new AcceptLoop(this.#fd, this.#details, textOf(this.address), {
      mayAccept: () => sink.hasRoom,
      accepted: (fd) => {
        sink.enterDescriptor(fd);
      },
      failed,
    });
  }

  pause(): void {
    this.#loop?.pause();
  }

  resume(): void {
    this.#loop?.resume();
  }

  watch(): void {
    this.#loop?.watch();
  }

  ref(): void {
    this.#loop?.ref();
  }

  unref(): void {
    this.#loop?.unref();
  }

  close(): void {
    this.#loop?.close();
    loadCore().close(this.#fd);
  }
}

/** Listens by `node:net`, which cannot leave connections in the backlog: those for which there is no room are closed. */
export async function listenByNode(
  host: string,
  options: ListenSettings & ConnectionSettings,
): Promise<Acceptor> {
  const { noDelay, keepAlive, keepAliveInitialDelay, port, backlog, dualStack } = options;
  const server = loadNet().createServer({
    allowHalfOpen: true,
    pauseOnConnect: true,
    noDelay,
    keepAlive,
    keepAliveInitialDelay,
  });
  const failure = await new Promise<NodeJS.ErrnoException | undefined>((done) => {
    server.once("error", done);
    server.listen({ host, port, backlog, ipv6Only: !dualStack }, () => {
      server.off("error", done);
      done(undefined);
    });
  });
  if (failure !== undefined) {
    throw listenError(errnoOf(failure), failure.syscall ?? "listen", detailsOf(host, options));
  }
  const name = server.address();
  const bound = typeof name === "object" && name !== null ? name.port : port;
  return new NodeAcceptor(server, { host, port: bound });
}

class NodeAcceptor implements Acceptor {
  readonly address: InternetAddress;
  readonly #server: Server;
  #paused = false;

  constructor(server: Server, address: InternetAddress) {
    this.#server = server;
    this.address = address;
  }

  start(sink: ConnectionSink, failed: (error: Error) => void): void {
    this.#server.on("connection", (socket) => {
      if (this.#paused || !sink.hasRoom) socket.destroy();
      else sink.enterSocket(socket);
    });
    this.#server.on("error", failed);
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
  }

  watch(): void {
    // It cannot hold connections back, so there is none to be taken now.
  }

  ref(): void {
    this.#server.ref();
  }

  unref(): void {
    this.#server.unref();
  }

  close(): void {
    // Its connections live on, so its own end is not waited for.
    this.#server.close();
  }
}

function detailsOf(host: string, { port }: { readonly port: number }): ErrorDetails {
  return { operation: "listen", mechanism: "tcp-socket", address: { host, port } };
}

function listenError(result: number, syscall: string, details: ErrorDetails): Error {
  const address = details.address as InternetAddress;
  const hint =
    result === -EADDRINUSE
      ? "somebody listens there: stop it (ss -ltnp tells who), or take another port; port 0 takes a free one"
      : result === -EACCES
        ? "ports below 1024 take the privilege CAP_NET_BIND_SERVICE; take a higher one"
        : result === -EADDRNOTAVAIL
          ? 'this machine has no such address; give one that it has, or "0.0.0.0" or "::" for all'
          : undefined;
  return fromErrno(result, { ...details, syscall, action: `listen on ${textOf(address)}`, hint });
}
