import type { Credentials, FileHandle } from "../../core/channel.js";
import type { ChannelError } from "../../core/errors.js";
import { extend } from "../../core/extend.js";
import { observer } from "../../core/observer.js";
import { checkWaitOptions } from "../../core/wait.js";
import { loadCore } from "../../native/binding.js";
import { SOCK_DGRAM, SOCK_SEQPACKET } from "../../native/constants.js";
import { fromErrno } from "../../native/errors.js";
import { type Allow, resolveAllow } from "../authorise.js";
import { randomName } from "../builtin.js";
import { connectError, connectSocket } from "../connecting-socket.js";
import { checkListeningOptions, type ListeningOptions, ListeningSocket } from "../listening-socket.js";
import { readPeerCredentials } from "../peer-credentials.js";
import { parseSocketAddress, type SocketAddress } from "../socket-address.js";
import { DEFAULT_SOCKET_MODE, SocketBinding } from "../socket-binding.js";
import { takeOver } from "../take-over.js";
import type { CheckedOptions } from "./options.js";
import type { Admission, PacketEngine, PacketPortOptions, PacketType } from "./packets/engine.js";
import { loadEngine } from "./packets/load-engine.js";
import type { UnixSocketBindOptions, UnixSocketConnectOptions, UnixSocketListenOptions } from "./types.js";
import { type ConnectionFacts, UnixDatagramChannel, UnixPacketChannel } from "./unix-socket-channel.js";
import { SocketListener } from "./unix-socket-listener.js";

/** Listens for packet connections. */
export function listenSeqpacket<Out, In>(
  address: SocketAddress,
  options: CheckedOptions<Out, In> & UnixSocketListenOptions<Out, In>,
): SocketListener<Out, In> {
  const mechanism = "unix-seqpacket";
  const engine = loadEngine(options.engine, "listen", "seqpacket");
  const portOptions = portOptionsOf("seqpacket", options, address.path);
  const prepare = (fd: number): void => {
    engine.prepare(fd, portOptions);
  };
  return new SocketListener(address.path, mechanism, (hooks) => {
    const accepted = (fd: number, peer: Credentials): void => {
      hooks.arrived(() => channelOf(engine, fd, portOptions, options, { address: address.path, peer }));
    };
    const failed = (error: ChannelError): void => {
      hooks.failed(error);
    };
    return ListeningSocket.open(address, "seqpacket", mechanism, options, { accepted, failed }, prepare);
  });
}

/** Connects for packets. */
export async function connectSeqpacket<Out, In>(
  address: SocketAddress,
  options: CheckedOptions<Out, In> & UnixSocketConnectOptions<Out, In>,
): Promise<UnixPacketChannel<Out, In>> {
  const engine = loadEngine(options.engine, "connect", "seqpacket");
  const portOptions = portOptionsOf("seqpacket", options, address.path);
  const { fd, credentials } = await connectSocket(
    address,
    "seqpacket",
    "unix-seqpacket",
    options,
    (socket) => {
      engine.prepare(socket, portOptions);
    },
  );
  return channelOf(engine, fd, portOptions, options, { address: address.path, peer: credentials });
}

/** A datagram socket with this default receiver, and an address of its own to which answers can be sent. */
export function connectDatagram<Out, In>(
  address: SocketAddress,
  options: CheckedOptions<Out, In> & UnixSocketConnectOptions<Out, In>,
): UnixPacketChannel<Out, In> {
  checkWaitOptions(options);
  const refusals = new Refusals(address.path, options.allow, undefined);
  const { localAddress } = options;
  const local = parseSocketAddress(localAddress ?? anonymousName(), "options.localAddress");
  const engine = loadEngine(options.engine, "connect", "dgram");
  const portOptions = portOptionsOf("dgram", options, address.path, refusals.admission);
  const details = { operation: "connect", mechanism: "unix-dgram", address: address.path } as const;
  const core = loadCore();
  const fd = openDatagram("connect", address);
  let binding: SocketBinding | undefined;
  try {
    engine.prepare(fd, portOptions);
    binding = SocketBinding.make(core, fd, local, bindingOptions(DEFAULT_SOCKET_MODE));
    const result = core.connectSocket(fd, address.name);
    if (result < 0) throw connectError(result, address, details);
    const facts = { address: address.path, peer: undefined };
    const count = (): number => refusals.count;
    return new UnixPacketChannel(engine.createPort(fd, portOptions), options, facts, binding, count);
  } catch (error) {
    binding?.release();
    core.close(fd);
    throw error;
  }
}

