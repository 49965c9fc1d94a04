import { unsupported } from "../../core/errors.js";
import { coreAvailable, EAGAIN, ESRCH, fromErrno, loadCore } from "../../native/binding.js";
import type { SignalDescription } from "./signal-table.js";

/** Sends one signal, or throws. */
export function sendSignal(pid: number, signal: SignalDescription, value: number | undefined): void {
  const result = coreAvailable()
    ? loadCore().signalSend(pid, signal.number, value)
    : sendWithoutCore(pid, signal, value);
  if (result >= 0) return;
  const details = {
    operation: "send",
    mechanism: "signal",
    address: `pid ${pid}`,
    syscall: value === undefined ? "kill" : "rt_sigqueueinfo",
    action: `send ${signal.name} to process ${pid}`,
  } as const;
  if (result === -ESRCH) {
    const message = `Cannot send ${signal.name} to process ${pid}: there is no such process`;
    throw fromErrno(result, { ...details, message });
  }
  const hint =
    result === -EAGAIN
      ? "its queue of signals is full (RLIMIT_SIGPENDING); send again later, or through Signal.open(), which waits"
      : undefined;
  throw fromErrno(result, { ...details, hint });
}

/** What Node can do by itself, where there is no native core. */
function sendWithoutCore(pid: number, signal: SignalDescription, value: number | undefined): number {
  if (value !== undefined) {
    throw unsupported(
      `Cannot send ${signal.name} with value ${value} to process ${pid}: values need the native core; leave options.value away`,
      { operation: "send", mechanism: "signal", address: `pid ${pid}` },
    );
  }
  try {
    process.kill(pid, signal.number);
    return 0;
  } catch (error) {
    const { errno } = error as NodeJS.ErrnoException;
    if (errno === undefined) throw error;
    return errno;
  }
}
