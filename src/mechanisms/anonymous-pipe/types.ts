import type { ChildProcess, StdioOptions } from "node:child_process";
import type { Channel, FileHandle, Receiver, Sender } from "../../core/channel.js";
import type { StreamOptions } from "../../core/options.js";

/** What channels over anonymous pipes have in common. */
export interface AnonymousPipeOptions<Out, In> extends Omit<StreamOptions<Out, In>, "halfOpen"> {
  /**
   * Bytes that the kernel shall hold in each pipe, 4096 at least; it rounds up. What the user's limits do not allow (`fs.pipe-max-size`,
   * `fs.pipe-user-pages-soft`) is `ERR_ACCESS_DENIED`. Without this option a pipe is as the kernel makes it: 64 KiB.
   */
  readonly capacity?: number | undefined;
}

/** An end of a pipe that can be handed on to a child process or another thread. */
export interface AnonymousPipeEnd {
  /**
   * Takes the descriptor out of the channel, which is closed by that: waiting calls reject with `ERR_CHANNEL_CLOSED`. The descriptor
   * stays close-on-exec; reads and writes on it wait from now on, as programs expect. Give `handle.fd` to a child in its `stdio`, then close the handle.
   * While it is open here the pipe does not end.
   *
   * An end that has carried bytes may have some in its buffers, and is not detached: `ERR_UNSUPPORTED`. A closed one is `ERR_CHANNEL_CLOSED`.
   */
  detach(): FileHandle;
}

/** The end of a pipe that receives. */
export interface AnonymousPipeReader<In> extends Receiver<In>, AnonymousPipeEnd {}

/** The end of a pipe that sends. */
export interface AnonymousPipeWriter<Out> extends Sender<Out>, AnonymousPipeEnd {}

/** What `AnonymousPipe.create` gives. */
export interface AnonymousPipeEnds<Out, In> {
  /** Receives what `writer` sends. It ends when nobody has the other end open any more, in this process or another. */
  readonly reader: AnonymousPipeReader<In>;
  /** Sends to `reader`. It fails with `ERR_PEER_DIED` when nobody has the other end open any more. */
  readonly writer: AnonymousPipeWriter<Out>;
}

/** How a process has ended: the one or the other is `null`. */
export interface ExitStatus {
  /** The code with which it has exited, 0 to 255. */
  readonly code: number | null;
  /** The signal that has ended it. */
  readonly signal: NodeJS.Signals | null;
}

/** How a child process is started; see `child_process.spawn`, whose options of the same names these are. */
export interface ChildProcessOptions {
  /** Its working directory; that of this process by default. */
  readonly cwd?: string | URL | undefined;
  /** Its environment; that of this process by default. */
  readonly env?: NodeJS.ProcessEnv | undefined;
  /** Its user id, setuid(2). */
  readonly uid?: number | undefined;
  /** Its group id, setgid(2). */
  readonly gid?: number | undefined;
  /** Ends the child, by `killSignal`, when it is aborted. */
  readonly signal?: AbortSignal | undefined;
  /** The signal that ends the child. `"SIGTERM"` by default. */
  readonly killSignal?: NodeJS.Signals | undefined;
}

/** Options of `AnonymousPipe.spawn`. */
export interface AnonymousPipeSpawnOptions<Out, In>
  extends AnonymousPipeOptions<Out, In>, Pick<StreamOptions<Out, In>, "halfOpen">, ChildProcessOptions {
  /**
   * Bytes that the kernel shall hold each way, 4096 at least; it rounds up. What the user's limits do not allow is `ERR_ACCESS_DENIED`. Without this option it
   * is 256 KiB, or what the kernel makes (64 KiB) where the limits do not allow that.
   */
  readonly capacity?: number | undefined;
  /**
   * What the child has for its standard streams, as in `child_process.spawn`; `"inherit"` by default, and for what an array leaves out. An array of more
   * than three moves the channel's descriptors behind it: the variable `SLUICE_PIPE` tells the child where they are.
   */
  readonly stdio?: StdioOptions | undefined;
  /**
   * Where the child has its end: at descriptors of its own (`"descriptors"`, the default), or at its standard input and output (`"stdio"`), where programs have it that know
   * nothing of sluice: language servers, servers of the Model Context Protocol, filters. `stdio` then speaks of the error output only and what comes behind it.
   */
  readonly over?: "descriptors" | "stdio" | undefined;
  /** What the child sees as its own name (`argv[0]`); `command` by default. */
  readonly argv0?: string | undefined;
  /** Makes the child the leader of a process group and session of its own, setsid(2). Off by default. */
  readonly detached?: boolean | undefined;
  /** Ends the child, by `killSignal`, when the channel has been closed or destroyed or has ended. Off by default: the child sees the end, and does as it likes. */
  readonly killOnClose?: boolean | undefined;
}

