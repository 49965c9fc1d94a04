import { describe } from "../core/wait.js";
import { MAX_ABSTRACT_NAME, MAX_PATH_NAME } from "../native/constants.js";
import type { SocketName } from "../native/native-core.js";

/** Where a Unix socket is, checked and ready for the kernel. See unix(7). */
export interface SocketAddress {
  /** As the program gave it: a path, or an abstract name with its leading NUL. */
  readonly path: string;
  /** The exact bytes of `sun_path`, without the ending NUL of a path. */
  readonly name: SocketName;
  /** An abstract name has no file: no mode guards it, no lock is needed, and it goes when the socket goes. */
  readonly isAbstract: boolean;
  /** For error texts: quoted, an abstract name with `@` in the place of its NUL, as ss(8) and /proc/net/unix show it. */
  readonly text: string;
}

/**
 * Checks a path or an abstract name.
 *
 * @param path - the argument of the user
 * @param argument - its name in error texts
 * @throws TypeError when it is no string, is empty or has a NUL inside; RangeError when the kernel's address has no room for it
 */
export function parseSocketAddress(path: unknown, argument = "path"): SocketAddress {
  if (typeof path !== "string") {
    throw new TypeError(
      `${argument} must be a path or an abstract name (a string), received ${describe(path)}`,
    );
  }
  if (path === "") {
    throw new TypeError(`${argument} must not be empty: give a path, or "\\0name" for an abstract name`);
  }
  const name = Buffer.from(path, "utf8");
  if (path.startsWith("\0")) {
    checkLength(argument, path, name.length, MAX_ABSTRACT_NAME, "an abstract name (its NUL counted)");
    if (name.length === 1) {
      throw new TypeError(
        `${argument} must have a name after its NUL, received ${describe(path)}: a lone NUL names nothing that a peer could find`,
      );
    }
    return { path, name, isAbstract: true, text: JSON.stringify(`@${path.slice(1)}`) };
  }
  if (path.includes("\0")) {
    throw new TypeError(
      `${argument} must have no NUL inside, received ${describe(path)}: the kernel would cut it there; only an abstract name begins with one`,
    );
  }
  checkLength(argument, path, name.length, MAX_PATH_NAME, "a path");
  return { path, name, isAbstract: false, text: JSON.stringify(path) };
}

function checkLength(argument: string, path: string, length: number, most: number, what: string): void {
  if (length <= most) return;
  throw new RangeError(
    `${argument} must have at most ${most} bytes, received ${length} (${describe(path)}): the kernel's socket address has no room for more in ${what} (unix(7)); choose a shorter one, or a path relative to the working directory`,
  );
}
