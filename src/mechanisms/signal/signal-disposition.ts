import { ChannelError } from "../../core/errors.js";
import {
  DISPOSITION_DEFAULT,
  DISPOSITION_FOREIGN,
  DISPOSITION_OURS,
  fromErrno,
  loadCore,
} from "../../native/binding.js";
import type { SignalDescription } from "./signal-table.js";

/**
 * Lets the kernel ignore a signal, or do the default. Refuses to take the signal from somebody who listens: they would wait in vain, and
 * not know it.
 */
export function setDisposition(
  signal: SignalDescription,
  disposition: number,
  operation: "ignore" | "reset",
): void {
  const core = loadCore();
  const { name, number } = signal;
  const now = core.signalDisposition(number);
  if (now === DISPOSITION_OURS) {
    throw inUse(
      signal,
      operation,
      "Signal.open() or Signal.on() waits for it; close the channel or dispose the handler first",
    );
  }
  const listeners = [name, ...signal.aliases].reduce((sum, event) => sum + process.listenerCount(event), 0);
  if (listeners > 0) {
    throw inUse(signal, operation, `process.on("${name}") has ${listeners} listeners; remove them first`);
  }
  // Node's own handler for SIGUSR1, which starts the debugger, is nobody's who listens.
  if (now === DISPOSITION_FOREIGN && name !== "SIGUSR1") {
    throw inUse(signal, operation, "the runtime, another thread or another addon has a handler for it");
  }
  // What counts as the default for Node may be more than the kernel's: at Ctrl+C it puts the terminal in order first.
  if (now === DISPOSITION_DEFAULT && disposition === DISPOSITION_DEFAULT) return;
  const result = core.setSignalDisposition(number, disposition);
  if (result < 0) {
    const details = { operation, mechanism: "signal", address: name, syscall: "sigaction" } as const;
    throw fromErrno(result, { ...details, action: `${operation} ${name}` });
  }
}

function inUse(signal: SignalDescription, operation: string, reason: string): ChannelError {
  return new ChannelError("ERR_ADDRESS_IN_USE", `Cannot ${operation} ${signal.name}: ${reason}`, {
    operation,
    mechanism: "signal",
    address: signal.name,
  });
}
