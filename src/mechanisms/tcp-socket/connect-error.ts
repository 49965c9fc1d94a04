import type { InternetAddress } from "../../core/channel.js";
import type { ChannelError, ErrorDetails } from "../../core/errors.js";
import {
  EADDRINUSE,
  EADDRNOTAVAIL,
  ECONNREFUSED,
  EHOSTUNREACH,
  ENETDOWN,
  ENETUNREACH,
  ETIMEDOUT,
} from "../../native/constants.js";
import { fromErrno } from "../../native/errors.js";
import { textOf } from "../internet-address.js";

const UNREACHABLE: ReadonlySet<number> = new Set([-EHOSTUNREACH, -ENETUNREACH, -ENETDOWN, -ETIMEDOUT]);

/** The error of a connect that the kernel, or the machine at the other end, refused. */
export function connectError(
  result: number,
  syscall: string,
  details: ErrorDetails,
  cause?: unknown,
): ChannelError {
  const hint =
    result === -ECONNREFUSED
      ? "nobody listens there: start the server first, or check host and port"
      : UNREACHABLE.has(result)
        ? "no way leads to that machine, or it does not answer: check the address and the network"
        : syscall === "bind" || result === -EADDRINUSE || result === -EADDRNOTAVAIL
          ? "options.localAddress must be an address of this machine, and its port free"
          : undefined;
  return fromErrno(result, {
    ...details,
    syscall,
    cause,
    // Also when the kernel has given up waiting: `ERR_TIMEOUT` is for the caller's own limit.
    code: UNREACHABLE.has(result) ? "ERR_NO_PEER" : undefined,
    action: `connect to ${textOf(details.address as InternetAddress)}`,
    hint,
  });
}
