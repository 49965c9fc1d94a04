import type { StdioOptions } from "node:child_process";
import type { Channel } from "../../core/channel.js";
import { extend } from "../../core/extend.js";
import { StreamChannel } from "../../core/stream-channel.js";
import { describe } from "../../core/wait.js";
import { checkBoolean, checkChoice } from "../check-option.js";
import { openPipe, planPipe } from "../pipe-channel.js";
import { closeAll, makeBlocking, makePipes, type PipeDescriptors } from "./pipes.js";
import { checkChildOptions, checkCommand, startChild, whenAborted } from "./start-child.js";
import type { AnonymousPipeSpawnOptions, SpawnedChild } from "./types.js";
import { VARIABLE } from "./variable.js";

/** The kernel's own 64 KiB make two busy sides wait for each other all the time: with this, small messages are half as fast again. */
const PREFERRED_CAPACITY = 256 * 1024;

/** Starts a child with a channel to it over two pipes. */
export function spawnChild<Out, In>(
  command: string,
  args: readonly string[],
  options: AnonymousPipeSpawnOptions<Out, In>,
): SpawnedChild<Out, In> {
  const plan = planPipe("anonymous-pipe", "both", options);
  checkCommand("command", command, args);
  checkChildOptions(options);
  checkBoolean("killOnClose", options.killOnClose);
  checkBoolean("detached", options.detached);
  checkChoice("over", options.over, ["descriptors", "stdio"]);
  const overStdio = options.over === "stdio";
  const standard = standardStreams(options.stdio, overStdio);
  const { cwd, uid, gid, argv0, detached, env, killSignal = "SIGTERM" } = options;

  const [down, up] = makePipes("spawn", 2, { capacity: options.capacity, preferred: PREFERRED_CAPACITY }) as [
    PipeDescriptors,
    PipeDescriptors,
  ];
  const theirs = [down.reader, up.writer];
  for (const fd of theirs) makeBlocking(fd);
  const ours = {
    mechanism: "anonymous-pipe",
    operation: "spawn",
    reader: up.reader,
    writer: down.writer,
  } as const;
  let channel: Channel<Out, In>;
  try {
    channel = openPipe(ours, undefined, (stream) => new StreamChannel(stream, extend(options, plan)));
  } catch (error) {
    closeAll(theirs);
    throw error;
  }

  // `undefined` removes the variable: a child that is spoken to over its standard streams must not take its grandparent's for its own.
  const names = { [VARIABLE]: overStdio ? undefined : `${standard.length},${standard.length + 1}` };
  const child = { cwd, uid, gid, argv0, detached, env: { ...(env ?? process.env), ...names } };
  try {
    const streams = overStdio ? [...theirs, ...standard.slice(2)] : [...standard, ...theirs];
    const started = startChild(command, args, child, streams, theirs);
    return follow(started, channel, options.signal, killSignal, options.killOnClose ?? false);
  } catch (error) {
    channel.destroy();
    throw error;
  }
}

/** Joins what becomes of the channel and what becomes of the child. */
function follow<Out, In>(
  { child, exited }: ReturnType<typeof startChild>,
  channel: Channel<Out, In>,
  signal: AbortSignal | undefined,
  killSignal: NodeJS.Signals,
  killOnClose: boolean,
): SpawnedChild<Out, In> {
  exited.catch((error: unknown) => {
    channel.destroy(error as Error);
  });
  whenAborted(signal, exited, (reason) => {
    channel.destroy(reason);
    child.kill(killSignal);
  });
  if (killOnClose) void channel.closed.then(() => child.kill(killSignal));
  return {
    child,
    channel,
    exited,
    [Symbol.asyncDispose]: async () => {
      try {
        await channel.close();
      } finally {
        await exited;
      }
    },
  };
}

const KINDS: readonly unknown[] = ["pipe", "overlapped", "ignore", "inherit", "ipc"];

/** The child's descriptors before those of the channel: three at least. */
function standardStreams(stdio: StdioOptions | undefined, overStdio: boolean): Exclude<StdioOptions, string> {
  if (stdio === undefined || typeof stdio === "string") {
    checkChoice("stdio", stdio, ["pipe", "overlapped", "ignore", "inherit"]);
    const each = stdio ?? "inherit";
    return [each, each, each];
  }
  if (!Array.isArray(stdio)) {
    throw new TypeError(`options.stdio must be a string or an array, received ${describe(stdio)}`);
  }
  for (const [index, each] of stdio.entries()) {
    if (typeof each === "string" && !KINDS.includes(each)) {
      throw new TypeError(
        `options.stdio[${index}] must be ${KINDS.join(", ")}, a descriptor or a stream, received ${describe(each)}`,
      );
    }
  }
  if (overStdio && (stdio[0] ?? stdio[1]) !== undefined && (stdio[0] ?? stdio[1]) !== null) {
    throw new TypeError(
      `options.stdio must leave the first two empty where options.over is "stdio": they are the channel's; received ${describe(stdio[0] ?? stdio[1])}`,
    );
  }
  const streams = [...stdio];
  while (streams.length < 3) streams.push("inherit");
  return streams;
}
