import { extend } from "../../core/extend.js";
import { planPipe, openPipe } from "../pipe-channel.js";
import { PipeEnd } from "./pipe-end.js";
import { closeAll, makePipes, type PipeDescriptors } from "./pipes.js";
import type { AnonymousPipeEnds, AnonymousPipeOptions } from "./types.js";

/** Makes a pipe with both ends in this process. */
export function createPipe<Out, In>(options: AnonymousPipeOptions<Out, In>): AnonymousPipeEnds<Out, In> {
  const plan = planPipe("anonymous-pipe", "receive", options);
  const [pipe] = makePipes("create", 1, { capacity: options.capacity }) as [PipeDescriptors];
  const ends = { mechanism: "anonymous-pipe", operation: "create" } as const;
  let reader: PipeEnd<Out, In> | undefined;
  try {
    reader = openPipe(extend(ends, { reader: pipe.reader }), undefined, (stream) => {
      return new PipeEnd(stream, pipe.reader, extend(options, plan));
    });
  } catch (error) {
    closeAll([pipe.writer]);
    throw error;
  }
  try {
    const traits = extend(plan.traits, { direction: "send" as const });
    const writer = openPipe(extend(ends, { writer: pipe.writer }), undefined, (stream) => {
      return new PipeEnd(stream, pipe.writer, extend(options, extend(plan, { traits })));
    });
    return { reader, writer } as unknown as AnonymousPipeEnds<Out, In>;
  } catch (error) {
    reader.destroy();
    throw error;
  }
}
