import type { ChildProcess, SpawnOptions, StdioOptions } from "node:child_process";
import { describe } from "../../core/wait.js";
import { closeAll, type PipeDescriptors } from "./pipes.js";
import { checkCommand, startChild } from "./start-child.js";
import type { PipelineOptions, StageStatus } from "./types.js";

/** How much of a stage's standard error is kept, in bytes. */
const STDERR_KEPT = 64 * 1024;

/** What the stages read and write. */
export interface StageStreams {
  /** What the first stage reads. */
  readonly input: PipeDescriptors | "ignore" | "inherit";
  /** The pipes behind each stage; the last is the output. */
  readonly behind: readonly PipeDescriptors[];
  readonly stderr: Exclude<PipelineOptions<never, never>["stderr"], undefined>;
}

/** The processes of a pipeline. */
export interface Stages {
  readonly children: readonly ChildProcess[];
  /** Fulfils when all have ended. */
  readonly statuses: Promise<readonly StageStatus[]>;
  kill(signal: NodeJS.Signals): void;
}

type Stage = readonly string[];

/** Throws unless these are commands with their arguments. */
export function checkStages(stages: readonly Stage[]): void {
  const isList = (value: unknown): value is readonly unknown[] => Array.isArray(value) && value.length > 0;
  const received = (value: unknown): string => (Array.isArray(value) ? "[]" : describe(value));
  if (!isList(stages)) {
    throw new TypeError(`stages must be an array of [command, ...args], received ${received(stages)}`);
  }
  for (const [index, stage] of stages.entries()) {
    if (!isList(stage))
      throw new TypeError(`stages[${index}] must be [command, ...args], received ${received(stage)}`);
    const [command = "", ...args] = stage;
    checkCommand(`stages[${index}]`, command, args);
  }
}

/**
 * Starts all stages. The ends of the pipes that are theirs are closed here, whatever happens. When one cannot be started, the others are ended.
 *
 * @param stages - their commands
 * @param streams - what they read and write
 * @param options - of `child_process.spawn`, for each of them
 * @param killSignal - ends the others
 */
export function startStages(
  stages: readonly Stage[],
  streams: StageStreams,
  options: SpawnOptions,
  killSignal: NodeJS.Signals,
): Stages {
  const children: ChildProcess[] = [];
  const statuses: Promise<StageStatus>[] = [];
  const kill = (signal: NodeJS.Signals): void => {
    for (const child of children) child.kill(signal);
  };
  try {
    for (const [index, stage] of stages.entries()) {
      const [command = "", ...args] = stage;
      const { stdio, given } = streamsOf(streams, index);
      const { child, exited } = startChild(command, args, options, stdio, given);
      children.push(child);
      statuses.push(statusOf(stage, child, exited));
      exited.catch(() => {
        kill(killSignal);
      });
    }
  } catch (error) {
    for (let index = children.length + 1; index < stages.length; index++)
      closeAll(streamsOf(streams, index).given);
    kill(killSignal);
    throw error;
  }
  return { children, statuses: Promise.all(statuses), kill };
}

function streamsOf(
  { input, behind, stderr }: StageStreams,
  index: number,
): { stdio: StdioOptions; given: readonly number[] } {
  const before = index === 0 ? input : behind[index - 1];
  const stdin = typeof before === "object" ? before.reader : before;
  const stdout = behind[index]?.writer;
  const given = [stdin, stdout].filter((end) => typeof end === "number");
  return { stdio: [stdin, stdout, stderr === "collect" ? "pipe" : stderr], given };
}

async function statusOf(
  stage: Stage,
  child: ChildProcess,
  exited: ReturnType<typeof startChild>["exited"],
): Promise<StageStatus> {
  const stderr = child.stderr === null ? undefined : collect(child.stderr);
  try {
    const { code, signal } = await exited;
    const pid = child.pid === undefined ? {} : { pid: child.pid };
    return { stage, ...pid, code, signal, ...(stderr === undefined ? {} : { stderr: await stderr }) };
  } catch (error) {
    return { stage, code: null, signal: null, error: error as Error };
  }
}

/** The end of a text, once all of it was written. */
async function collect(stream: NonNullable<ChildProcess["stderr"]>): Promise<string> {
  let kept = Buffer.alloc(0);
  for await (const chunk of stream) kept = Buffer.concat([kept, chunk as Buffer]).subarray(-STDERR_KEPT);
  return kept.toString("utf8");
}

/** Why a pipeline has failed. */
export interface Failure {
  readonly text: string;
  readonly cause: Error | undefined;
}

/** Which stage has failed, and how; `undefined` when none has. */
export function failureOf(
  statuses: readonly StageStatus[],
  failOn: Exclude<PipelineOptions<never, never>["failOn"], undefined>,
): Failure | undefined {
  const place = (index: number): string =>
    `stage ${index + 1} of ${statuses.length} (${JSON.stringify(statuses[index]?.stage[0])})`;
  // The others were ended because of it.
  for (const [index, { error }] of statuses.entries()) {
    if (error !== undefined)
      return { text: `${place(index)} could not be started: ${error.message}`, cause: error };
  }
  const last = statuses.length - 1;
  for (const [index, { code, signal, stderr }] of statuses.entries()) {
    if (code === 0 || failOn === "none" || (failOn === "last" && index < last)) continue;
    // The next one wanted no more of it.
    if (signal === "SIGPIPE" && index < last) continue;
    const how = signal === null ? `exited with code ${String(code)}` : `was ended by ${signal}`;
    const said = stderr === undefined || stderr === "" ? "" : `: ${lastLine(stderr)}`;
    return { text: `${place(index)} ${how}${said}`, cause: undefined };
  }
  return undefined;
}

function lastLine(text: string): string {
  return text.trimEnd().split("\n").at(-1) ?? "";
}
