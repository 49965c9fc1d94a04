import type fs from "node:fs";
import { ChannelError } from "../../core/errors.js";

/** Opens a file to append lines to. What somebody else could have put there is refused. */
export function openAuditFile(path: string): number {
  const { closeSync, constants, fstatSync, openSync } = loadFs();
  const { O_APPEND, O_CREAT, O_NOFOLLOW, O_NONBLOCK, O_WRONLY } = constants;
  let fd: number;
  try {
    // Without O_NONBLOCK a FIFO in its place would block here.
    fd = openSync(path, O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_WRONLY, 0o600);
  } catch (cause) {
    const { code, errno = 0 } = cause as NodeJS.ErrnoException;
    if (code === "ELOOP") throw refusal(path, "it is a symbolic link", cause);
    const text = `Cannot open the audit log ${JSON.stringify(path)}: ${(cause as Error).message}`;
    const isDenied = code === "EACCES" || code === "EPERM";
    const details = { operation: "audit", address: path, syscall: "open", errno: -errno, cause };
    throw new ChannelError(isDenied ? "ERR_ACCESS_DENIED" : "ERR_SYSTEM", text, details);
  }
  const status = fstatSync(fd);
  const reason = reasonAgainst(status);
  if (reason === undefined) return fd;
  closeSync(fd);
  throw refusal(path, reason);
}

function reasonAgainst(status: fs.Stats): string | undefined {
  if (!status.isFile()) return "it is no regular file";
  if (status.uid !== process.geteuid?.()) return `it belongs to uid ${status.uid}`;
  if (status.nlink !== 1) return "it has another name as well (a hard link)";
  if ((status.mode & 0o077) !== 0)
    return `others have rights to it (mode ${(status.mode & 0o777).toString(8)}), which may be 600 at most`;
  return undefined;
}

function refusal(path: string, reason: string, cause?: unknown): ChannelError {
  const text = `Cannot open the audit log ${JSON.stringify(path)}: ${reason}; remove it, or name another`;
  return new ChannelError("ERR_ACCESS_DENIED", text, { operation: "audit", address: path, cause });
}

/** `node:fs`. */
export function loadFs(): typeof fs {
  return process.getBuiltinModule("node:fs");
}
