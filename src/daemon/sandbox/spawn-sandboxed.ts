import type { Readable } from "node:stream";
import { none } from "../../codec/none.js";
import type { Receiver } from "../../core/channel.js";
import { ChannelError } from "../../core/errors.js";
import { extend } from "../../core/extend.js";
import { checkCount, checkOptions } from "../../core/options.js";
import { checkDuration, describe } from "../../core/wait.js";
import { createPipe } from "../../mechanisms/anonymous-pipe/create.js";
import { spawnChild } from "../../mechanisms/anonymous-pipe/spawn.js";
import { checkCommand } from "../../mechanisms/anonymous-pipe/start-child.js";
import type { SpawnedChild } from "../../mechanisms/anonymous-pipe/types.js";
import { VARIABLE } from "../../mechanisms/anonymous-pipe/variable.js";
import { fromErrno, loadCore } from "../../native/binding.js";
import { bubblewrapArguments, requireCommand, requireTool, type SandboxPlan } from "./bubblewrap.js";
import { seccompProgram } from "./seccomp.js";
import type { SandboxedChild, SandboxExit, SandboxLimits, SandboxOptions } from "./types.js";

const { existsSync, readdirSync } = process.getBuiltinModule("node:fs");
const paths = process.getBuiltinModule("node:path");

/** Where the child of bwrap's finds what; the channel comes behind. */
const SECCOMP_FD = 3;
const STATUS_FD = 4;
const STDERR_BYTES = 16 * 1024;
/** Milliseconds that a helper whose channel has ended has to end by itself, so that its exit code is its own. */
const LAST_WORDS = 1000;
const NOBODY = 65534;
const DETAILS = { operation: "spawn", mechanism: "anonymous-pipe" } as const;

/** Starts a helper in a sandbox with a channel to it that carries Buffers. */
export function spawnSandboxed(
  command: string,
  args?: readonly string[],
  options?: SandboxOptions<Uint8Array, Buffer>,
): SandboxedChild<Uint8Array, Buffer>;
/**
 * Starts a helper where it can do no harm, for work on bytes that are not to be trusted: whoever takes it over by such bytes has won a channel, and nothing else.
 *
 * The helper runs by bubblewrap in namespaces of its own. There is no network and no socket; no process but its own; of files `/usr` with programs and libraries, an empty `/tmp` in
 * memory, a `/proc` of its own, and the paths that are named, read-only; no environment but the one given; no capability, and no way to get one. It has limits on processes, memory and
 * descriptors, and a seccomp filter against the calls that it has no use for. Of descriptors it has its channel, as with `AnonymousPipe.spawn()` (a Node helper opens it by
 * `AnonymousPipe.inherit()`), a standard error that `exited` tells of, and /dev/null as input and output. To be sure of that, descriptors of this process which are not close-on-exec become so.
 *
 * It never outlives this process, nor its channel or the thread that has called, however these end: all that runs in the sandbox is killed, one second after its channel
 * has ended. Where this process is root, the helper runs as
 * uid and gid 65534 (`uid`, `gid` say otherwise), and that user must be able to read the paths that are named.
 *
 * A sandbox takes a few milliseconds to make, and memory of the helper is the helper's: bound what you keep of its answers, and check them, by the limits and the codec of the channel.
 *
 * @param command - a path, or a name to be looked for in PATH; no shell is involved
 * @param args - its arguments
 * @param options - paths, limits, and the channel's codec, framing and limits
 * @throws TypeError or RangeError for a wrong option
 * @throws ChannelError `ERR_UNSUPPORTED` when bwrap (package bubblewrap) or prlimit (package util-linux) is missing, or on a CPU whose system calls are not known;
 *   `ERR_NO_PEER` when there is no such program or path
 *
 * @example
 * ```ts run
 * import { lines, text } from "sluice";
 * import { spawnSandboxed } from "sluice/daemon";
 *
 * const { channel, exited } = spawnSandboxed("sed", ["-u", "s/<[^>]*>//g"], {
 *   over: "stdio",
 *   framing: lines(),
 *   codec: text(),
 *   timeout: 10_000,
 * });
 * await channel.send("<b>bold</b>");
 * console.log(await channel.receive()); // bold
 * await channel.close();
 * await exited;
 * ```
 *
 * @see bwrap(1), prlimit(1), seccomp(2), namespaces(7)
 */
