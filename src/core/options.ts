import type { Codec, Framing } from "./codec.js";
import { describe } from "./wait.js";

/** The bound of a queue of messages. It is full when either number is reached; one message always fits into an empty queue. */
export interface QueueLimits {
  /** Bytes of payload. 1 MiB by default. */
  readonly bytes?: number | undefined;
  /** Messages. 16,384 by default. */
  readonly messages?: number | undefined;
}

/** Options that every channel has. */
export interface ChannelOptions<Out, In> {
  /** Turns messages into bytes and back. Without one, `send` takes a `Uint8Array` and `receive` gives a `Buffer`. */
  readonly codec?: Codec<Out, In> | undefined;
  /** The largest message in bytes, after encoding, that is sent or accepted. The default and the ceiling are the mechanism's. */
  readonly maxMessageSize?: number | undefined;
  /** How much may be accepted for sending before `send` waits. */
  readonly sendQueue?: QueueLimits | undefined;
  /** How much may wait for a `receive` before reading stops. */
  readonly receiveQueue?: QueueLimits | undefined;
  /**
   * What follows when the peer has ended and everything that had arrived was delivered. `false` (the default): the channel flushes and closes itself.
   * `true`: it can still send, until `close`.
   */
  readonly halfOpen?: boolean | undefined;
}

/** Options of channels over a stream of bytes. */
export interface StreamOptions<Out, In> extends ChannelOptions<Out, In> {
  /** Keeps messages apart in the stream. `lengthPrefixed()` by default. */
  readonly framing?: Framing | undefined;
}

/** Queue limits with nothing left open. */
export interface ResolvedQueueLimits {
  readonly bytes: number;
  readonly messages: number;
}

const DEFAULT_QUEUE_LIMITS: ResolvedQueueLimits = { bytes: 1024 * 1024, messages: 16_384 };

/** Checks and completes queue limits. */
export function resolveQueueLimits(name: string, limits: QueueLimits | undefined): ResolvedQueueLimits {
  if (limits === undefined) return DEFAULT_QUEUE_LIMITS;
  if (limits === null || typeof limits !== "object") {
    throw new TypeError(`options.${name} must be { bytes?, messages? }, received ${describe(limits)}`);
  }
  return {
    bytes: checkCount(
      `options.${name}.bytes`,
      limits.bytes ?? DEFAULT_QUEUE_LIMITS.bytes,
      1,
      Number.MAX_SAFE_INTEGER,
    ),
    messages: checkCount(
      `options.${name}.messages`,
      limits.messages ?? DEFAULT_QUEUE_LIMITS.messages,
      1,
      Number.MAX_SAFE_INTEGER,
    ),
  };
}

/** Throws unless the value is a whole number in this range; returns it. */
export function checkCount(name: string, value: number, least: number, most: number): number {
  if (typeof value !== "number") throw new TypeError(`${name} must be a number, received ${describe(value)}`);
  if (!Number.isInteger(value) || value < least || value > most) {
    throw new RangeError(
      `${name} must be a whole number from ${least} to ${most}, received ${String(value)}`,
    );
  }
  return value;
}

/** Throws unless options are an object or absent. */
export function checkOptions(options: object | undefined): void {
  if (options === undefined) return;
  if (options === null || typeof options !== "object") {
    throw new TypeError(`options must be an object, received ${describe(options)}`);
  }
}

/** Throws unless the value is an object with these methods. */
export function checkMethods(name: string, value: object, methods: readonly string[]): void {
  const missing = methods.find(
    (method) => typeof (value as Record<string, unknown> | null)?.[method] !== "function",
  );
  if (missing !== undefined)
    throw new TypeError(`${name} must have a method ${missing}, received ${describe(value)}`);
}

/** Throws unless this says what follows an invalid message, or nothing. */
export function checkOnInvalid(name: string, value: unknown): void {
  if (value === undefined || value === "throw" || value === "drop" || value === "close") return;
  throw new TypeError(`${name} must be "throw", "drop" or "close", received ${describe(value)}`);
}

/** Throws unless these are descriptors that may travel with one message. */
export function checkHandles(handles: unknown, most: number, operation: string): void {
  if (!Array.isArray(handles))
    throw new TypeError(`options.handles must be an array of descriptors, received ${describe(handles)}`);
  if (operation === "sendMany" && handles.length > 0)
    throw new TypeError("options.handles go with one message; use send, received them with sendMany");
  if (handles.length > most) {
    throw new RangeError(
      `options.handles must be at most ${most} descriptors (options.maxHandles), received ${handles.length}`,
    );
  }
  for (const handle of handles as number[]) checkCount("each of options.handles", handle, 0, 2 ** 31 - 1);
}