/** A datagram socket at this address: a new one, or that of the handles, which is bound there already. */
export function bindDatagram<Out, In>(
  address: SocketAddress,
  options: CheckedOptions<Out, In> & UnixSocketBindOptions<Out, In>,
  handles?: readonly FileHandle[],
): UnixDatagramChannel<Out, In> {
  checkListeningOptions(address, options);
  if ((options as ListeningOptions).handles !== undefined)
    throw new TypeError("options.handles are for listen: a datagram socket is bound, and does not listen");
  const refusals = new Refusals(address.path, options.allow, options.onRefuse);
  const engine = loadEngine(options.engine, "bind", "dgram");
  const portOptions = extend(portOptionsOf("dgram", options, address.path, refusals.admission), {
    hasPeer: false,
  });
  const core = loadCore();
  const details = { operation: "bind", mechanism: "unix-dgram", address: address.path } as const;
  const taken = handles && takeOver(core, address, "dgram", handles, details);
  const fd = taken?.fd ?? openDatagram("bind", address);
  let binding = taken?.binding;
  try {
    engine.prepare(fd, portOptions);
    binding ??= SocketBinding.make(core, fd, address, bindingOptions(options.mode ?? DEFAULT_SOCKET_MODE));
    const facts = { address: address.path, peer: undefined };
    const count = (): number => refusals.count;
    const port = engine.createPort(fd, portOptions);
    taken?.keep();
    return new UnixDatagramChannel(port, options, facts, binding, count);
  } catch (error) {
    if (taken === undefined) {
      binding?.release();
      core.close(fd);
    }
    throw error;
  }
}

/** Two connected ends in this process. */
export function pairPackets<Out, In>(
  type: PacketType,
  options: CheckedOptions<Out, In>,
): [UnixPacketChannel<Out, In>, UnixPacketChannel<Out, In>] {
  const engine = loadEngine(options.engine, "pair", type);
  const portOptions = portOptionsOf(type, options, undefined);
  const core = loadCore();
  const fds = new Int32Array(2);
  const result = core.socketPair(type === "dgram" ? SOCK_DGRAM : SOCK_SEQPACKET, fds);
  if (result < 0) {
    throw fromErrno(result, { operation: "pair", mechanism: `unix-${type}`, syscall: "socketpair" });
  }
  const [left = -1, right = -1] = fds;
  try {
    engine.prepare(left, portOptions);
    engine.prepare(right, portOptions);
    const found = type === "dgram" ? undefined : readPeerCredentials(core, left);
    const facts = { address: undefined, peer: typeof found === "object" ? found : undefined };
    const [leftPort, rightPort] = engine.createPair([left, right], portOptions);
    return [
      new UnixPacketChannel(leftPort, options, facts),
      new UnixPacketChannel(rightPort, options, facts),
    ];
  } catch (error) {
    core.close(left);
    core.close(right);
    throw error;
  }
}

/** Counts the datagrams that `allow` refuses, and tells of each. */
class Refusals {
  count = 0;
  readonly admission: Admission;

  constructor(
    address: string | undefined,
    allow: Allow | undefined,
    onRefuse: ((credentials: Credentials) => void) | undefined,
  ) {
    this.admission = {
      authorisation: resolveAllow(allow),
      refused: (credentials) => {
        this.count++;
        observer()?.refused({ mechanism: "unix-dgram", address, peer: credentials });
        onRefuse?.(credentials);
      },
    };
  }
}

function portOptionsOf(
  type: PacketType,
  options: CheckedOptions<never, unknown> | CheckedOptions<unknown, unknown>,
  address: string | undefined,
  admission?: Admission,
): PacketPortOptions {
  const { maxMessageSize, maxHandles } = options;
  return { type, hasPeer: true, maxMessageSize, maxHandles, address, admission };
}

/**
 * An abstract name that no one else has, so that answers can come. Everybody can see it (ss -x), but the kernel lets only the peer of a connected
 * datagram socket send there.
 */
function anonymousName(): string {
  return `\0sluice-${randomName(12)}`;
}

function bindingOptions(mode: number): { operation: "bind"; mechanism: "unix-dgram"; mode: number } {
  return { operation: "bind", mechanism: "unix-dgram", mode };
}

function openDatagram(operation: "bind" | "connect", { path, text }: SocketAddress): number {
  const fd = loadCore().socket(SOCK_DGRAM);
  if (fd >= 0) return fd;
  throw fromErrno(fd, {
    operation,
    mechanism: "unix-dgram",
    address: path,
    syscall: "socket",
    action: `${operation} unix socket ${text}`,
  });
}

/** The channel of a connected descriptor, which it owns; when it cannot be made the descriptor is closed. */
function channelOf<Out, In>(
  engine: PacketEngine,
  fd: number,
  portOptions: PacketPortOptions,
  options: CheckedOptions<Out, In>,
  facts: ConnectionFacts,
): UnixPacketChannel<Out, In> {
  let created;
  try {
    created = engine.createPort(fd, portOptions);
  } catch (error) {
    loadCore().close(fd);
    throw error;
  }
  return new UnixPacketChannel(created, options, facts);
}
