import type { Channel } from "../../core/channel.js";
import { createPipe } from "./create.js";
import { inheritChannel } from "./inherit.js";
import { runPipeline } from "./pipeline.js";
import { spawnChild } from "./spawn.js";
import { openStdio } from "./stdio.js";
import type {
  AnonymousPipeEnds,
  AnonymousPipeInheritOptions,
  AnonymousPipeOptions,
  AnonymousPipeSpawnOptions,
  Pipeline,
  PipelineOptions,
  PipelineWithInput,
  SpawnedChild,
} from "./types.js";

/**
 * Pipes without a name, pipe(7): between a process and the children that it starts, and from one child to the next.
 *
 * All descriptors made here are close-on-exec: a child has those that are meant for it and no others. Nothing blocks a thread.
 *
 * A wrong argument is a `TypeError` or `RangeError`. Without the native core all of it is `ERR_UNSUPPORTED`; `ERR_SYSTEM` tells, with the errno
 * EMFILE, that the limit of open descriptors is reached.
 */
export class AnonymousPipe {
  private constructor() {
    throw new TypeError(
      "AnonymousPipe has no instances; use AnonymousPipe.create(), spawn(), inherit(), stdio() or pipeline()",
    );
  }

  /** Makes a pipe that carries Buffers. */
  static create(options?: AnonymousPipeOptions<Uint8Array, Buffer>): AnonymousPipeEnds<Uint8Array, Buffer>;
  /**
   * Makes a pipe, pipe2(2). Both ends are in this process, for a worker thread or as a queue that the kernel keeps; either can be handed on to a child by
   * `detach()`.
   *
   * @param options - codec, framing and limits, the same for both ends
   * @example
   * ```ts run
   * import { spawn } from "node:child_process";
   * import { AnonymousPipe, lines, text } from "sluice";
   *
   * const { reader, writer } = AnonymousPipe.create({ framing: lines(), codec: text() });
   * using handle = writer.detach();
   * spawn("sh", ["-c", "echo one; echo two"], { stdio: ["ignore", handle.fd, "inherit"] });
   * handle.close(); // the child has a copy, and when it ends so does the pipe
   * for await (const line of reader) console.log(line); // one, two
   * ```
   */
  static create<Out, In = Out>(options: AnonymousPipeOptions<Out, In>): AnonymousPipeEnds<Out, In>;
  static create(options: AnonymousPipeOptions<never, unknown> = {}): AnonymousPipeEnds<never, unknown> {
    return createPipe(options);
  }

  /** Starts a program with a channel to it that carries Buffers. */
  static spawn(
    command: string,
    args?: readonly string[],
    options?: AnonymousPipeSpawnOptions<Uint8Array, Buffer>,
  ): SpawnedChild<Uint8Array, Buffer>;
  /**
   * Starts a program with a channel to it, both ways. The child reads one descriptor and writes another, 3 and 4 unless `stdio` has more than three
   * entries; the variable `SLUICE_PIPE` (`"3,4"`) tells it which. A Node child opens its end with {@link AnonymousPipe.inherit}. Its standard streams are
   * free for other use, and it has no other descriptor of this process.
   *
   * The channel ends when the child closes its end or ends, by `kill -9` too; a descendant that it has handed its end to keeps the
   * channel open. The child sees the end of what it reads when this channel is closed or this process ends; that does not end it unless
   * `killOnClose` says so. A running child keeps this process alive until `child.unref()`.
   *
   * A program that is missing (`ERR_NO_PEER`) or may not be executed (`ERR_ACCESS_DENIED`) makes the channel and `exited` fail; what the system
   * refuses before it looks for the program (EPERM for a `uid`, E2BIG) is thrown. An aborted `signal` destroys the channel with its reason and ends the child.
   *
   * @param command - a path, or a name to be looked for in PATH; no shell is involved
   * @param args - its arguments
   * @param options - codec, framing and limits of the channel; `stdio`, `env`, `cwd`, `signal` and more for the child
   * @example
   * ```ts run
   * import { AnonymousPipe, lines, text } from "sluice";
   *
   * const script = 'while read -r line <&3; do echo "bash has $line" >&4; done';
   * const { channel, exited } = AnonymousPipe.spawn("bash", ["-c", script], {
   *   framing: lines(),
   *   codec: text(),
   * });
   * await channel.send("one");
   * console.log(await channel.receive()); // bash has one
   * await channel.close();
   * console.log(await exited); // { code: 0, signal: null }
   * ```
   */
  static spawn<Out, In = Out>(
    command: string,
    args: readonly string[],
    options: AnonymousPipeSpawnOptions<Out, In>,
  ): SpawnedChild<Out, In>;
  static spawn(
    command: string,
    args: readonly string[] = [],
    options: AnonymousPipeSpawnOptions<never, unknown> = {},
  ): SpawnedChild<never, unknown> {
    return spawnChild(command, args, options);
  }