export function spawnSandboxed<Out, In = Out>(
  command: string,
  args: readonly string[],
  options: SandboxOptions<Out, In>,
): SandboxedChild<Out, In>;
export function spawnSandboxed(
  command: string,
  args: readonly string[] = [],
  options: SandboxOptions<never, unknown> = {},
): SandboxedChild<never, unknown> {
  checkOptions(options);
  checkCommand("command", command, args);
  const plan = planSandbox(command, args, options);
  const { timeout, signal } = options;
  if (timeout !== undefined) checkDuration("timeout", timeout);
  const program = seccompProgram();
  const controller = new AbortController();
  const bounded = extend(options, {
    signal: signal === undefined ? controller.signal : AbortSignal.any([signal, controller.signal]),
  });
  closeOnExec();
  const seccomp = pipeOf(program);
  // A pipe and not what Node makes of "pipe", which is a socket.
  const complaints = createPipe<Uint8Array, Buffer>({ framing: none() });
  const stderr = complaints.writer.detach();
  let spawned: SpawnedChild<never, unknown>;
  try {
    spawned = start(plan, bounded, stderr.fd, seccomp);
  } catch (error) {
    complaints.reader.destroy();
    throw error;
  } finally {
    loadCore().close(seccomp);
    stderr.close();
  }
  const exited = follow(spawned, complaints.reader);
  if (timeout !== undefined && timeout !== Infinity) {
    const timer = setTimeout(() => {
      const text = `The helper ${JSON.stringify(command)} was killed: it has lived for ${timeout} ms`;
      controller.abort(new ChannelError("ERR_TIMEOUT", text, DETAILS));
    }, timeout);
    const stop = (): void => {
      clearTimeout(timer);
    };
    exited.then(stop, stop);
  }
  return {
    child: spawned.child,
    channel: spawned.channel,
    exited,
    [Symbol.asyncDispose]: async () => {
      try {
        await spawned.channel.close();
      } finally {
        await exited;
      }
    },
  };
}

function planSandbox(
  command: string,
  args: readonly string[],
  options: SandboxOptions<never, unknown>,
): SandboxPlan {
  const { over, limits = {} } = options;
  checkOptions(limits);
  const env = { ...(options.env ?? { PATH: "/usr/bin:/bin", LANG: "C.UTF-8" }) };
  for (const [name, value] of Object.entries(env) as [string, unknown][]) {
    if (typeof value !== "string" || name === "" || /[=\0]/.test(name) || value.includes("\0"))
      throw new TypeError(`options.env.${name} must be a variable and its text, received ${describe(value)}`);
  }
  if (over !== "stdio") env[VARIABLE] = `${STATUS_FD + 1},${STATUS_FD + 2}`;
  return {
    readOnly: checkPaths("readOnly", options.readOnly),
    writable: checkPaths("writable", options.writable),
    limits: {
      processes: limit("processes", limits, 64, 2),
      memory: limit("memory", limits, 2 ** 30, 2 ** 20),
      temporary: limit("temporary", limits, 2 ** 24, 4096),
      files: limit("files", limits, 256, 8),
      cpu: limits.cpu === undefined ? Infinity : limit("cpu", limits, 1, 1),
    },
    env,
    bwrap: requireTool("bwrap", "bubblewrap"),
    prlimit: requireTool("prlimit", "util-linux"),
    command: requireCommand(command),
    args,
  };
}

function limit(name: keyof SandboxLimits, limits: SandboxLimits, otherwise: number, least: number): number {
  const value = limits[name] ?? otherwise;
  return value === Infinity && name === "cpu"
    ? value
    : checkCount(`options.limits.${name}`, value, least, Number.MAX_SAFE_INTEGER);
}

