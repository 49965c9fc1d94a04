import type { FileHandle } from "../core/channel.js";
import { ChannelError, type ErrorDetails } from "../core/errors.js";
import { reached } from "../core/step.js";
import { describe } from "../core/wait.js";
import {
  AF_UNIX,
  SO_ACCEPTCONN,
  SO_DOMAIN,
  SO_TYPE,
  SOCK_DGRAM,
  SOCK_SEQPACKET,
  SOCK_STREAM,
} from "../native/constants.js";
import type { NativeCore } from "../native/native-core.js";
import type { SocketAddress } from "./socket-address.js";
import { SocketBinding } from "./socket-binding.js";

/** A socket that is bound already, with its hold on the address. */
export interface TakenOver {
  readonly fd: number;
  readonly binding: SocketBinding;
  /** Makes the descriptors this thread's, close-on-exec and non-blocking: to be called when nothing can fail any more. Until then they are their owner's. */
  keep(): void;
}

type BoundType = "stream" | "seqpacket" | "dgram";

const TYPES: Readonly<Record<BoundType, number>> = {
  stream: SOCK_STREAM,
  seqpacket: SOCK_SEQPACKET,
  dgram: SOCK_DGRAM,
};
const name = Buffer.alloc(108);

/** Throws unless these are one or two handles. */
export function checkFileHandles(argument: string, handles: unknown): void {
  const isFine =
    Array.isArray(handles) &&
    (handles.length === 1 || handles.length === 2) &&
    handles.every(
      (handle: unknown) =>
        typeof handle === "object" &&
        handle !== null &&
        Number.isInteger((handle as Partial<FileHandle>).fd) &&
        typeof (handle as Partial<FileHandle>).take === "function",
    );
  if (isFine) return;
  throw new TypeError(
    `${argument} must be the handles of a listener, as they came with a message: of its socket, and of its lock; received ${describe(handles)}`,
  );
}

/**
 * Takes over a socket that another process has bound to this address and (unless it is a dgram) made to listen, and that came with a message or at the start of this process.
 *
 * @throws ChannelError `ERR_ADDRESS_IN_USE` when it is no such socket
 */
export function takeOver(
  core: NativeCore,
  address: SocketAddress,
  type: BoundType,
  handles: readonly FileHandle[],
  details: ErrorDetails,
): TakenOver {
  const [socket, lock] = handles;
  if (socket === undefined) throw new TypeError("options.handles must not be empty");
  const wrong = problemOf(core, address, type, socket.fd);
  if (wrong !== undefined) throw refused(address, details, wrong);
  STEP: reached("take-over: known");
  const binding = SocketBinding.takeOver(core, address, lock?.fd);
  if (binding === undefined)
    throw refused(address, details, `the second is not the lock file "${address.path}.lock", locked`);
  const keep = (): void => {
    for (const handle of handles) {
      core.adopt(handle.take());
      core.setCloseOnExec(handle.fd, true);
    }
    core.setNonBlocking(socket.fd, true);
    STEP: reached("take-over: kept");
  };
  return { fd: socket.fd, binding, keep };
}

function problemOf(
  core: NativeCore,
  address: SocketAddress,
  type: BoundType,
  fd: number,
): string | undefined {
  if (core.getOption(fd, SO_DOMAIN) !== AF_UNIX) return "the first is no Unix socket";
  if (core.getOption(fd, SO_TYPE) !== TYPES[type]) return `the first is no socket of type ${type}`;
  if (type !== "dgram" && core.getOption(fd, SO_ACCEPTCONN) !== 1) return "the first does not listen";
  const length = core.socketName(fd, name);
  if (length >= 0 && Buffer.compare(name.subarray(0, length), address.name) === 0) return undefined;
  return `the first listens at ${describe(name.toString("utf8", 0, Math.max(length, 0)))}`;
}

function refused(address: SocketAddress, details: ErrorDetails, problem: string): ChannelError {
  const text = `Cannot ${details.operation} on unix socket ${address.text} with options.handles: ${problem}; give the handles of a listener at this address, in their order`;
  return new ChannelError("ERR_ADDRESS_IN_USE", text, details);
}
