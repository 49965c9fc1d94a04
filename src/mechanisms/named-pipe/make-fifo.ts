import { ChannelError } from "../../core/errors.js";
import { EEXIST, loadCore, STATUS_MODE, STATUS_UID } from "../../native/binding.js";
import { checkKind, failed, statusOf } from "./fifo.js";

/** Makes a FIFO with exactly this mode. One that exists is an error, or (`!exclusive`) taken if it can be trusted as if we had made it. */
export function makeFifo(path: string, mode: number, exclusive: boolean): void {
  const action = `create the FIFO ${JSON.stringify(path)}`;
  const result = loadCore().makeFifo(path, mode);
  if (result === 0) return;
  if (result !== -EEXIST) throw failed(result, "create", path, "mknodat", action);
  if (exclusive) {
    const hint = "remove it with NamedPipe.unlink(), or take it as it is with { exclusive: false }";
    throw failed(result, "create", path, "mknodat", action, hint);
  }
  const status = statusOf(path, "create", action);
  checkKind(status, path, "create", action);
  const found = Number(status[STATUS_MODE]) & 0o7777;
  const owner = Number(status[STATUS_UID]);
  // Somebody else's FIFO in a folder that all can write to, such as /tmp, would hand our messages to its owner.
  if (owner !== process.geteuid?.() && owner !== 0) {
    throw denied(path, `${action}: one that belongs to user ${owner} is there already`);
  }
  if ((found & ~mode) !== 0) {
    throw denied(path, `${action} with mode ${octal(mode)}: one with mode ${octal(found)} is there already`);
  }
}

function denied(path: string, what: string): ChannelError {
  return new ChannelError(
    "ERR_ACCESS_DENIED",
    `Cannot ${what}; remove it, or choose a path in a folder of your own`,
    { operation: "create", mechanism: "named-pipe", address: path },
  );
}

function octal(mode: number): string {
  return `0o${mode.toString(8)}`;
}