/** A child process and the channel to it. */
export interface SpawnedChild<Out, In> extends AsyncDisposable {
  /** The process, as `child_process.spawn` gives it: `pid`, `kill`, its standard streams. */
  readonly child: ChildProcess;
  /** Both ways to the child. */
  readonly channel: Channel<Out, In>;
  /** Fulfils when the child has ended. Rejects when it could not be started, with the error that the channel fails with. */
  readonly exited: Promise<ExitStatus>;
  /** Closes the channel and waits until the child has ended: by itself, by `killOnClose`, or by the `signal`. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** Options of `AnonymousPipe.inherit`. */
export interface AnonymousPipeInheritOptions<Out, In>
  extends AnonymousPipeOptions<Out, In>, Pick<StreamOptions<Out, In>, "halfOpen"> {}

/** Options of `AnonymousPipe.pipeline`. */
export interface PipelineOptions<Out, In>
  extends Omit<AnonymousPipeOptions<Out, In>, "framing">, ChildProcessOptions {
  /** Keeps messages apart in input and output. `none()` by default: pieces of the stream, as they come. With `lines()` each line is a message. */
  readonly framing?: StreamOptions<Out, In>["framing"];
  /** What the first stage reads: `true`, what is sent to `input`; `"inherit"`, the standard input of this process; `false` (the default), nothing. */
  readonly input?: boolean | "inherit" | undefined;
  /**
   * Where the standard error of all stages goes: `"inherit"` (the default), to that of this process; `"ignore"`, nowhere; `"collect"`, the last 64 KiB of
   * each stage into its status, which then waits until nobody has that standard error open any more.
   */
  readonly stderr?: "inherit" | "ignore" | "collect" | undefined;
  /**
   * Whose failure makes the end of the output an error: `"any"` (the default), that of any stage, as a shell's `pipefail`; `"last"`, that of the last
   * stage, as a shell without it; `"none"`, nobody's.
   */
  readonly failOn?: "any" | "last" | "none" | undefined;
}

/** How a stage of a pipeline has ended. */
export interface StageStatus extends ExitStatus {
  /** Its command and arguments. */
  readonly stage: readonly string[];
  /** Its process id; absent when it could not be started. */
  readonly pid?: number;
  /** Why it could not be started: `ERR_NO_PEER`, `ERR_ACCESS_DENIED` or `ERR_SYSTEM`. `code` and `signal` are `null` then. */
  readonly error?: Error;
  /** The end of what it has written to its standard error, with `stderr: "collect"`. */
  readonly stderr?: string;
}

/** A pipeline that runs. */
export interface Pipeline<In> extends AsyncDisposable {
  /** What the last stage writes to its standard output. */
  readonly output: Receiver<In>;
  /** The processes, in the order of the stages. */
  readonly children: readonly ChildProcess[];
  /** How all stages have ended, in their order. Fulfils when the last of them has; never rejects. */
  readonly statuses: Promise<readonly StageStatus[]>;
  /** Sends all stages that run this signal; `killSignal` by default. */
  kill(signal?: NodeJS.Signals): void;
  /** Destroys output and input, ends what still runs by `killSignal`, and waits until all stages have ended. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** A pipeline whose first stage reads what is sent to it. */
export interface PipelineWithInput<Out, In> extends Pipeline<In> {
  /** What the first stage reads. Closing it is the end of its standard input. */
  readonly input: Sender<Out>;
}
