import type { ChannelError } from "../../core/errors.js";
import {
  EACCES,
  EADDRINUSE,
  EADDRNOTAVAIL,
  EHOSTUNREACH,
  EINVAL,
  EMSGSIZE,
  ENETDOWN,
  ENETUNREACH,
} from "../../native/constants.js";
import { fromErrno } from "../../native/errors.js";

const UNREACHABLE: ReadonlySet<number> = new Set([-EHOSTUNREACH, -ENETUNREACH, -ENETDOWN]);

/** The error of a socket that could not be made, or of an option that the system refused. */
export function openError(operation: string, result: number, syscall: string, place: string): ChannelError {
  const hint =
    result === -EADDRINUSE
      ? operation === "join"
        ? "the socket is a member already"
        : "another socket has this address (ss -lunp tells whose): take another port, or share it with options.reuseAddress"
      : result === -EACCES && syscall === "bind"
        ? "ports below 1024 take the privilege CAP_NET_BIND_SERVICE; take a higher one"
        : result === -EACCES
          ? "a broadcast address takes options.broadcast"
          : result === -EADDRNOTAVAIL
            ? operation === "leave"
              ? "the socket is no member on that interface"
              : "this machine has no such address"
            : undefined;
  return fromErrno(result, {
    operation,
    mechanism: "udp-socket",
    address: place,
    syscall,
    code: UNREACHABLE.has(result) ? "ERR_NO_PEER" : undefined,
    action: `${operation} udp-socket ${JSON.stringify(place)}`,
    hint,
  });
}

/** The error of one datagram that the kernel refused. */
export function sendError(result: number, place: string): ChannelError {
  const hint =
    result === -EACCES
      ? "a broadcast address takes options.broadcast"
      : result === -EMSGSIZE
        ? "it is more than the way there takes"
        : result === -EINVAL
          ? "an address of this scope cannot be reached from where the socket is bound"
          : UNREACHABLE.has(result)
            ? "no way leads there"
            : undefined;
  return fromErrno(result, {
    operation: "send",
    mechanism: "udp-socket",
    address: place,
    syscall: "sendto",
    code: UNREACHABLE.has(result) ? "ERR_NO_PEER" : undefined,
    action: `send on udp-socket ${JSON.stringify(place)}`,
    hint,
  });
}

/** The error that ends a connected channel: the peer's machine has said (ICMP) that nobody has this port. */
export function refusedByPeer(result: number, operation: "send" | "receive", place: string): ChannelError {
  return fromErrno(result, {
    operation,
    mechanism: "udp-socket",
    address: place,
    syscall: operation === "send" ? "sendto" : "recvmsg",
    code: "ERR_PEER_DIED",
    action: `${operation} on udp-socket ${JSON.stringify(place)}`,
    hint: "an earlier message found nobody at that port; connect again when the peer is there, or use UdpSocket.bind() and { to }, which is not told",
  });
}
