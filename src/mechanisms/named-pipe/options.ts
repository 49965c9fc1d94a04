import { lengthPrefixed } from "../../codec/index.js";
import type { WaitOptions } from "../../core/channel.js";
import type { Framing } from "../../core/codec.js";
import { extend } from "../../core/extend.js";
import {
  type ChannelOptions,
  checkCount,
  checkOptions,
  resolveQueueLimits,
  type StreamOptions,
} from "../../core/options.js";
import type { ChannelTraits } from "../../core/traits.js";
import { checkWaitOptions, describe } from "../../core/wait.js";
import { PIPE_BUF } from "../../native/binding.js";

/** Options of `NamedPipe.create`. */
export interface NamedPipeCreateOptions {
  /** The FIFO's rights, 0 to 0o777, exactly, whatever the umask. 0o600 by default: the owner reads and writes. */
  readonly mode?: number | undefined;
  /**
   * `true` (the default): a path that exists is `ERR_ADDRESS_IN_USE`. `false`: a FIFO that is there is taken, if it belongs to this user or root and its
   * rights are no wider than `mode`.
   */
  readonly exclusive?: boolean | undefined;
}

/** What all ways of opening a FIFO have in common. */
export interface NamedPipeOpenOptions extends WaitOptions {
  /**
   * Bytes that the kernel shall hold between the two sides, 4096 at least; it rounds up. A pipe that holds more is left so. What the user's limits do not allow
   * (`fs.pipe-max-size`, `fs.pipe-user-pages-soft`) is `ERR_ACCESS_DENIED`. Without this option the pipe is as the kernel
   * made it: 64 KiB.
   */
  readonly capacity?: number | undefined;
}

/** Options of `NamedPipe.openReader`. */
export interface NamedPipeReaderOptions<In>
  extends Omit<StreamOptions<never, In>, "sendQueue" | "halfOpen">, NamedPipeOpenOptions {
  /**
   * Goes on when the last writer leaves, and waits for the next. The reader then holds the FIFO open for writing itself, and so needs the right
   * to write. Off by default: the last writer's leaving is the end of the channel.
   */
  readonly keepOpen?: boolean | undefined;
}

/** Options of `NamedPipe.openWriter`. */
export interface NamedPipeWriterOptions<Out>
  extends Omit<StreamOptions<Out, unknown>, "receiveQueue" | "halfOpen">, NamedPipeOpenOptions {
  /**
   * `"single"` (the default): nobody else writes to this FIFO meanwhile, and messages may have any size. `"many"`: other processes do, so each message has
   * to fit, with its frame, into one atomic write (4096 bytes, PIPE_BUF); a larger one is `ERR_MESSAGE_TOO_LARGE`.
   */
  readonly writers?: "single" | "many" | undefined;
}

/** Options of `NamedPipe.openDuplex`. */
export interface NamedPipeDuplexOptions<Out, In> extends StreamOptions<Out, In>, NamedPipeOpenOptions {
  /**
   * Which side this process is: `"a"` reads `path.a` and writes `path.b`, `"b"` the other way round. Without it, whoever comes
   * first is `"a"`.
   */
  readonly side?: "a" | "b" | undefined;
  /** Makes the two FIFOs, with mode 0o600, where they are missing. `true` by default. */
  readonly create?: boolean | undefined;
}

const TRAITS: Omit<ChannelTraits, "direction"> = {
  mechanism: "named-pipe",
  boundaries: "framed",
  ordered: true,
  reliable: true,
  maxMessageSize: 16 * 1024 * 1024,
  scope: "host",
  peerIdentity: "none",
  persistent: false,
  passesHandles: false,
};

/** What a channel is told beside its codec and limits, after all options have been found to be right. */
export interface Plan {
  readonly traits: ChannelTraits;
  readonly framing: Framing;
  readonly atomicSize: number | undefined;
}

/** Checks what all opening calls share, before anything is opened or waited for. */
export function planChannel(
  direction: ChannelTraits["direction"],
  options: ChannelOptions<never, unknown> & NamedPipeOpenOptions & { framing?: Framing | undefined },
  writers: "single" | "many",
): Plan {
  checkOptions(options);
  checkWaitOptions(options);
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
    traits: extend(TRAITS, { direction, maxMessageSize: many ? most : TRAITS.maxMessageSize }),
    framing,
    atomicSize: many ? PIPE_BUF : undefined,
  };
}

/** Throws unless the value is a boolean or absent. */
export function checkBoolean(name: string, value: boolean | undefined): void {
  if (value !== undefined && typeof value !== "boolean") {
    throw new TypeError(`options.${name} must be a boolean, received ${describe(value)}`);
  }
}

/** Throws unless the value is one of these or absent. */
export function checkChoice(name: string, value: string | undefined, choices: readonly string[]): void {
  if (value !== undefined && !choices.includes(value)) {
    const list = choices.map((choice) => JSON.stringify(choice)).join(" or ");
    throw new TypeError(`options.${name} must be ${list}, received ${describe(value)}`);
  }
}
