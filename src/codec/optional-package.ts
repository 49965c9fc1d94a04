import { unsupported } from "../core/errors.js";
import { reasonOf } from "./describe.js";

/**
 * Loads a package that is an optional peer dependency, when what needs it is first called.
 *
 * @param name - of the package
 * @param user - who needs it, for the error: a function with an option `library`
 * @throws ChannelError `ERR_UNSUPPORTED`, with what to do
 */
export function loadOptional(name: string, user: string): unknown {
  // eslint-disable-next-line local/layers -- no addon of ours: a package that is optional and must load late, in a call that is synchronous
  const require = process.getBuiltinModule("node:module").createRequire(import.meta.url);
  try {
    return require(name) as unknown;
  } catch (cause) {
    throw unsupported(
      `Cannot load ${name}, which ${user} needs: ${reasonOf(cause)}. Install it (npm install ${name}), or pass options.library`,
      { operation: "load", cause },
    );
  }
}