function checkPaths(name: string, list: readonly string[] | undefined): readonly string[] {
  if (list === undefined) return [];
  if (!((list as unknown) instanceof Array))
    throw new TypeError(`options.${name} must be an array of absolute paths, received ${describe(list)}`);
  for (const path of list as readonly unknown[]) {
    if (typeof path !== "string" || !paths.isAbsolute(path) || path.includes("\0"))
      throw new TypeError(`options.${name} must hold absolute paths, received ${describe(path)}`);
    if (paths.resolve(path) === "/")
      throw new RangeError(`options.${name} must not hold "/", which is everything there is`);
    if (existsSync(path)) continue;
    const text = `Cannot start a sandbox: options.${name} names ${JSON.stringify(path)}, which is not there`;
    throw new ChannelError("ERR_NO_PEER", text, { ...DETAILS, address: path });
  }
  return list;
}

function start(
  plan: SandboxPlan,
  options: SandboxOptions<never, unknown>,
  stderr: number,
  seccomp: number,
): SpawnedChild<never, unknown> {
  const isRoot = process.geteuid?.() === 0;
  const first = options.over === "stdio" ? undefined : "ignore";
  const spawnOptions = extend(options, {
    stdio: [first, first, stderr, seccomp, "pipe"],
    env: {},
    cwd: "/",
    uid: options.uid ?? (isRoot ? NOBODY : undefined),
    gid: options.gid ?? (isRoot ? NOBODY : undefined),
    killSignal: "SIGKILL",
  } as const);
  const args = bubblewrapArguments(plan, SECCOMP_FD, STATUS_FD);
  return spawnChild<never, unknown>(plan.bwrap, args, spawnOptions as never);
}

/** Joins the end of bwrap with what it and the helper have said until then. */
function follow(
  { child, channel, exited }: SpawnedChild<never, unknown>,
  complaints: Receiver<Buffer>,
): Promise<SandboxExit> {
  // A program that could not be started breaks it off, as `exited` tells.
  const status = lastOf(child.stdio[STATUS_FD] as Readable).catch(() => "");
  const stderr = lastOf(complaints);
  void channel.closed.then(() => {
    const timer = setTimeout(() => child.kill("SIGKILL"), LAST_WORDS);
    child.once("exit", () => {
      clearTimeout(timer);
    });
    if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) clearTimeout(timer);
  });
  const ended = exited.then(async ({ code, signal }) => {
    const said = await stderr;
    // bwrap tells the code of what it has executed. Without that, and alive, it has not come so far.
    if (signal !== null || (await status).includes("exit-code")) return { code, signal, stderr: said };
    const text = `Cannot start a sandbox: ${said.trim() || `bwrap ended with code ${String(code)}`}; user namespaces must be allowed here, and the paths be there for the user that the helper runs as`;
    const error = new ChannelError("ERR_SYSTEM", text, DETAILS);
    channel.destroy(error);
    throw error;
  });
  ended.catch(() => undefined); // for those who do not ask: the channel has ended, too
  return ended;
}

/** The end of what a stream has brought, when all who could write to it are gone. */
async function lastOf(stream: AsyncIterable<Buffer>): Promise<string> {
  let kept = Buffer.alloc(0);
  for await (const chunk of stream) kept = Buffer.concat([kept, chunk]).subarray(-STDERR_BYTES);
  return kept.toString();
}

/** A descriptor from which these bytes are read, and then the end. They fit into a pipe. */
function pipeOf(bytes: Uint8Array): number {
  const core = loadCore();
  const ends = new Int32Array(2);
  const made = core.pipe(ends, 0);
  if (made < 0) throw fromErrno(made, { ...DETAILS, syscall: "pipe2", action: "start a sandbox" });
  const [reader = -1, writer = -1] = ends;
  core.write(writer, bytes, 0, bytes.length);
  core.close(writer);
  core.setNonBlocking(reader, false);
  return reader;
}

/** Keeps back what whoever started this process, or an addon, has left open across exec. */
function closeOnExec(): void {
  const core = loadCore();
  for (const fd of readdirSync("/proc/self/fd").map(Number))
    if (fd > 2 && core.isCloseOnExec(fd) === 0) core.setCloseOnExec(fd, true);
}
