import type { NativeCore } from "../native/native-core.js";
import {
  EAGAIN,
  ELOOP,
  S_IFMT,
  S_IFREG,
  STATUS_DEVICE,
  STATUS_INODE,
  STATUS_LENGTH,
  STATUS_MODE,
  STATUS_UID,
} from "../native/constants.js";
import { ChannelError, type ErrorDetails } from "../core/errors.js";
import { reached } from "../core/step.js";
import { fromErrno } from "../native/errors.js";

const { readFileSync } = process.getBuiltinModule("node:fs");

/** Each round is lost to another owner that came and went in between, so even a few are improbable. */
const ROUNDS = 1000;

/** A file's identity on this machine while somebody holds it open: nothing else can have the same two numbers meanwhile. */
export interface FileIdentity {
  readonly device: bigint;
  readonly inode: bigint;
  readonly mode: number;
  readonly uid: number;
}

/**
 * The right to own a path, as an exclusive flock(2) on the file `path.lock`, mode 0600. The kernel frees it when the process ends,
 * however that happens, so a lock file that was left behind means nothing.
 *
 * The file is removed at release, under the lock. Whoever locked a file that was removed in between owns nothing: after locking, the
 * path must still lead to the locked inode, else all begins anew. Only an owner removes the file, so two owners at a time cannot be.
 */
export class PathLock {
  readonly #core: NativeCore;
  readonly #path: string;
  readonly #fd: number;

  private constructor(core: NativeCore, path: string, fd: number) {
    this.#core = core;
    this.#path = path;
    this.#fd = fd;
  }

  /**
   * Takes the lock without waiting.
   *
   * @param core - the native core
   * @param path - what is to be owned; absolute, so that a change of the working directory does no harm
   * @param details - what errors say of the operation
   * @returns the lock, or the process id of whoever holds it (0 when the system does not tell)
   * @throws ChannelError when the lock file cannot be made or is not to be trusted: a symbolic link (never followed), no regular file, or
   *   the file of a user who is neither this one nor root
   */
  static acquire(core: NativeCore, path: string, details: ErrorDetails): PathLock | number {
    const lockPath = `${path}.lock`;
    let isUnnamed = false;
    for (let round = 0; round < ROUNDS; round++) {
      const fd = open(core, lockPath, details);
      let kept = false;
      try {
        checkTrust(identityOf(core, fd), lockPath, details);
        STEP: reached("path-lock: opened");
        const locked = core.lock(fd, "exclusive");
        if (locked < 0 && locked !== -EAGAIN) {
          throw fromErrno(locked, { ...details, syscall: "flock", action: `lock "${lockPath}"` });
        }
        const file = identityOf(core, fd);
        if (typeof file === "number" || !isSameFile(file, identityOf(core, lockPath))) continue;
        if (locked === -EAGAIN) {
          const holder = holderOf(file);
          // Who is not listed may have freed it between the two looks.
          if (holder > 0 || isUnnamed) return holder;
          isUnnamed = true;
          continue;
        }
        kept = true;
        STEP: reached("path-lock: locked");
        return new PathLock(core, lockPath, fd);
      } finally {
        if (!kept) core.close(fd);
      }
    }
    const text = `Cannot lock "${lockPath}": it was replaced ${ROUNDS} times while it was being locked; find out which program does that`;
    throw new ChannelError("ERR_SYSTEM", text, details);
  }

  /**
   * The lock that another process has held and has passed on with this descriptor: the lock belongs to the open file, so whoever has a descriptor of that holds it.
   *
   * @returns the lock, which the descriptor belongs to; `undefined` when it is not the lock of this path
   */
  static takeOver(core: NativeCore, path: string, fd: number): PathLock | undefined {
    const lockPath = `${path}.lock`;
    if (!isSameFile(identityOf(core, fd), identityOf(core, lockPath))) return undefined;
    return core.lock(fd, "exclusive") < 0 ? undefined : new PathLock(core, lockPath, fd);
  }

