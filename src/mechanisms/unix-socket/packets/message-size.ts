import { type ChannelError, unsupported } from "../../../core/errors.js";
import { checkCount } from "../../../core/options.js";
import {
  fromErrno,
  loadCore,
  type NativeCore,
  SO_PASSCRED,
  SO_SNDBUF,
  SO_SNDBUFFORCE,
  SOCK_DGRAM,
  SOCK_SEQPACKET,
} from "../../../native/binding.js";
import type { PacketPortOptions, PacketType } from "./engine.js";

/** What the kernel keeps of a send buffer for itself: a packet may be as long as the rest (unix_dgram_sendmsg). */
const OVERHEAD = 32;
/** SO_SNDBUF is an int, and the kernel doubles what it is told. */
const MOST = 2 ** 30 - OVERHEAD;

// The largest size that a packet of each type was seen to travel in, in this thread.
const proven: Record<PacketType, number> = { dgram: 0, seqpacket: 0 };

/**
 * Makes a socket ready to carry packets up to `options.maxMessageSize`, and has the kernel tell who sends each. Returns the largest
 * message that the socket takes, within the option. May be called again.
 */
export function prepareSocket(fd: number, options: PacketPortOptions): number {
  const core = loadCore();
  const { maxMessageSize } = options;
  if (maxMessageSize !== undefined) checkCount("options.maxMessageSize", maxMessageSize, 1, MOST);
  // With credentials an empty message on seqpacket is told from the end, too.
  check(core.setOption(fd, SO_PASSCRED, 1), options, "setsockopt");
  const room = check(core.getOption(fd, SO_SNDBUF), options, "getsockopt") - OVERHEAD;
  if (maxMessageSize === undefined) return room;
  if (maxMessageSize > room) enlarge(core, fd, maxMessageSize, options);
  return maxMessageSize;
}

/** A larger send buffer, and the proof that the kernel finds memory for such a message. */
function enlarge(core: NativeCore, fd: number, maxMessageSize: number, options: PacketPortOptions): void {
  const room = setRoom(core, fd, maxMessageSize);
  if (room < maxMessageSize) {
    throw refused(
      `the kernel gives this socket room for ${room} bytes; lower options.maxMessageSize, or raise net.core.wmem_max to ${Math.ceil((maxMessageSize + OVERHEAD) / 2)} or more`,
      options,
    );
  }
  if (maxMessageSize <= proven[options.type]) return;
  const pair = new Int32Array(2);
  check(core.socketPair(options.type === "dgram" ? SOCK_DGRAM : SOCK_SEQPACKET, pair), options, "socketpair");
  const [left = -1, right = -1] = pair;
  try {
    setRoom(core, left, maxMessageSize);
    const sent = core.sendPacket(left, Buffer.alloc(maxMessageSize), 0, maxMessageSize, undefined);
    if (sent < 0) {
      const cause = fromErrno(sent, { operation: "open", syscall: "sendmsg" });
      throw refused("it has no memory for so large a packet; lower options.maxMessageSize", options, cause);
    }
    proven[options.type] = maxMessageSize;
  } finally {
    core.close(left);
    core.close(right);
  }
}

/** Asks for room for messages of this size, with the privilege to pass the system's limit where this process has it; returns the room there is. */
function setRoom(core: NativeCore, fd: number, maxMessageSize: number): number {
  const half = Math.ceil((maxMessageSize + OVERHEAD) / 2);
  core.setOption(fd, SO_SNDBUF, half);
  if (core.getOption(fd, SO_SNDBUF) - OVERHEAD < maxMessageSize) core.setOption(fd, SO_SNDBUFFORCE, half);
  return core.getOption(fd, SO_SNDBUF) - OVERHEAD;
}

function check(result: number, options: PacketPortOptions, syscall: string): number {
  if (result >= 0) return result;
  throw fromErrno(result, {
    operation: "open",
    mechanism: `unix-${options.type}`,
    address: options.address,
    syscall,
    action: `set up a unix ${options.type} socket`,
  });
}

function refused(reason: string, options: PacketPortOptions, cause?: unknown): ChannelError {
  const text = `Cannot carry messages of ${options.maxMessageSize ?? 0} bytes on unix-${options.type}: ${reason}`;
  return unsupported(text, {
    operation: "open",
    mechanism: `unix-${options.type}`,
    address: options.address,
    cause,
  });
}
