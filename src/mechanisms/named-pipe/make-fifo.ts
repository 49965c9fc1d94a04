import { ChannelError } from "../../core/errors.js";
import { reached } from "../../core/step.js";
import { EEXIST, loadCore } from "../../native/binding.js";
import type { Authorisation } from "../authorise.js";
import { giveMode } from "../give-mode.js";
import { identityIn } from "../path-lock.js";
import { checkKind, checkOwner, failed, statusOf } from "./fifo.js";

/** Makes a FIFO with exactly this mode. One that exists is an error, or (`!exclusive`) taken if it can be trusted as if we had made it. */
export function makeFifo(path: string, mode: number, exclusive: boolean, owners: Authorisation): void {
  const action = `create the FIFO ${JSON.stringify(path)}`;
  const core = loadCore();
  const result = core.makeFifo(path, mode);
  STEP: reached("fifo: made");
  if (result === 0) return;
  if (result !== -EEXIST) throw failed(result, "create", path, "mknodat", action);
  if (exclusive) {
    const hint = "remove it with NamedPipe.unlink(), or take it as it is with { exclusive: false }";
    throw failed(result, "create", path, "mknodat", action, hint);
  }
  const status = statusOf(path, "create", action);
  checkKind(status, path, "create", action);
  const file = identityIn(status);
  const found = file.mode & 0o7777;
  // Somebody else's FIFO in a folder that all can write to, such as /tmp, would hand our messages to its owner.
  checkOwner(status, owners, path, "create", `${action}, since one is there already`);
  if ((found & ~mode) !== 0) {
    throw denied(path, `${action} with mode ${octal(mode)}: one with mode ${octal(found)} is there already`);
  }
  // Whoever had made it may have been killed before it got the mode.
  if (found !== mode && file.uid === process.geteuid?.())
    giveMode(core, path, file, mode, { operation: "create", mechanism: "named-pipe", address: path }, 1);
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