  /** The descriptor that holds the lock. */
  get fd(): number {
    return this.#fd;
  }

  /** Lets go of the lock without giving it up: a process that has a descriptor of it holds it from now on. Call once, instead of `release`. */
  leave(): void {
    this.#core.close(this.#fd);
  }

  /** Removes the lock file, where the rights of the process still allow that, and frees the lock. Call once. */
  release(): void {
    // A file that cannot be removed does no harm: the next owner locks it again.
    if (isSameFile(identityOf(this.#core, this.#fd), identityOf(this.#core, this.#path))) {
      this.#core.unlink(this.#path);
      STEP: reached("path-lock: removed");
    }
    this.#core.close(this.#fd);
  }
}

/** What is at a path (a symbolic link is not followed) or open as a descriptor; the negative errno where nothing is. */
export function identityOf(core: NativeCore, file: string | number): FileIdentity | number {
  const fields = new BigInt64Array(STATUS_LENGTH);
  const result = typeof file === "string" ? core.statusOf(file, fields) : core.status(file, fields);
  return result < 0 ? result : identityIn(fields);
}

/** The identity that statx(2) has told. */
export function identityIn(fields: BigInt64Array): FileIdentity {
  return {
    device: fields[STATUS_DEVICE] ?? 0n,
    inode: fields[STATUS_INODE] ?? 0n,
    mode: Number(fields[STATUS_MODE]),
    uid: Number(fields[STATUS_UID]),
  };
}

/** Whether both are there and the same. */
export function isSameFile(left: FileIdentity | number, right: FileIdentity | number): boolean {
  return (
    typeof left !== "number" &&
    typeof right !== "number" &&
    left.device === right.device &&
    left.inode === right.inode
  );
}

/** Who holds the lock, by /proc/locks; 0 where that is not there or does not show it. For error texts: it could be another file system's file of the same number. */
function holderOf({ inode }: FileIdentity): number {
  let locks: string;
  try {
    locks = readFileSync("/proc/locks", "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).syscall !== undefined) return 0;
    throw error;
  }
  const line = new RegExp(`FLOCK +ADVISORY +WRITE +(\\d+) [0-9a-f]+:[0-9a-f]+:${inode} `).exec(locks);
  return Number(line?.[1] ?? 0);
}

function open(core: NativeCore, lockPath: string, details: ErrorDetails): number {
  const { O_CREAT = 0, O_NOFOLLOW = 0, O_RDONLY = 0 } = core.constants;
  const fd = core.open(lockPath, O_RDONLY | O_CREAT | O_NOFOLLOW, 0o600);
  if (fd >= 0) return fd;
  if (fd === -ELOOP) throw untrusted("a symbolic link", lockPath, details);
  throw fromErrno(fd, {
    ...details,
    syscall: "open",
    action: `${details.operation} there: the lock file "${lockPath}" cannot be opened`,
    hint: "the directory must exist, and this process must be allowed to create files in it",
  });
}

function checkTrust(file: FileIdentity | number, lockPath: string, details: ErrorDetails): void {
  if (typeof file === "number") {
    throw fromErrno(file, { ...details, syscall: "statx", action: `look at "${lockPath}"` });
  }
  if ((file.mode & S_IFMT) !== S_IFREG) throw untrusted("no regular file", lockPath, details);
  // Somebody else's file could be held locked by him for ever.
  if (file.uid !== 0 && file.uid !== process.geteuid?.())
    throw untrusted(`a file of uid ${file.uid}`, lockPath, details);
}

function untrusted(what: string, lockPath: string, details: ErrorDetails): ChannelError {
  const text = `Cannot ${details.operation} there: the lock file "${lockPath}" is ${what}, which is not to be trusted; remove it, or choose a directory that only this user can write to`;
  return new ChannelError("ERR_ACCESS_DENIED", text, details);
}
