import { describe } from "../../core/wait.js";
import { loadCore } from "../../native/binding.js";
import {
  AF_INET,
  AF_INET6,
  AF_UNIX,
  SO_DOMAIN,
  SO_TYPE,
  SOCK_DGRAM,
  SOCK_SEQPACKET,
  SOCK_STREAM,
} from "../../native/constants.js";
import { fromErrno } from "../../native/errors.js";

/** What an {@link InheritedSocket} is: by family and type, or `"other"`, such as a pipe or a memory file from the service manager's store. */
export type InheritedSocketKind = "unix-stream" | "unix-seqpacket" | "unix-dgram" | "tcp" | "udp" | "other";

/** A descriptor that a service manager has passed at the start of this process. */
export interface InheritedSocket {
  /** `FileDescriptorName=` of the socket unit or FDNAME of the store; `"unknown"` where the service manager says no names. */
  readonly name: string;
  /** The descriptor, close-on-exec. It is the program's to close, or to give away: `UnixSocket.listen({ fd })`. */
  readonly fd: number;
  /** What it is. */
  readonly kind: InheritedSocketKind;
}

/** SD_LISTEN_FDS_START, sd_listen_fds(3). */
const FIRST = 3;
const VARIABLES = ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "LISTEN_PIDFDID"] as const;

const UNIX_KINDS: ReadonlyMap<number, InheritedSocketKind> = new Map<number, InheritedSocketKind>([
  [SOCK_STREAM, "unix-stream"],
  [SOCK_SEQPACKET, "unix-seqpacket"],
  [SOCK_DGRAM, "unix-dgram"],
]);
const INTERNET_KINDS: ReadonlyMap<number, InheritedSocketKind> = new Map<number, InheritedSocketKind>([
  [SOCK_STREAM, "tcp"],
  [SOCK_DGRAM, "udp"],
]);

/**
 * The sockets and other descriptors that systemd, or whoever speaks its protocol, has passed to this process: sd_listen_fds_with_names(3). Several may have one name, and keep
 * their order.
 *
 * The variables `LISTEN_PID`, `LISTEN_FDS` and `LISTEN_FDNAMES` are unset, so that no child takes them for its own: a second call finds nothing. Nor does one in a
 * process that they are not meant for.
 *
 * @returns the descriptors by name; empty when the process was not started with any
 * @throws TypeError for a variable that is none, or names that are not as many as the descriptors; ChannelError `ERR_SYSTEM` for a descriptor that is not open, `ERR_UNSUPPORTED`
 *   without the native core
 * @example
 * ```ts run
 * import { UnixSocket } from "sluice";
 * import { inheritedSockets } from "sluice/daemon";
 *
 * const [control] = inheritedSockets().get("control") ?? [];
 * const path = `/tmp/sluice-example-inherited-${process.pid}.sock`;
 * await using listener = await (control === undefined ? UnixSocket.listen(path) : UnixSocket.listen({ fd: control.fd }));
 * console.log(listener.address);
 * ```
 */
export function inheritedSockets(): ReadonlyMap<string, readonly InheritedSocket[]> {
  const [pid, fds, names] = VARIABLES.map((variable) => {
    const value = process.env[variable];
    Reflect.deleteProperty(process.env, variable);
    return value;
  });
  const sockets = new Map<string, InheritedSocket[]>();
  if (pid === undefined || fds === undefined) return sockets;
  if (parse("LISTEN_PID", pid) !== process.pid) return sockets;
  const count = parse("LISTEN_FDS", fds);
  const given = names === undefined || names === "" ? undefined : names.split(":");
  if (given !== undefined && given.length !== count) {
    throw new TypeError(
      `LISTEN_FDNAMES must have as many names as there are descriptors (${count}), received ${describe(names)}`,
    );
  }
  for (let index = 0; index < count; index++) {
    const name = given?.[index] ?? "unknown";
    const socket = look(name, FIRST + index);
    const others = sockets.get(name);
    if (others === undefined) sockets.set(name, [socket]);
    else others.push(socket);
  }
  return sockets;
}

function parse(variable: string, value: string): number {
  const number = Number(value);
  if (/^[0-9]+$/.test(value) && number < 2 ** 31 - FIRST) return number;
  throw new TypeError(`${variable} must be a whole number, received ${describe(value)}`);
}

function look(name: string, fd: number): InheritedSocket {
  const core = loadCore();
  const closed = core.setCloseOnExec(fd, true);
  if (closed < 0) {
    const action = `take the inherited descriptor ${fd} (${describe(name)})`;
    throw fromErrno(closed, { operation: "inherit", syscall: "fcntl", action });
  }
  const domain = core.getOption(fd, SO_DOMAIN);
  const kinds =
    domain === AF_UNIX ? UNIX_KINDS : domain === AF_INET || domain === AF_INET6 ? INTERNET_KINDS : undefined;
  return { name, fd, kind: kinds?.get(core.getOption(fd, SO_TYPE)) ?? "other" };
}
