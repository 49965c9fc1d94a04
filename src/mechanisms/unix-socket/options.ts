import { bytes, lengthPrefixed } from "../../codec/index.js";
import type { Codec, Framing } from "../../core/codec.js";
import { unsupported } from "../../core/errors.js";
import { extend } from "../../core/extend.js";
import { checkCount, checkOptions, resolveQueueLimits } from "../../core/options.js";
import { describe } from "../../core/wait.js";
import { coreAvailable } from "../../native/binding.js";
import type { UnixSocketEngine, UnixSocketOptions, UnixSocketType } from "./types.js";

/** The largest message that a stream carries unless asked otherwise. */
export const DEFAULT_MAX_MESSAGE_SIZE: number = 16 * 1024 * 1024;
/** What the u32 length of a frame can say. */
const MOST_MESSAGE_SIZE = 2 ** 32 - 1;
/** SCM_MAX_FD, unix(7). */
const MOST_HANDLES = 253;

/** Options of any kind of channel, complete and checked, so that nothing is left to be refused when a peer has come. */
export interface CheckedOptions<Out, In> extends UnixSocketOptions<Out, In> {
  readonly type: UnixSocketType;
  readonly engine: UnixSocketEngine;
  readonly codec: Codec<Out, In>;
  readonly framing: Framing;
}

interface GivenOptions<Out, In> extends UnixSocketOptions<Out, In> {
  readonly type?: UnixSocketType | undefined;
}

/**
 * Checks and completes what all channels have.
 *
 * @param options - as the user gave them
 * @param operation - the method, for error texts
 * @param types - the types that the method knows; the first is the default
 */
export function checkChannelOptions<Out, In>(
  options: GivenOptions<Out, In>,
  operation: string,
  types: readonly [UnixSocketType, ...UnixSocketType[]],
): CheckedOptions<Out, In> {
  checkOptions(options);
  const type = options.type ?? types[0];
  if (!types.includes(type)) {
    const known = types.map((name) => JSON.stringify(name)).join(", ");
    throw new TypeError(
      `options.type of UnixSocket.${operation} must be one of ${known}, received ${describe(type)}`,
    );
  }
  const engine = checkEngine(options.engine ?? "auto", type, operation);
  if (type !== "stream" && options.framing !== undefined) {
    throw new TypeError(
      `options.framing must be absent on ${type}, received ${describe(options.framing)}: the kernel keeps its messages apart`,
    );
  }
  resolveQueueLimits("sendQueue", options.sendQueue);
  resolveQueueLimits("receiveQueue", options.receiveQueue);
  if (options.maxMessageSize !== undefined)
    checkCount("options.maxMessageSize", options.maxMessageSize, 1, MOST_MESSAGE_SIZE);
  if (options.halfOpen !== undefined && typeof options.halfOpen !== "boolean") {
    throw new TypeError(`options.halfOpen must be a boolean, received ${describe(options.halfOpen)}`);
  }
  checkMaxHandles(options.maxHandles, type, engine, operation);
  const codec = options.codec ?? (bytes() as unknown as Codec<Out, In>);
  checkMethods("codec", codec, ["encode", "decode"]);
  const framing = options.framing ?? lengthPrefixed();
  checkMethods("framing", framing, ["writeHeader", "writeTrailer", "createDecoder"]);
  return extend(options, { type, engine, codec, framing });
}

function checkEngine(engine: UnixSocketEngine, type: UnixSocketType, operation: string): UnixSocketEngine {
  if (!["auto", "native", "node-unix-socket"].includes(engine)) {
    throw new TypeError(
      `options.engine must be "auto", "native" or "node-unix-socket", received ${describe(engine)}`,
    );
  }
  if (type === "stream" && engine === "node-unix-socket") {
    const text = `Cannot ${operation} on a stream with the engine "node-unix-socket", which carries seqpacket and dgram; leave options.engine out`;
    throw unsupported(text, { operation, mechanism: "unix-stream" });
  }
  return engine;
}

function checkMaxHandles(
  maxHandles: number | undefined,
  type: UnixSocketType,
  engine: UnixSocketEngine,
  operation: string,
): void {
  if (maxHandles === undefined) return;
  if (checkCount("options.maxHandles", maxHandles, 0, MOST_HANDLES) === 0) return;
  const details = { operation, mechanism: `unix-${type}` } as const;
  if (type === "dgram") {
    const text = `Cannot ${operation} on a dgram with options.maxHandles: descriptors travel over a connection, on stream and seqpacket`;
    throw unsupported(text, details);
  }
  if (engine === "node-unix-socket" || !coreAvailable()) {
    const text = `Cannot ${operation} on a ${type} with options.maxHandles without the native core: node-unix-socket and node:net carry no descriptors`;
    throw unsupported(text, details);
  }
}

function checkMethods(name: string, value: object, methods: readonly string[]): void {
  const object = value as Readonly<Record<string, unknown>> | null;
  if (
    object !== null &&
    typeof object === "object" &&
    methods.every((key) => typeof object[key] === "function")
  )
    return;
  throw new TypeError(
    `options.${name} must be an object with the methods ${methods.join(", ")}, received ${describe(value)}`,
  );
}
