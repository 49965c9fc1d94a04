import type { Server, Socket } from "node:net";
import { ChannelError, type ErrorDetails, unsupported } from "../../core/errors.js";
import { checkWaitOptions } from "../../core/wait.js";
import { EAGAIN } from "../../native/constants.js";
import { loadNet } from "../builtin.js";
import { boundsOf, connectError, FIRST_RETRY_MS, LAST_RETRY_MS } from "../connecting-socket.js";
import { checkListeningOptions, DEFAULT_BACKLOG } from "../listening-socket.js";
import type { SocketAddress } from "../socket-address.js";
import { SocketStream } from "../socket-stream.js";
import type { CheckedOptions } from "./options.js";
import type { PacketPortOptions } from "./packets/engine.js";
import {
  connectWithoutCore as connectPort,
  createPortWithoutCore,
  listenWithoutCore as listenPort,
} from "./packets/without-core.js";
import { connectOnce, PathWithoutCore, refuseUnchecked, systemError } from "./path-without-core.js";
import type { UnixSocketConnectOptions, UnixSocketListenOptions } from "./types.js";
import { UnixPacketChannel, UnixStreamChannel } from "./unix-socket-channel.js";
import { type Acceptor, type AcceptorHooks, SocketListener } from "./unix-socket-listener.js";

type ListenOptions<Out, In> = CheckedOptions<Out, In> & UnixSocketListenOptions<Out, In>;
type ConnectOptions<Out, In> = CheckedOptions<Out, In> & UnixSocketConnectOptions<Out, In>;

/** Connects a stream by `node:net`, where the native core does not load. It cannot tell who listens. */
export async function connectStreamWithoutCore<Out, In>(
  address: SocketAddress,
  options: ConnectOptions<Out, In>,
): Promise<UnixStreamChannel<Out, In>> {
  const details: ErrorDetails = { operation: "connect", mechanism: "unix-stream", address: address.path };
  const socket = await connectWithin(address, options, details, async () => {
    const outcome = await connectOnce(address.path);
    if (typeof outcome === "number" && outcome !== -EAGAIN) throw connectError(outcome, address, details);
    return typeof outcome === "number" ? undefined : outcome;
  });
  return streamOf(socket, address, options);
}

/** Connects for packets by node-unix-socket alone. It cannot tell who listens. */
export async function connectSeqpacketWithoutCore<Out, In>(
  address: SocketAddress,
  options: ConnectOptions<Out, In>,
): Promise<UnixPacketChannel<Out, In>> {
  const details: ErrorDetails = { operation: "connect", mechanism: "unix-seqpacket", address: address.path };
  const created = await connectWithin(address, options, details, () => {
    try {
      return connectPort(address.path, portOptionsOf(address, options));
    } catch (error) {
      if (error instanceof ChannelError && error.errno === EAGAIN) return undefined;
      throw error;
    }
  });
  return new UnixPacketChannel(created, options, { address: address.path, peer: undefined });
}

/** Listens for streams by `node:net`. */
export async function listenStreamWithoutCore<Out, In>(
  address: SocketAddress,
  options: ListenOptions<Out, In>,
): Promise<SocketListener<Out, In>> {
  const { path, details } = await prepare(address, options, "unix-stream");
  const server = loadNet().createServer({ allowHalfOpen: true, pauseOnConnect: true });
  const listening = new Promise<NodeJS.ErrnoException | undefined>((done) => {
    server.once("error", done);
    server.once("listening", () => {
      server.off("error", done);
      done(undefined);
    });
  });
  const backlog = options.backlog ?? DEFAULT_BACKLOG;
  path.withMode(() => server.listen({ path: path.temporary, backlog })); // binds before it returns
  const failure = await listening;
  if (failure !== undefined) throw systemError(failure, address, details);
  try {
    path.publish();
  } catch (error) {
    server.close();
    throw error;
  }
  return new SocketListener(
    address.path,
    "unix-stream",
    (hooks) => new StreamAcceptor(server, path, address, options, hooks),
  );
}

