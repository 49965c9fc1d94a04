import type { NativeCore } from "../../native/binding.js";

const { readdirSync, readFileSync } = process.getBuiltinModule("node:fs");

/** Real-time signals begin here for the kernel, whatever the C library keeps for itself. */
const FIRST_REALTIME = 32;

// Which threads were seen to block which signal: once they do, they do so for good.
const blockedBy = new Map<number, Set<string>>();

/**
 * Lets the main thread alone take a real-time signal, since order is lost where two threads take signals at a time. A thread that is made
 * later takes one signal, then blocks it too.
 */
export function confineToMainThread(core: NativeCore, number: number): void {
  if (number < FIRST_REALTIME) return;
  const known = blockedBy.get(number);
  const blocking = new Set<string>();
  for (const tid of readdirSync("/proc/self/task")) {
    if (Number(tid) === process.pid) continue;
    // A thread that has ended meanwhile, or that a debugger holds, is looked at again next time.
    const blocks =
      known?.has(tid) === true || isBlocked(number, tid) || core.signalConfine(number, Number(tid)) === 0;
    if (blocks) blocking.add(tid);
  }
  blockedBy.set(number, blocking);
}

/** Whether a thread blocks a signal, by the mask of proc(5). */
function isBlocked(number: number, tid: string): boolean {
  const status = readStatus(tid);
  const mask = /^SigBlk:\s*([0-9a-f]+)$/m.exec(status)?.[1];
  if (mask === undefined) return false;
  return ((BigInt(`0x${mask}`) >> BigInt(number - 1)) & 1n) === 1n;
}

function readStatus(tid: string): string {
  try {
    return readFileSync(`/proc/self/task/${tid}/status`, "latin1");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ESRCH") return "";
    throw error;
  }
}
