import { unsupported } from "../../core/errors.js";
import { fromErrno, loadCore, PR_SET_NO_NEW_PRIVS } from "../../native/binding.js";
import { readThreads } from "./threads.js";

/**
 * Sets `no_new_privs` in all threads of this process, for good: whatever this process and its descendants execute, set-user-ID bits, set-group-ID bits and file
 * capabilities give nothing any more. Nobody needs rights for it; calling it again does no harm.
 *
 * The kernel knows this per thread. Threads that exist already (workers, the thread pool) get it by an empty seccomp filter that the kernel spreads, whose
 * costs cannot be measured; new threads and children have it from whoever starts them. Where all have it from the beginning (`NoNewPrivileges=yes` of systemd,
 * `--security-opt no-new-privileges` of Docker) nothing is done.
 *
 * @throws ChannelError `ERR_UNSUPPORTED` without the native core, without /proc, or where a thread has a seccomp filter of its own, so that the kernel cannot
 *   spread this one; `ERR_SYSTEM` for what else the system refuses
 *
 * @example
 * ```ts run
 * import { noNewPrivileges } from "sluice/daemon";
 *
 * noNewPrivileges(); // from here on `sudo` and the like do not work, in children neither
 * ```
 *
 * @see PR_SET_NO_NEW_PRIVS, prctl(2); SECCOMP_FILTER_FLAG_TSYNC, seccomp(2)
 */
export function noNewPrivileges(): void {
  const details = { operation: "noNewPrivileges", action: "set no_new_privs" };
  const core = loadCore();
  const set = core.processControl(PR_SET_NO_NEW_PRIVS, 1);
  if (set < 0) throw fromErrno(set, { ...details, syscall: "prctl" });
  if (withoutIt().length === 0) return;
  const spread = core.spreadNoNewPrivileges();
  if (spread < 0) throw fromErrno(spread, { ...details, syscall: "seccomp" });
  const left = withoutIt();
  if (left.length === 0) return;
  const text = `Cannot set no_new_privs in all threads: thread ${left.join(", ")} does not take it over, probably for a seccomp filter of its own; call noNewPrivileges() before that is installed`;
  throw unsupported(text, { operation: details.operation, syscall: "seccomp" });
}

function withoutIt(): number[] {
  try {
    return readThreads()
      .filter((thread) => !thread.noNewPrivileges)
      .map(({ tid }) => tid);
  } catch (cause) {
    throw unsupported("Cannot see whether all threads have no_new_privs: /proc cannot be read; mount it", {
      operation: "noNewPrivileges",
      cause,
    });
  }
}
