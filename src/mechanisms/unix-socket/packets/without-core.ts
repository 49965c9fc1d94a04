import { ChannelError, unsupported } from "../../../core/errors.js";
import { checkCount } from "../../../core/options.js";
import { EAGAIN } from "../../../native/constants.js";
import type { CreatedPort, PacketPortOptions } from "./engine.js";
import { createSocket } from "./package-addon.js";
import { refuseEmpty } from "./package-engine.js";
import { PackagePort } from "./package-port.js";
import { packetTraits } from "./traits.js";

const { readFileSync } = process.getBuiltinModule("node:fs");

/** What the kernel keeps of a send buffer for itself. */
const OVERHEAD = 32;

/** Where sockets have no larger buffer than the system's default. */
function defaultRoom(options: PacketPortOptions): number {
  const most = Number(readFileSync("/proc/sys/net/core/wmem_default", "utf8")) - OVERHEAD;
  const { maxMessageSize } = options;
  if (maxMessageSize === undefined) return most;
  checkCount("options.maxMessageSize", maxMessageSize, 1, Number.MAX_SAFE_INTEGER);
  if (maxMessageSize <= most) return maxMessageSize;
  throw unsupported(
    `Cannot carry messages of ${maxMessageSize} bytes on unix-seqpacket: without the native core a socket has room for ${most}; lower options.maxMessageSize`,
    { operation: "open", mechanism: "unix-seqpacket", address: options.address },
  );
}

/** The port over a seqpacket descriptor that {@link listenWithoutCore} gave. It owns the descriptor, also when this throws. */
export function createPortWithoutCore(fd: number, options: PacketPortOptions): CreatedPort {
  return over(fd, options);
}

/**
 * Connects to a seqpacket listener without the native core: nothing is known of who listens.
 *
 * @throws ChannelError `ERR_NO_PEER`, `ERR_ACCESS_DENIED`, or `ERR_SYSTEM` with errno EAGAIN while the listener's backlog is full
 */
export function connectWithoutCore(path: string, options: PacketPortOptions): CreatedPort {
  try {
    return over(path, options);
  } catch (error) {
    if (error instanceof ChannelError || error instanceof RangeError || error instanceof TypeError)
      throw error;
    throw textError("connect", path, error as Error);
  }
}

function over(source: number | string, options: PacketPortOptions): CreatedPort {
  const maxMessageSize = defaultRoom(options);
  return {
    port: new PackagePort(source, options, maxMessageSize),
    traits: { ...packetTraits("seqpacket", "node-unix-socket", maxMessageSize), peerIdentity: "none" },
    refusal: refuseEmpty,
  };
}

/** A seqpacket listener without the native core. */
export interface ListenerWithoutCore {
  close(): void;
  ref(): void;
  unref(): void;
}

/**
 * Listens for seqpacket connections without the native core. The path must be free. `onConnection` gets each descriptor on a stack of its own; it
 * cannot be paused.
 *
 * @throws ChannelError `ERR_ADDRESS_IN_USE`, `ERR_ACCESS_DENIED`, `ERR_SYSTEM`
 */
export function listenWithoutCore(
  path: string,
  backlog: number,
  onConnection: (fd: number) => void,
  onError: (error: Error) => void,
): ListenerWithoutCore {
  const socket = createSocket("listen", "unix-seqpacket", (event, argument) => {
    if (event === "_connection") setImmediate(onConnection, argument as number);
    else if (event === "_error") setImmediate(onError, argument as Error);
  });
  try {
    socket.listen(path, backlog);
  } catch (error) {
    socket.close();
    throw textError("listen", path, error as Error);
  }
  let closed = false;
  return {
    ref() {
      if (!closed) socket.uvRefer();
    },
    unref() {
      if (!closed) socket.uvUnrefer();
    },
    close() {
      if (closed) return;
      closed = true;
      setImmediate(() => {
        socket.close();
      });
    },
  };
}

/** The package tells errors in words only. */
function textError(operation: "connect" | "listen", path: string, cause: Error): ChannelError {
  const { message } = cause;
  const busy = /temporarily unavailable|try again/i.test(message);
  const code = /address.*in use/i.test(message)
    ? "ERR_ADDRESS_IN_USE"
    : /denied|not permitted/i.test(message)
      ? "ERR_ACCESS_DENIED"
      : operation === "connect" && /no such file|refused/i.test(message)
        ? "ERR_NO_PEER"
        : "ERR_SYSTEM";
  return new ChannelError(
    code,
    `Cannot ${operation} unix seqpacket socket ${JSON.stringify(path)}: ${message}`,
    {
      operation,
      mechanism: "unix-seqpacket",
      address: path,
      syscall: operation === "connect" ? "connect" : "bind",
      errno: busy ? EAGAIN : undefined,
      cause,
    },
  );
}