/** Listens for packet connections by node-unix-socket alone. */
export async function listenSeqpacketWithoutCore<Out, In>(
  address: SocketAddress,
  options: ListenOptions<Out, In>,
): Promise<SocketListener<Out, In>> {
  const { path, details } = await prepare(address, options, "unix-seqpacket");
  let hooks: AcceptorHooks<Out, In> | undefined;
  const gate = new Gate();
  const listener = path.withMode(() =>
    listenPort(
      path.temporary,
      options.backlog ?? DEFAULT_BACKLOG,
      (fd) => {
        const created = createPortWithoutCore(fd, portOptionsOf(address, options));
        const channel = new UnixPacketChannel(created, options, { address: address.path, peer: undefined });
        if (gate.isPaused || hooks === undefined) channel.destroy();
        else hooks.arrived(() => channel);
      },
      (error) => {
        hooks?.failed(systemError(error, address, { ...details, operation: "accept" }));
      },
    ),
  );
  try {
    path.publish();
  } catch (error) {
    listener.close();
    throw error;
  }
  return new SocketListener(address.path, "unix-seqpacket", (given) => {
    hooks = given;
    return Object.assign(gate, {
      ref: () => {
        listener.ref();
      },
      unref: () => {
        listener.unref();
      },
      close: () => {
        path.release();
        listener.close();
        return Promise.resolve();
      },
    });
  });
}

/** What accepts, and cannot leave connections in the backlog: while nobody takes them, further ones are closed. */
class Gate {
  readonly refused = 0;
  isPaused = false;

  pause(): void {
    this.isPaused = true;
  }

  resume(): void {
    this.isPaused = false;
  }
}

class StreamAcceptor<Out, In> extends Gate implements Acceptor {
  readonly #server: Server;
  readonly #path: PathWithoutCore;

  constructor(
    server: Server,
    path: PathWithoutCore,
    address: SocketAddress,
    options: CheckedOptions<Out, In>,
    hooks: AcceptorHooks<Out, In>,
  ) {
    super();
    this.#server = server;
    this.#path = path;
    server.on("connection", (socket) => {
      if (this.isPaused) socket.destroy();
      else hooks.arrived(() => streamOf(socket, address, options));
    });
    server.on("error", (error: NodeJS.ErrnoException) => {
      hooks.failed(systemError(error, address, { operation: "accept", mechanism: "unix-stream" }));
    });
  }

  ref(): void {
    this.#server.ref();
  }

  unref(): void {
    this.#server.unref();
  }

  close(): Promise<void> {
    this.#path.release();
    // Its connections live on, so its own end is not waited for.
    this.#server.close();
    return Promise.resolve();
  }
}

async function prepare<Out, In>(
  address: SocketAddress,
  options: ListenOptions<Out, In>,
  mechanism: "unix-stream" | "unix-seqpacket",
): Promise<{ readonly path: PathWithoutCore; readonly details: ErrorDetails }> {
  checkListeningOptions(address, options);
  const details: ErrorDetails = { operation: "listen", mechanism, address: address.path };
  if (options.handles !== undefined) {
    const text = `Cannot listen on unix socket ${address.text} with options.handles: that takes the native core`;
    throw unsupported(text, details);
  }
  refuseUnchecked(address, options.allow, details);
  return { path: await PathWithoutCore.prepare(address, options.mode, details), details };
}

/** Tries until something is given, within the caller's bounds; `undefined` tells of a full backlog. */
async function connectWithin<T, Out, In>(
  address: SocketAddress,
  options: ConnectOptions<Out, In>,
  details: ErrorDetails,
  attempt: () => Promise<T | undefined> | T | undefined,
): Promise<T> {
  checkWaitOptions(options);
  refuseUnchecked(address, options.allow, details);
  const bounds = boundsOf(options, address, details);
  for (let delay = FIRST_RETRY_MS; ; delay = Math.min(delay * 2, LAST_RETRY_MS)) {
    const outcome = await attempt();
    if (outcome !== undefined) return outcome;
    await bounds.pause(delay);
  }
}

function streamOf<Out, In>(
  socket: Socket,
  address: SocketAddress,
  options: CheckedOptions<Out, In>,
): UnixStreamChannel<Out, In> {
  const stream = new SocketStream(socket, { mechanism: "unix-stream", address: address.path });
  return new UnixStreamChannel(stream, options, { address: address.path, peer: undefined });
}

function portOptionsOf<Out, In>(
  address: SocketAddress,
  { maxMessageSize }: CheckedOptions<Out, In>,
): PacketPortOptions {
  return { type: "seqpacket", hasPeer: true, maxMessageSize, address: address.path };
}
