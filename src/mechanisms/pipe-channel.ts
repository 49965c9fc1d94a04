import { bytes, lengthPrefixed } from "../codec/index.js";
import type { Codec, Framing } from "../core/codec.js";
import { extend } from "../core/extend.js";
import { type ChannelOptions, checkCount, checkOptions, resolveQueueLimits } from "../core/options.js";
import type { ChannelTraits, Mechanism } from "../core/traits.js";
import { describe } from "../core/wait.js";
import { fromErrno, loadCore, PIPE_BUF } from "../native/binding.js";
import { DescriptorStream } from "./descriptor-stream.js";

const TRAITS: Omit<ChannelTraits, "mechanism" | "direction"> = {
  boundaries: "framed",
  ordered: true,
  reliable: true,
  maxMessageSize: 16 * 1024 * 1024,
  scope: "host",
  peerIdentity: "none",
  persistent: false,
  passesHandles: false,
};

/** The options of a channel over pipes that can be judged before there is a pipe. */
export type PipeChannelOptions<Out, In> = ChannelOptions<Out, In> & {
  readonly framing?: Framing | undefined;
  readonly capacity?: number | undefined;
};

/** What a channel is told beside its limits, after all options have been found to be right. */
export interface PipePlan<Out, In> {
  readonly traits: ChannelTraits;
  readonly framing: Framing;
  readonly codec: Codec<Out, In>;
  readonly atomicSize: number | undefined;
}

/** Checks what all channels over pipes share, before anything is opened, started or waited for. */
export function planPipe<Out, In>(
  mechanism: Mechanism,
  direction: ChannelTraits["direction"],
  options: PipeChannelOptions<Out, In>,
  writers: "single" | "many" = "single",
): PipePlan<Out, In> {
  checkOptions(options);
  resolveQueueLimits("sendQueue", options.sendQueue);
  resolveQueueLimits("receiveQueue", options.receiveQueue);
  if (options.capacity !== undefined) checkCount("options.capacity", options.capacity, PIPE_BUF, 2 ** 31 - 1);
  const framing = options.framing ?? lengthPrefixed();
  if (typeof framing.createDecoder !== "function") {
    throw new TypeError(
      `options.framing must be a Framing, such as lines(), received ${describe(options.framing)}`,
    );
  }
  const many = writers === "many";
  const most = many ? PIPE_BUF - framing.overhead : Number.MAX_SAFE_INTEGER;
  if (options.maxMessageSize !== undefined) {
    checkCount("options.maxMessageSize", options.maxMessageSize, 1, most);
  }
  return {
    traits: extend(TRAITS, { mechanism, direction, maxMessageSize: many ? most : TRAITS.maxMessageSize }),
    framing,
    codec: options.codec ?? (bytes() as Codec<unknown, unknown> as Codec<Out, In>),
    atomicSize: many ? PIPE_BUF : undefined,
  };
}

/** What a channel over pipes runs over, and what its errors say. */
export interface PipeEnds {
  readonly mechanism: Mechanism;
  /** What is being done, for errors: `"open"`, `"create"`, … */
  readonly operation: string;
  readonly address?: string | undefined;
  readonly reader?: number | undefined;
  readonly writer?: number | undefined;
}

/**
 * Makes a channel over these descriptors, which belong to it from the call on: where making it fails, they are closed.
 *
 * @param ends - the descriptors
 * @param capacity - bytes that each pipe shall hold at least
 * @param make - makes the channel over the stream
 */
export function openPipe<C>(
  ends: PipeEnds,
  capacity: number | undefined,
  make: (stream: DescriptorStream) => C,
): C {
  const descriptors = [ends.reader, ends.writer].filter((fd) => fd !== undefined);
  let stream: DescriptorStream | undefined;
  try {
    if (capacity !== undefined) for (const fd of descriptors) enlargePipe(fd, capacity, ends);
    stream = new DescriptorStream(ends);
    return make(stream);
  } catch (error) {
    if (stream !== undefined) stream.close();
    else for (const fd of descriptors) loadCore().close(fd);
    throw error;
  }
}

/** Makes a pipe hold so many bytes. It is shared with the other side, so it is never made smaller. */
export function enlargePipe(fd: number, capacity: number, { mechanism, operation, address }: PipeEnds): void {
  const core = loadCore();
  if (core.pipeCapacity(fd) >= capacity) return;
  const result = core.setPipeCapacity(fd, capacity);
  if (result >= 0) return;
  const which = address === undefined ? "a pipe" : `the FIFO ${JSON.stringify(address)}`;
  throw fromErrno(result, {
    operation,
    mechanism,
    address,
    syscall: "fcntl",
    action: `give ${which} a capacity of ${capacity} bytes`,
    hint: "the user's limits are fs.pipe-max-size and fs.pipe-user-pages-soft",
  });
}
