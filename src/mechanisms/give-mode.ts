import type { ErrorDetails } from "../core/errors.js";
import { fromErrno } from "../native/errors.js";
import type { NativeCore } from "../native/native-core.js";
import { type FileIdentity, identityOf, isSameFile } from "./path-lock.js";

const { chmodSync, fstatSync } = process.getBuiltinModule("node:fs");

/**
 * Gives a file the bits that the umask has taken: the umask cannot be read without changing it for all threads. Until then the file had fewer
 * rights, never more. The descriptor makes sure that the bits go to this file, not to what a link in its place leads to.
 * A file with more names than `mostNames` is left as it is: it may be one that was never meant.
 */
export function giveMode(
  core: NativeCore,
  path: string,
  file: FileIdentity,
  mode: number,
  details: ErrorDetails,
  mostNames: number = Infinity,
): void {
  const { O_NOFOLLOW = 0, O_PATH = 0 } = core.constants;
  const fd = core.open(path, O_PATH | O_NOFOLLOW, 0);
  const action = `set the mode of "${path}"`;
  if (fd < 0) throw fromErrno(fd, { ...details, syscall: "open", action });
  try {
    if (isSameFile(file, identityOf(core, fd)) && fstatSync(fd).nlink <= mostNames)
      chmodSync(`/proc/self/fd/${fd}`, mode);
  } catch (cause) {
    const { errno } = cause as NodeJS.ErrnoException;
    throw fromErrno(errno ?? 0, { ...details, syscall: "chmod", action, cause });
  } finally {
    core.close(fd);
  }
}
