import type { WaitOptions } from "../core/channel.js";
import { Wait } from "../core/wait.js";
import { ESRCH, loadCore, Poll, READABLE } from "../native/binding.js";

const { readFileSync } = process.getBuiltinModule("node:fs");

/** PF_EXITING of the kernel: the process is on its way out. Its descriptors are closed after this is set, and before it is a zombie. */
const EXITING = 4;

/** Milliseconds that a process which is ending has to give back what it holds. */
const ENDING_MS = 5000;

/** Whether a process has ended or is ending, as far as proc(5) tells: not of one in another pid namespace (0), nor where there is no /proc. */
export function hasEnded(pid: number): boolean {
  if (pid <= 0) return false;
  try {
    // The name, in parentheses, may hold anything; then come the state and six numbers, and then the flags.
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    const [state = "", , , , , , flags] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return state === "Z" || state === "X" || (Number(flags) & EXITING) !== 0;
  } catch (error) {
    const { code, syscall } = error as NodeJS.ErrnoException;
    if (syscall === undefined) throw error;
    return (code === "ENOENT" || code === "ESRCH") && isProcThere();
  }
}

/**
 * Waits for a process that is ending, and for no other. Its descriptors are closed one after another: who sees that a connection to it has ended may find its locks held for a moment longer. They
 * are free when the process is a zombie with all its threads, of which pidfd_open(2) tells.
 *
 * @param pid - the process; 0: nobody knows
 * @param options - how long to wait, 5 seconds at most, and the signal that ends the wait
 * @returns a promise of whether it was ending and has ended; rejects with the reason of the signal
 */
export async function awaitEnd(
  pid: number,
  { signal, timeout = ENDING_MS }: WaitOptions = {},
): Promise<boolean> {
  if (!hasEnded(pid)) return false;
  const core = loadCore();
  const pidfd = core.pidfdOpen(pid);
  if (pidfd < 0) return pidfd === -ESRCH;
  const wait = new Wait<boolean>();
  let poll: Poll | undefined;
  const timer = setTimeout(
    () => {
      wait.fulfil(false);
    },
    Math.min(timeout, ENDING_MS),
  );
  try {
    signal?.throwIfAborted();
    poll = new Poll(pidfd, () => {
      wait.fulfil(true);
    });
    poll.set(READABLE);
    wait.bound({ signal }, () => new Error("unreachable: there is no timeout"));
    return await wait.promise;
  } finally {
    clearTimeout(timer);
    poll?.close();
    core.close(pidfd);
  }
}

function isProcThere(): boolean {
  try {
    return readFileSync("/proc/self/stat").length > 0;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).syscall !== undefined) return false;
    throw error;
  }
}
