import type { FileHandle } from "../../core/channel.js";
import { unsupported } from "../../core/errors.js";
import { describe } from "../../core/wait.js";
import { loadCore } from "../../native/binding.js";
import {
  AF_UNIX,
  MAX_ABSTRACT_NAME,
  SO_ACCEPTCONN,
  SO_DOMAIN,
  SO_TYPE,
  SOCK_DGRAM,
  SOCK_SEQPACKET,
  SOCK_STREAM,
} from "../../native/constants.js";
import { fromErrno } from "../../native/errors.js";
import { OwnedHandle } from "../owned-handle.js";
import type { SocketAddress } from "../socket-address.js";
import type { UnixSocketType } from "./types.js";

/** A socket that somebody else has made and bound, with what the kernel says of it. */
export interface Inherited {
  readonly address: SocketAddress;
  readonly type: UnixSocketType;
  readonly handles: readonly FileHandle[];
}

const TYPES: ReadonlyMap<number, UnixSocketType> = new Map<number, UnixSocketType>([
  [SOCK_STREAM, "stream"],
  [SOCK_SEQPACKET, "seqpacket"],
  [SOCK_DGRAM, "dgram"],
]);

/** Whether the first argument of listen or bind means a descriptor, not a path. */
export function isInherited<T extends { readonly fd: number }>(where: string | T): where is T {
  return typeof where === "object" && (where as T | null) !== null;
}

/**
 * Looks at the socket of `listen({ fd })` or `bind({ fd })`. The descriptor stays the caller's.
 *
 * @throws TypeError or RangeError for a wrong option; ChannelError `ERR_UNSUPPORTED` when it is a socket of another kind, or does not listen; `ERR_SYSTEM`
 *   when it is no socket (errno ENOTSOCK) or not open (EBADF)
 */
export function inspectInherited(
  options: {
    readonly fd: number;
    readonly type?: UnixSocketType | undefined;
    readonly mode?: unknown;
    readonly handles?: unknown;
  },
  operation: "listen" | "bind",
): Inherited {
  const { fd } = options;
  if (typeof fd !== "number") {
    throw new TypeError(
      `options.fd must be a descriptor (a number) where no path is given, received ${describe(fd)}`,
    );
  }
  if (!Number.isInteger(fd) || fd < 0 || fd >= 2 ** 31)
    throw new RangeError(`options.fd must be a descriptor, 0 to 2147483647, received ${fd}`);
  for (const name of ["mode", "handles"] as const) {
    if (options[name] !== undefined)
      throw new TypeError(
        `options.${name} must be absent with options.fd: the socket is there, and has no lock`,
      );
  }
  const action = `${operation} on descriptor ${fd}`;
  const core = loadCore();
  const domain = core.getOption(fd, SO_DOMAIN);
  if (domain < 0) throw fromErrno(domain, { operation, syscall: "getsockopt", action });
  const type = TYPES.get(core.getOption(fd, SO_TYPE));
  const name = new Uint8Array(MAX_ABSTRACT_NAME);
  const length = domain === AF_UNIX ? core.socketName(fd, name) : 0;
  const address = addressOf(name.subarray(0, Math.max(length, 0)));
  const wrong = problemOf(domain, type, operation, length) ?? mismatch(options.type, type);
  if (wrong !== undefined) {
    const text = `Cannot ${action}: it is ${wrong}; give the socket that was meant, or leave the option out that does not fit`;
    throw unsupported(text, { operation, address: address.path });
  }
  if (type !== "dgram" && core.getOption(fd, SO_ACCEPTCONN) !== 1) {
    const text = `Cannot ${action}: it does not listen; whoever has made it must have called listen(2)`;
    throw unsupported(text, { operation, address: address.path });
  }
  return { address, type: type ?? "stream", handles: [new OwnedHandle(fd)] };
}

function problemOf(
  domain: number,
  type: UnixSocketType | undefined,
  operation: string,
  length: number,
): string | undefined {
  if (domain !== AF_UNIX) return `no Unix socket, but one of address family ${domain}`;
  if (type === undefined) return "a Unix socket of an unknown type";
  if (type === "dgram" && operation === "listen")
    return "a datagram socket, which does not listen: use UnixSocket.bind()";
  if (type !== "dgram" && operation === "bind")
    return `a socket of type ${type}, which needs connections: use UnixSocket.listen()`;
  return length > 0 ? undefined : "a socket without an address";
}

function mismatch(wanted: UnixSocketType | undefined, found: UnixSocketType | undefined): string | undefined {
  return wanted === undefined || wanted === found ? undefined : `of type ${found ?? ""}, not ${wanted}`;
}

/** The exact bytes that the kernel has, which need not be text. */
function addressOf(name: Uint8Array): SocketAddress {
  const path = Buffer.from(name).toString("utf8");
  const isAbstract = name[0] === 0;
  return { path, name, isAbstract, text: JSON.stringify(isAbstract ? `@${path.slice(1)}` : path) };
}
