import { ChannelError, type ErrorDetails } from "../core/errors.js";
import { checkOptions } from "../core/options.js";
import { describe } from "../core/wait.js";

const { lstatSync, mkdirSync, readlinkSync } = process.getBuiltinModule("node:fs");
const { tmpdir } = process.getBuiltinModule("node:os");
const paths = process.getBuiltinModule("node:path");

/** As many links as path_resolution(7) follows. */
const MOST_LINKS = 40;
/** As often as a folder may be removed, by a daemon that ends, between making it and looking at it. */
const ROUNDS = 100;
const NAME = /^[A-Za-z0-9_@+][\w@+.-]{0,63}$/;
const OTHERS_WRITE = 0o022;
const STICKY = 0o1000;

/** Options of {@link runtimeDirectory}. */
export interface RuntimeDirectoryOptions {
  /**
   * The mode of the folder if it has to be made, less the umask: `0o700` by default, so that only this user gets at what is in it. `0o755` lets others reach sockets whose own
   * modes admit them. Never writable for group or others.
   */
  readonly mode?: number | undefined;
}

/** A folder that is fit for use. */
export interface Folder {
  readonly path: string;
  /** This call has made it. */
  readonly created: boolean;
}

/**
 * The folder where a daemon's sockets and its pid file live, made if it is missing: the first that applies of
 *
 * 1. `$RUNTIME_DIRECTORY`, which systemd sets; of several the one that is called `name`, else the first,
 * 2. `$XDG_RUNTIME_DIR/NAME`,
 * 3. `/run/NAME` for root,
 * 4. `NAME-UID` in the folder for temporary files, which must be closed to everybody else.
 *
 * Nobody but this user and root may be able to replace it: it and all folders above it must belong to one of the two and be writable for nobody else (sticky folders as `/tmp`
 * may be), and a symbolic link on the way must be root's. What is there is never changed; what is not fit is refused.
 *
 * @param name - letters, digits and `_ @ + . -`, at most 64, not beginning with `.` or `-`
 * @param options - the mode of the folder
 * @returns its absolute path
 * @throws TypeError or RangeError for a wrong argument; ChannelError `ERR_ACCESS_DENIED` for a folder that is not to be trusted or cannot be made, `ERR_SYSTEM` with errno (`ENOENT`
 *   when the folder above it is missing)
 * Source: file-hierarchy(7), systemd.exec(5), https://specifications.freedesktop.org/basedir-spec/latest/
 * @example
 * ```ts run
 * import { rmdirSync } from "node:fs";
 * import { runtimeDirectory } from "sluice/daemon";
 *
 * const folder = runtimeDirectory(`sluice-example-${process.pid}`);
 * console.log(folder); // such as /run/user/1000/sluice-example-4242
 * rmdirSync(folder);
 * ```
 */
export function runtimeDirectory(name: string, options: RuntimeDirectoryOptions = {}): string {
  checkOptions(options);
  return openRuntimeDirectory(name, options.mode).path;
}

/** What {@link runtimeDirectory} does, telling whether the folder was made here. */
export function openRuntimeDirectory(name: string, mode = 0o700): Folder {
  checkName("name", name);
  const given = (process.env["RUNTIME_DIRECTORY"] ?? "").split(":").filter((each) => paths.isAbsolute(each));
  const path = given.find((each) => paths.basename(each) === name) ?? given[0];
  if (path !== undefined) return openFolder(path, mode);
  const user = process.env["XDG_RUNTIME_DIR"] ?? "";
  // The specification: "If an implementation encounters a relative path … it should consider the path invalid and ignore it."
  if (paths.isAbsolute(user)) return openFolder(paths.join(user, name), mode);
  const uid = process.geteuid?.() ?? 0;
  if (uid === 0) return openFolder(`/run/${name}`, mode);
  return openFolder(paths.join(tmpdir(), `${name}-${uid}`), mode, 0o777 & ~mode);
}

