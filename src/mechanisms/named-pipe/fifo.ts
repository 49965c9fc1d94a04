import { describe } from "../../core/wait.js";
import { ChannelError } from "../../core/errors.js";
import { reached } from "../../core/step.js";
import {
  ELOOP,
  ENXIO,
  fromErrno,
  loadCore,
  S_IFDIR,
  S_IFIFO,
  S_IFMT,
  S_IFREG,
  S_IFSOCK,
  STATUS_LENGTH,
  STATUS_GID,
  STATUS_MODE,
  STATUS_UID,
} from "../../native/binding.js";
import type { Authorisation } from "../authorise.js";
import { ownerRefusal } from "../trusted-owner.js";

/** Bytes of a path without its ending NUL: PATH_MAX - 1, limits.h(0p). */
const MAX_PATH = 4095;
const S_IFLNK = 0o120000;

const KINDS: ReadonlyMap<number, string> = new Map([
  [S_IFREG, "a regular file"],
  [S_IFDIR, "a directory"],
  [S_IFSOCK, "a socket"],
  [S_IFLNK, "a symbolic link"],
  [0o060000, "a block device"],
  [0o020000, "a character device"],
]);

type Access = "read" | "write" | "read-write";

/** Throws unless this can be a path of the file system. */
export function checkPath(path: string): void {
  if (typeof path !== "string") throw new TypeError(`path must be a string, received ${describe(path)}`);
  if (path === "") throw new TypeError(`path must name a FIFO, received ""`);
  if (path.includes("\0")) {
    throw new TypeError(`path must not contain a NUL byte, received ${describe(path)}`);
  }
  const length = Buffer.byteLength(path);
  if (length > MAX_PATH) {
    throw new RangeError(
      `path must have at most ${MAX_PATH} bytes (PATH_MAX), received ${length}: ${describe(path)}`,
    );
  }
}

/** Opens a FIFO to read, without waiting for a writer. */
export function openToRead(path: string, access: "read" | "read-write", owners: Authorisation): number {
  const fd = openFifo(path, access, owners);
  if (fd < 0) throw failed(fd, "open", path, "open", describeOpen(path, access));
  return fd;
}

/** Opens a FIFO to write. `undefined`: nobody has it open to read. */
export function tryOpenToWrite(path: string, owners: Authorisation): number | undefined {
  const fd = openFifo(path, "write", owners);
  if (fd === -ENXIO) return undefined;
  if (fd < 0) throw failed(fd, "open", path, "open", describeOpen(path, "write"));
  return fd;
}

function describeOpen(path: string, access: Access): string {
  return `open the FIFO ${JSON.stringify(path)} to ${access}`;
}

function openFifo(path: string, access: Access, owners: Authorisation): number {
  const core = loadCore();
  const action = describeOpen(path, access);
  // Opening alone may have an effect on what is no FIFO (a device), so its kind is looked at before, and proved after.
  checkKind(statusOf(path, "open", action), path, "open", action);
  const { O_RDONLY, O_WRONLY, O_RDWR, O_NOFOLLOW } = core.constants as Record<string, number>;
  const mode = { read: O_RDONLY, write: O_WRONLY, "read-write": O_RDWR }[access] ?? 0;
  const fd = core.open(path, mode | (O_NOFOLLOW ?? 0), 0);
  if (fd === -ELOOP) throw notFifo(path, "open", action, "a symbolic link");
  if (fd < 0) return fd;
  try {
    STEP: reached("fifo: opened");
    const status = new BigInt64Array(STATUS_LENGTH);
    const result = core.status(fd, status);
    if (result < 0) throw failed(result, "open", path, "statx", action);
    checkKind(status, path, "open", action);
    checkOwner(status, owners, path, "open", action);
  } catch (error) {
    core.close(fd);
    throw error;
  }
  return fd;
}

/** What statx(2) says of a path, which must be there. A symbolic link is not followed. */
export function statusOf(path: string, operation: string, action: string): BigInt64Array {
  const status = new BigInt64Array(STATUS_LENGTH);
  const result = loadCore().statusOf(path, status);
  if (result < 0) throw failed(result, operation, path, "statx", action);
  return status;
}

/** Throws unless this is the status of a FIFO. */
export function checkKind(status: BigInt64Array, path: string, operation: string, action: string): void {
  const kind = Number(status[STATUS_MODE]) & S_IFMT;
  if (kind !== S_IFIFO) throw notFifo(path, operation, action, KINDS.get(kind) ?? "something else");
}

/** Throws unless a FIFO with this status belongs to one of these. */
export function checkOwner(
  status: BigInt64Array,
  owners: Authorisation,
  path: string,
  operation: string,
  action: string,
): void {
  const text = ownerRefusal(owners, Number(status[STATUS_UID]), Number(status[STATUS_GID]));
  if (text === undefined) return;
  throw new ChannelError("ERR_ACCESS_DENIED", `Cannot ${action}: ${text}`, {
    operation,
    mechanism: "named-pipe",
    address: path,
  });
}

/** The error of a system call on a FIFO. */
export function failed(
  result: number,
  operation: string,
  path: string,
  syscall: string,
  action: string,
  hint?: string,
): ChannelError {
  return fromErrno(result, { operation, mechanism: "named-pipe", address: path, syscall, action, hint });
}

function notFifo(path: string, operation: string, action: string, kind: string): ChannelError {
  const way = kind === "a symbolic link" ? "; links are not followed: give the path of the FIFO itself" : "";
  return new ChannelError(
    "ERR_ADDRESS_IN_USE",
    `Cannot ${action}: there is ${kind} at that path, which was left as it is${way}`,
    { operation, mechanism: "named-pipe", address: path },
  );
}
