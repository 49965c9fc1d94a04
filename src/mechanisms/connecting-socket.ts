import type { Credentials, WaitOptions } from "../core/channel.js";
import { ChannelError, type ErrorDetails } from "../core/errors.js";
import type { Mechanism } from "../core/traits.js";
import { checkWaitOptions } from "../core/wait.js";
import { loadCore } from "../native/binding.js";
import {
  EAGAIN,
  ECONNREFUSED,
  EISCONN,
  ENOENT,
  EPROTOTYPE,
  SO_PASSCRED,
  SOCK_SEQPACKET,
  SOCK_STREAM,
} from "../native/constants.js";
import { fromErrno } from "../native/errors.js";
import type { NativeCore } from "../native/native-core.js";
import { type Allow, type Authorisation, describePeer, resolveAllow } from "./authorise.js";
import { Bounds } from "./bounds.js";
import { readPeerCredentials, toCredentials } from "./peer-credentials.js";
import type { SocketAddress } from "./socket-address.js";

/** Bounds of the wait, and who the server may be. */
export interface ConnectingOptions extends WaitOptions {
  /** Who may be at the other end, by the kernel's word on who called listen. `"self"` by default. */
  readonly allow?: Allow | undefined;
}

/** A connection to a server that was found to be one of those allowed. */
export interface ConnectedSocket {
  /** Belongs to the caller. */
  readonly fd: number;
  /** Who listens there. */
  readonly credentials: Credentials;
}

/** A full backlog empties when the server accepts, which nothing tells of: look again after this time, doubled up to the second. */
export const FIRST_RETRY_MS = 1;
export const LAST_RETRY_MS = 32;

/**
 * Connects to a listening Unix socket and checks who listens, before a byte is sent. A full backlog is waited for, within the caller's bounds.
 *
 * @throws (by the promise) TypeError or RangeError for a wrong option; ChannelError `ERR_NO_PEER`, `ERR_ACCESS_DENIED`, `ERR_TIMEOUT`,
 *   `ERR_UNSUPPORTED`, `ERR_SYSTEM`; the reason of an abort
 */
export async function connectSocket(
  address: SocketAddress,
  type: "stream" | "seqpacket",
  mechanism: Mechanism,
  options: ConnectingOptions,
  prepare?: (fd: number) => void,
): Promise<ConnectedSocket> {
  checkWaitOptions(options);
  const authorisation = resolveAllow(options.allow);
  const core = loadCore();
  const details: ErrorDetails = { operation: "connect", mechanism, address: address.path };
  const bounds = boundsOf(options, address, details);
  const fd = core.socket(type === "stream" ? SOCK_STREAM : SOCK_SEQPACKET);
  const action = `connect to unix socket ${address.text}`;
  if (fd < 0) throw fromErrno(fd, { ...details, syscall: "socket", action });
  try {
    if (type === "seqpacket") core.setOption(fd, SO_PASSCRED, 1);
    prepare?.(fd);
    for (let delay = FIRST_RETRY_MS; ; delay = Math.min(delay * 2, LAST_RETRY_MS)) {
      const result = core.connectSocket(fd, address.name);
      if (result >= 0 || result === -EISCONN) break;
      if (result !== -EAGAIN) throw connectError(result, address, details);
      await bounds.pause(delay);
    }
    const credentials = credentialsOf(core, fd);
    await checkServer(authorisation, credentials, bounds, address, details);
    return { fd, credentials };
  } catch (error) {
    core.close(fd);
    throw error;
  }
}

/** The error of a connect that the kernel refused. */
export function connectError(result: number, address: SocketAddress, details: ErrorDetails): ChannelError {
  const hint =
    result === -ENOENT
      ? "start the server first, or check the path"
      : result === -ECONNREFUSED
        ? "its server is gone, or no longer listens"
        : result === -EPROTOTYPE
          ? "the socket there is of another type: give the type that its server listens with"
          : undefined;
  const code = result === -EPROTOTYPE ? ("ERR_UNSUPPORTED" as const) : undefined;
  return fromErrno(result, {
    ...details,
    syscall: "connect",
    action: `connect to unix socket ${address.text}`,
    hint,
    code,
  });
}

function credentialsOf(core: NativeCore, fd: number): Credentials {
  const found = readPeerCredentials(core, fd);
  return typeof found === "number" ? toCredentials(0, -1, -1) : found;
}

async function checkServer(
  authorisation: Authorisation,
  credentials: Credentials,
  bounds: Bounds,
  address: SocketAddress,
  details: ErrorDetails,
): Promise<void> {
  const verdict = authorisation.decide(credentials);
  if (verdict === true || (verdict === "ask" && (await bounds.during(authorisation.ask(credentials)))))
    return;
  const text = `Cannot connect to unix socket ${address.text}: its server (${describePeer(credentials)}) is none of those that options.allow names (${authorisation.text}); allow that user if it is the right one`;
  throw new ChannelError("ERR_ACCESS_DENIED", text, details);
}

/** The caller's bounds on connecting to this address. */
export function boundsOf(options: WaitOptions, address: SocketAddress, details: ErrorDetails): Bounds {
  const text = `Cannot connect to unix socket ${address.text}: its server did not accept within ${options.timeout ?? 0} ms`;
  return new Bounds(options, () => new ChannelError("ERR_TIMEOUT", text, details));
}