/** Makes the folder unless it is there, and checks it, whose mode must not have one of the `forbidden` bits. */
export function openFolder(path: string, mode = 0o700, forbidden: number = OTHERS_WRITE): Folder {
  checkMode(mode);
  const full = paths.resolve(path);
  let created = false;
  for (let round = 0; round < ROUNDS; round++) {
    try {
      // Looked at before it is made, lest something is left in a place that is refused; and after.
      if (checkPath(full, full, forbidden)) return { path: full, created };
      mkdirSync(full, mode);
      created = true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw systemError(error, full);
      created = false;
    }
  }
  const text = `Cannot use "${full}" as runtime directory: it was removed ${ROUNDS} times while it was being made; find out which program does that`;
  throw new ChannelError("ERR_SYSTEM", text, detailsOf(full));
}

/** Throws unless a daemon may be called so. */
export function checkName(argument: string, name: unknown): asserts name is string {
  if (typeof name !== "string")
    throw new TypeError(`${argument} must be a string, received ${describe(name)}`);
  if (!NAME.test(name)) {
    throw new RangeError(
      `${argument} must be 1 to 64 letters, digits and _ @ + . - that do not begin with . or -, received ${describe(name)}`,
    );
  }
}

function checkMode(mode: unknown): void {
  if (typeof mode !== "number")
    throw new TypeError(`options.mode must be a number, received ${describe(mode)}`);
  if (!Number.isInteger(mode) || (mode & ~0o755) !== 0 || (mode & 0o700) !== 0o700) {
    throw new RangeError(
      `options.mode must be 0o700 to 0o755, with no right to write for group and others, received 0o${mode.toString(8)}`,
    );
  }
}

/** Walks from the root down, so that what was judged cannot be replaced by then but by this user and root. Returns whether the last of it is there. */
function checkPath(path: string, wanted: string, forbidden: number, links = 0): boolean {
  const uid = process.geteuid?.() ?? 0;
  const names = path.split("/").filter((name) => name !== "");
  let shared = false;
  for (let depth = 0; depth <= names.length; depth++) {
    const here = `/${names.slice(0, depth).join("/")}`;
    const last = depth === names.length;
    const status = lstatSync(here, { throwIfNoEntry: !last });
    if (status === undefined) return false;
    if (status.isSymbolicLink()) {
      // In a folder that all may write to, a link of root's can be one that somebody has made by link(2).
      if (status.uid !== 0 || shared || last || links === MOST_LINKS) {
        throw untrusted(wanted, here, "is a symbolic link");
      }
      const target = paths.resolve(paths.dirname(here), readlinkSync(here), ...names.slice(depth));
      return checkPath(target, wanted, forbidden, links + 1);
    }
    if (!status.isDirectory()) throw untrusted(wanted, here, "is no folder");
    if (status.uid !== uid && status.uid !== 0) throw untrusted(wanted, here, `belongs to uid ${status.uid}`);
    // In a sticky folder only the owner can replace what is his; but the folder of the daemon itself is for nobody else.
    shared = (status.mode & OTHERS_WRITE) !== 0;
    const refused = last ? (status.mode & forbidden) !== 0 : shared && (status.mode & STICKY) === 0;
    if (refused)
      throw untrusted(wanted, here, `is open to others (mode 0${(status.mode & 0o7777).toString(8)})`);
  }
  return true;
}

function untrusted(wanted: string, here: string, what: string): ChannelError {
  const where = here === wanted ? "it" : `"${here}"`;
  const text = `Cannot use "${wanted}" as runtime directory: ${where} ${what}, and is not to be trusted; mend that, or choose another place with RUNTIME_DIRECTORY`;
  return new ChannelError("ERR_ACCESS_DENIED", text, detailsOf(wanted));
}

function systemError(error: unknown, path: string): unknown {
  const { code, errno, syscall, message } = error as NodeJS.ErrnoException;
  if (errno === undefined) return error;
  const denied = code === "EACCES" || code === "EPERM" || code === "EROFS";
  const text = `Cannot use the runtime directory "${path}": ${message}`;
  const details: ErrorDetails = {
    operation: "runtimeDirectory",
    address: path,
    syscall,
    errno: -errno,
    cause: error,
  };
  return new ChannelError(denied ? "ERR_ACCESS_DENIED" : "ERR_SYSTEM", text, details);
}

function detailsOf(path: string): ErrorDetails {
  return { operation: "runtimeDirectory", address: path };
}
