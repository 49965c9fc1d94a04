import {
  type Channel,
  type ChannelOptions,
  type Codec,
  type QueueLimits,
  json,
  structured,
  text,
} from "sluice";
import type { PeerOptions } from "../support/child.js";

/** One end of a pair. Tests that give a codec cast it to what the codec carries. */
export type End = Channel<Uint8Array, Buffer>;

/** Codecs by name, so that a second process can be told which. */
export type CodecName = "json" | "structured" | "text" | "picky";

/** The options of an end, as they travel to a second process. */
export interface EndOptions {
  readonly codec?: CodecName;
  readonly maxMessageSize?: number;
  readonly sendQueue?: QueueLimits;
  readonly receiveQueue?: QueueLimits;
}

/** Which end sends in a test. */
export type Way = "first-to-second" | "second-to-first";

/** Which end of a pair. */
export type EndName = "first" | "second";

/** An end that waits for the other: from now on the second may be opened. */
export interface FirstEnd {
  readonly channel: Promise<End>;
}

/**
 * What the contract suite must know of a mechanism: how a pair is made, by two processes that share nothing but a directory, and what it is
 * expected to be able to do. A maker is a module `makers/NAME.ts` whose export is `maker`; a peer loads it by its name (support/load-maker.ts).
 */
export interface Maker {
  readonly name: string;
  /** The ways in which messages can be sent. */
  readonly ways: readonly Way[];
  /** The first end, which has to be there before the second. */
  first(directory: string, options: EndOptions): Promise<FirstEnd>;
  second(directory: string, options: EndOptions): Promise<End>;
  /** Both at once, where a pair is made by one call; else `first` and `second` are called. */
  pair?(options: EndOptions): Promise<readonly [End, End]>;
  /**
   * For ends that do not find each other in a directory but are inherited: makes both. `first` and `second` then open what was claimed in this
   * process, or what it was started with.
   */
  bequeath?(): Readonly<Record<EndName, Bequest>>;
  /** Whether the ends may be in two processes. */
  readonly twoProcesses: boolean;
  /** Whether the receiver is told that the sender has gone. A datagram socket is not: there is no connection. */
  readonly receiverSeesEnd: boolean;
  /** `false`: what the receiver has no room for is lost, and the sender is never told to wait. */
  readonly reliable?: false;
  /** The largest message in bytes, where that is less than 64 KiB. */
  readonly largestMessage?: number;
  /** How many small messages it holds while nobody receives, where that is less than 50. */
  readonly holds?: number;
  /** Whether the sender is told that the receiver has gone: always, unless this is `false`. A message queue belongs to neither of them. */
  readonly senderSeesEnd?: false;
  /** Whether the empty message is carried; otherwise it is refused with this code. */
  readonly emptyMessage: "carried" | "ERR_UNSUPPORTED" | "ERR_INVALID_MESSAGE";
  /** Whether the engine works in worker threads; otherwise it refuses with `ERR_UNSUPPORTED`. */
  readonly workers: boolean;
  /** Whether an open channel keeps the process alive. Memory has nothing that could. */
  readonly keepsAlive: boolean;
  /** The options of `send` that the sending end knows. */
  readonly capabilities: readonly ("to" | "priority" | "type" | "handles")[];
  /** Files that outlive both ends by design, such as a FIFO. */
  readonly leaves: readonly string[];
  /** Files that remain, besides, when a process is killed with SIGKILL. */
  readonly leavesWhenKilled: readonly string[];
  /** Removes what outlives both ends by design and is no file of the directory. */
  remove?(directory: string): void;
  /** How often the endurance test opens and closes it, where opening is so dear that the usual 10,000 times would take minutes. */
  readonly cycles?: number;
  /** How many cycles before that are not measured, where the runtime's pools take more than the usual 100 to grow. */
  readonly warmUpCycles?: number;
}

/** An end that is not open yet, in the hands of the process that has made it. */
export interface Bequest {
  /** What a process is to be started with that shall have this end. It has its own copy then: close this one. */
  readonly peerOptions: PeerOptions;
  /** Makes this process the one that has it, or a worker: it is for whoever is opened or started next. */
  claim(): void;
  close(): void;
}

/** Both ends in this process. */
export async function makePair(
  maker: Maker,
  directory: string,
  options: EndOptions,
): Promise<readonly [End, End]> {
  if (maker.pair !== undefined) return maker.pair(options);
  const first = await maker.first(directory, options);
  const second = await maker.second(directory, options);
  return [await first.channel, second];
}

/** An end that opens at once, for `first` of a mechanism that needs no second to be open. */
export async function alreadyOpen(channel: Promise<End>): Promise<FirstEnd> {
  await channel;
  return { channel };
}

/** Waits for one peer, then stops listening. */
export function acceptOne(listener: { accept(): Promise<End>; close(): Promise<void> }): FirstEnd {
  const channel = listener.accept().finally(() => listener.close());
  return { channel };
}

/** The options as a mechanism takes them. */
export function channelOptions(options: EndOptions): ChannelOptions<Uint8Array, Buffer> {
  const { codec, ...rest } = options;
  if (codec === undefined) return rest;
  const codecs: Record<CodecName, () => Codec<never, unknown>> = { json, structured, text, picky };
  return { ...rest, codec: codecs[codec]() as unknown as Codec<Uint8Array, Buffer> };
}

/** Bytes as they are, except that a message which begins with 0xbd cannot be decoded. */
function picky(): Codec<Uint8Array, Buffer> {
  return {
    name: "picky",
    encode: (message) => message,
    decode: (bytes) => {
      if (bytes[0] === 0xbd) throw new Error("not to my taste");
      return bytes;
    },
  };
}
