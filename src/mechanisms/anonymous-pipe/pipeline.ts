import { none } from "../../codec/index.js";
import type { Channel } from "../../core/channel.js";
import { ChannelError } from "../../core/errors.js";
import { extend } from "../../core/extend.js";
import { checkOptions } from "../../core/options.js";
import { StreamChannel, type StreamChannelOptions } from "../../core/stream-channel.js";
import { checkChoice } from "../check-option.js";
import type { DescriptorStream } from "../descriptor-stream.js";
import { openPipe, type PipePlan, planPipe } from "../pipe-channel.js";
import { closeAll, makeBlocking, makePipes, type PipeDescriptors } from "./pipes.js";
import { checkStages, type Failure, failureOf, startStages, type Stages } from "./stages.js";
import { checkChildOptions, whenAborted } from "./start-child.js";
import type { Pipeline, PipelineOptions, PipelineWithInput, StageStatus } from "./types.js";

type FailOn = Parameters<typeof failureOf>[1];

/** What the last stage writes. Its end is told when all stages have ended, for only then is it known whether it is a good one. */
class PipelineOutput<Out, In> extends StreamChannel<Out, In> {
  /** How the stages have ended; set as soon as they are started. */
  statuses: Promise<readonly StageStatus[]> | undefined;
  readonly #failOn: FailOn;

  constructor(stream: DescriptorStream, options: StreamChannelOptions<Out, In>, failOn: FailOn) {
    super(stream, options);
    this.#failOn = failOn;
  }

  protected override ended(gone: boolean): void {
    void this.statuses?.then((statuses) => {
      const failure = failureOf(statuses, this.#failOn);
      if (failure === undefined) super.ended(gone);
      else this.broken(this.#failed(failure));
    });
  }

  #failed({ text, cause }: Failure): ChannelError {
    const code = cause instanceof ChannelError ? cause.code : "ERR_PEER_DIED";
    return this.error(code, "receive", text, cause);
  }
}

/** Starts programs that are joined by pipes, as a shell does. */
export function runPipeline<Out, In>(
  stages: readonly (readonly string[])[],
  options: PipelineOptions<Out, In>,
): Pipeline<In> | PipelineWithInput<Out, In> {
  checkOptions(options);
  const framed = extend(options, { framing: options.framing ?? none() });
  const plan = planPipe("anonymous-pipe", "receive", framed);
  checkStages(stages);
  checkChildOptions(options);
  checkChoice("input", options.input, [true, false, "inherit"]);
  checkChoice("stderr", options.stderr, ["inherit", "ignore", "collect"]);
  checkChoice("failOn", options.failOn, ["any", "last", "none"]);
  const { input: wanted = false, cwd, env, uid, gid, killSignal = "SIGTERM" } = options;

  const pipes = makePipes("pipeline", stages.length + (wanted === true ? 1 : 0), {
    capacity: options.capacity,
  });
  const first = wanted === true ? pipes.shift() : undefined;
  const { output, input } = openEnds(first, pipes, framed, plan);
  const streams = {
    input: first ?? (wanted === "inherit" ? "inherit" : "ignore"),
    behind: pipes,
    stderr: options.stderr ?? "inherit",
  } as const;
  let running: Stages;
  try {
    running = startStages(stages, streams, { cwd, env, uid, gid }, killSignal);
  } catch (error) {
    output.destroy();
    input?.destroy();
    throw error;
  }
  const { children, statuses } = running;
  output.statuses = statuses;
  whenAborted(options.signal, statuses, (reason) => {
    output.destroy(reason);
    input?.destroy(reason);
    running.kill(killSignal);
  });
  return {
    output,
    ...(input === undefined ? {} : { input }),
    children,
    statuses,
    kill: (signal = killSignal) => {
      running.kill(signal);
    },
    [Symbol.asyncDispose]: async () => {
      output.destroy();
      input?.destroy();
      running.kill(killSignal);
      await Promise.all([statuses, output.closed, input?.closed]);
    },
  };
}

/** Makes channels of the two ends that are ours, and the others fit for programs. Where that fails, all are closed. */
function openEnds<Out, In>(
  first: PipeDescriptors | undefined,
  behind: readonly PipeDescriptors[],
  options: PipelineOptions<Out, In>,
  plan: PipePlan<Out, In>,
): { output: PipelineOutput<Out, In>; input: Channel<Out, In> | undefined } {
  const ends = { mechanism: "anonymous-pipe", operation: "pipeline" } as const;
  const reader = behind.at(-1)?.reader;
  const all = [...(first === undefined ? [] : [first]), ...behind];
  const left = new Set(all.flatMap((pipe) => [pipe.reader, pipe.writer]));
  const take = (fd: number | undefined): number | undefined => {
    if (fd !== undefined) left.delete(fd);
    return fd;
  };
  let output: PipelineOutput<Out, In> | undefined;
  try {
    output = openPipe(extend(ends, { reader: take(reader) }), undefined, (stream) => {
      return new PipelineOutput(stream, extend(options, plan), options.failOn ?? "any");
    });
    let input: Channel<Out, In> | undefined;
    if (first !== undefined) {
      const traits = extend(plan.traits, { direction: "send" as const });
      input = openPipe(extend(ends, { writer: take(first.writer) }), undefined, (stream) => {
        return new StreamChannel(stream, extend(options, extend(plan, { traits })));
      });
    }
    for (const fd of left) makeBlocking(fd);
    return { output, input };
  } catch (error) {
    output?.destroy();
    closeAll([...left]);
    throw error;
  }
}