  /** Opens the channel that this process was started with, for Buffers. */
  static inherit(options?: AnonymousPipeInheritOptions<Uint8Array, Buffer>): Channel<Uint8Array, Buffer>;
  /**
   * Opens the channel that this process was started with by {@link AnonymousPipe.spawn}, or by any program that sets `SLUICE_PIPE` to two descriptors, the
   * one to read first. Framing and codec must be those of the other side.
   *
   * The variable is removed and the descriptors become close-on-exec, so that children of this process do not take them for their own. Call it once, in one thread.
   * `ERR_NO_PEER` tells that the variable is missing or does not name two pipes, of which nothing is touched then.
   *
   * @param options - codec, framing and limits
   * @example
   * ```ts run
   * import { AnonymousPipe, json } from "sluice";
   *
   * if (process.env["SLUICE_PIPE"] === undefined) {
   *   // The parent starts this same program as its child.
   *   const { channel } = AnonymousPipe.spawn(process.execPath, [import.meta.filename], { codec: json<number>() });
   *   await channel.send(20);
   *   console.log(await channel.receive()); // 21
   *   await channel.close();
   * } else {
   *   const channel = AnonymousPipe.inherit({ codec: json<number>() });
   *   for await (const number of channel) await channel.send(number + 1);
   * }
   * ```
   */
  static inherit<Out, In = Out>(options: AnonymousPipeInheritOptions<Out, In>): Channel<Out, In>;
  static inherit(options: AnonymousPipeInheritOptions<never, unknown> = {}): Channel<never, unknown> {
    return inheritChannel(options);
  }

  /** Opens a channel over standard input and output, for Buffers. */
  static stdio(options?: AnonymousPipeInheritOptions<Uint8Array, Buffer>): Channel<Uint8Array, Buffer>;
  /**
   * Opens a channel over the standard input and output of this process: what language servers, servers of the Model Context Protocol and other programs
   * do that are started by whoever talks to them. Both must be pipes or stream sockets, which Node gives its children.
   *
   * From then on nothing else can get between the messages: standard input is empty, and what is written to standard output, by `console.log` too, goes to the error
   * output. Call it once, before anything reads `process.stdin`. The channel ends when the other side closes its end. `ERR_NO_PEER` tells that one of the two is a
   * terminal, a file or closed; nothing is touched then.
   *
   * @param options - codec, framing and limits
   * @example
   * ```ts run
   * import { spawn } from "node:child_process";
   * import { AnonymousPipe, lines, text } from "sluice";
   *
   * if (process.argv[2] !== "server") {
   *   const child = spawn(process.execPath, [import.meta.filename, "server"], { stdio: ["pipe", "pipe", "inherit"] });
   *   child.stdin.end("hello\n");
   *   for await (const piece of child.stdout) console.log(String(piece).trim()); // HELLO
   * } else {
   *   const channel = AnonymousPipe.stdio({ framing: lines(), codec: text() });
   *   for await (const line of channel) await channel.send(line.toUpperCase());
   * }
   * ```
   */
  static stdio<Out, In = Out>(options: AnonymousPipeInheritOptions<Out, In>): Channel<Out, In>;
  static stdio(options: AnonymousPipeInheritOptions<never, unknown> = {}): Channel<never, unknown> {
    return openStdio(options);
  }

  /** Starts programs that are joined by pipes, the first of which reads what is sent to `input`. */
  static pipeline<Out = Uint8Array, In = Buffer>(
    stages: readonly (readonly string[])[],
    options: PipelineOptions<Out, In> & { readonly input: true },
  ): PipelineWithInput<Out, In>;
  /**
   * Starts programs each of which reads what the one before it writes, as a shell's `|` does. They are joined by the kernel: their data does not pass through this
   * process, but for what is sent to `input` and received from `output`. A slow stage, or a receiver that does not read, makes those before it wait.
   *
   * When all stages have ended well, the output ends. When one has failed, the output fails after the last byte with `ERR_PEER_DIED`, whose text says which
   * stage and how; `failOn` says whose failure counts. A stage that SIGPIPE has ended because the one after it wanted no more (`yes | head`) has not failed. The end
   * waits for all stages, also for one that runs on after it has closed its output.
   *
   * When one cannot be started (`ERR_NO_PEER`, `ERR_ACCESS_DENIED`), the others are ended and the output fails with that code. Closing `output` does not end
   * the stages, but the next that writes gets SIGPIPE, unless it ignores that. An aborted `signal`, `kill()` and leaving the scope of `await using` end them.
   *
   * @param stages - commands with their arguments; no shell is involved
   * @param options - framing and codec of output and input, limits, `stderr`, `failOn`, `signal`, `cwd`, `env` and more
   * @example
   * ```ts run
   * import { AnonymousPipe, lines, text } from "sluice";
   *
   * await using sorting = AnonymousPipe.pipeline([["sort"], ["uniq", "-c"]], {
   *   input: true,
   *   framing: lines(),
   *   codec: text(),
   * });
   * await sorting.input.sendMany(["pear", "apple", "pear"]);
   * await sorting.input.close();
   * for await (const line of sorting.output) console.log(line.trim()); // 1 apple, 2 pear
   * ```
   */
  static pipeline<Out = Uint8Array, In = Buffer>(
    stages: readonly (readonly string[])[],
    options?: PipelineOptions<Out, In>,
  ): Pipeline<In>;
  static pipeline(
    stages: readonly (readonly string[])[],
    options: PipelineOptions<never, unknown> = {},
  ): Pipeline<unknown> {
    return runPipeline(stages, options);
  }
}
