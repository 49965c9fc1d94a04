import type { ChildProcess, SpawnOptions, StdioOptions } from "node:child_process";
import { checkCount } from "../../core/options.js";
import { checkWaitOptions, describe, Wait } from "../../core/wait.js";
import { fromErrno } from "../../native/binding.js";
import { loadChildProcess, loadOs } from "../builtin.js";
import { closeAll } from "./pipes.js";
import type { ChildProcessOptions, ExitStatus } from "./types.js";

/** A process that was started, or could not be. */
export interface StartedChild {
  readonly child: ChildProcess;
  /** Fulfils with its end; rejects when it could not be started. */
  readonly exited: Promise<ExitStatus>;
}

/** Throws what is wrong with these options; what they have in common with `child_process.spawn` and is not checked here, is checked there. */
export function checkChildOptions(options: ChildProcessOptions): void {
  const { uid, gid, killSignal, env, signal } = options;
  if (uid !== undefined) checkCount("options.uid", uid, 0, 2 ** 32 - 2);
  if (gid !== undefined) checkCount("options.gid", gid, 0, 2 ** 32 - 2);
  if (killSignal !== undefined && !Object.hasOwn(loadOs().constants.signals, killSignal)) {
    throw new TypeError(
      `options.killSignal must be the name of a signal, such as "SIGTERM", received ${describe(killSignal)}`,
    );
  }
  if (env !== undefined && (env === null || typeof env !== "object")) {
    throw new TypeError(`options.env must be an object, received ${describe(env)}`);
  }
  checkWaitOptions({ signal });
}

/** Throws unless this can be a command with its arguments. */
export function checkCommand(name: string, command: string, args: readonly string[]): void {
  if (typeof command !== "string" || command === "") {
    throw new TypeError(`${name} must name a program, received ${describe(command)}`);
  }
  if (!Array.isArray(args))
    throw new TypeError(`args must be an array of strings, received ${describe(args)}`);
  for (const text of [command, ...(args as readonly string[])]) {
    if (typeof text !== "string")
      throw new TypeError(`args must be an array of strings, received one with ${describe(text)}`);
    if (text.includes("\0"))
      throw new TypeError(`${name} and args must not contain a NUL byte, received ${describe(text)}`);
  }
}

/**
 * Starts a process and takes over the descriptors that are meant for it: they are closed here once it has them, or cannot have them.
 *
 * @param command - a path, or a name to be looked for in PATH
 * @param args - its arguments
 * @param options - of `child_process.spawn`
 * @param stdio - what the child has from descriptor 0 on
 * @param given - descriptors of this process that are in `stdio` and belong to the child alone
 * @throws ChannelError for what the system refuses at once (E2BIG, EPERM). What it finds out when it looks for the program makes `exited` reject.
 */
export function startChild(
  command: string,
  args: readonly string[],
  options: SpawnOptions,
  stdio: StdioOptions,
  given: readonly number[],
): StartedChild {
  let child: ChildProcess;
  try {
    child = loadChildProcess().spawn(command, args, { ...options, stdio });
  } catch (error) {
    closeAll(given);
    throw explained(command, options, error);
  }
  const exited = new Promise<ExitStatus>((resolve, reject) => {
    child.once("exit", (code, signal) => {
      resolve({ code, signal });
    });
    // Also told when a signal that was sent to it is refused: then the child goes on, as its exit status will tell.
    child.on("error", (error) => {
      if (child.pid === undefined) reject(explained(command, options, error));
    });
  });
  const handOver = (): void => {
    closeAll(given);
  };
  // Without a child, what was sent to it goes nowhere. It must not fail by a broken pipe before the reason is known.
  exited.catch(handOver);
  if (child.pid !== undefined) handOver();
  return { child, exited };
}

/** Calls back with the reason when the signal is aborted before the child has ended. */
export function whenAborted(
  signal: AbortSignal | undefined,
  exited: Promise<unknown>,
  callback: (reason: Error) => void,
): void {
  if (signal === undefined) return;
  const wait = new Wait<undefined>();
  wait.bound({ signal }, () => new Error("this wait has no timeout"));
  wait.promise.catch((reason: unknown) => {
    callback(reason instanceof Error ? reason : new Error(String(reason), { cause: reason }));
  });
  const over = (): void => {
    wait.fulfil(undefined);
  };
  exited.then(over, over);
}

function explained(command: string, { cwd }: SpawnOptions, error: unknown): unknown {
  const { errno } = error as NodeJS.ErrnoException;
  // A TypeError of Node's about an option names it.
  if (typeof errno !== "number") return error;
  const where = cwd === undefined ? "" : ` in ${JSON.stringify(String(cwd))}`;
  return fromErrno(errno, {
    operation: "spawn",
    mechanism: "anonymous-pipe",
    address: command,
    syscall: "execve",
    action: `start the program ${JSON.stringify(command)}${where}`,
    hint: "it must be a path or a name in PATH that this user may execute, and the working directory must exist",
    cause: error,
  });
}
