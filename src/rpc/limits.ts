import { ChannelError } from "../core/errors.js";
import { checkCount, checkOptions } from "../core/options.js";
import { checkDuration, describe } from "../core/wait.js";
import type { BytesChannel } from "./types.js";

/** How calls are written: `"compact"`, or JSON-RPC 2.0 for peers that are not sluice. See docs/wire.md. */
export type Protocol = "compact" | "json-rpc";

/** How much of a stream may be under way, unasked for by the consumer's loop. */
export interface StreamCredit {
  /** Items. 32 by default. */
  readonly items?: number | undefined;
  /** Bytes of items; one item may go beyond. 256 KiB by default. */
  readonly bytes?: number | undefined;
}

/** Options that both sides of a connection have. */
export interface ConnectionOptions {
  /** How calls are written; the same on both sides. `"compact"` by default. */
  readonly protocol?: Protocol | undefined;
  /**
   * The most calls without an answer, streams included: of the server those of one peer, of a client its own. One more is refused
   * with `ERR_TOO_MANY_CALLS`. 1024 by default.
   */
  readonly maxCallsInFlight?: number | undefined;
  /** The most of them that are streams, in or out. 128 by default. */
  readonly maxStreams?: number | undefined;
  /** The largest input or item that is accepted, in bytes; a larger one is `ERR_MESSAGE_TOO_LARGE` to its caller. 4 MiB by default. */
  readonly maxInputSize?: number | undefined;
  /** How much of each stream that comes may wait for this side's loop. */
  readonly streamCredit?: StreamCredit | undefined;
}

/** Connection options with nothing left open. */
export interface Limits {
  readonly protocol: Protocol;
  readonly maxCallsInFlight: number;
  readonly maxStreams: number;
  readonly maxInputSize: number;
  readonly creditItems: number;
  readonly creditBytes: number;
}

const MOST = 2 ** 31 - 1;

/** Checks and completes connection options. */
export function resolveLimits(options: ConnectionOptions | undefined): Limits {
  checkOptions(options);
  const protocol = options?.protocol ?? "compact";
  if (protocol !== "compact" && protocol !== "json-rpc") {
    throw new TypeError(`options.protocol must be "compact" or "json-rpc", received ${describe(protocol)}`);
  }
  const { items = 32, bytes = 256 * 1024 } = options?.streamCredit ?? {};
  return {
    protocol,
    maxCallsInFlight: checkCount("options.maxCallsInFlight", options?.maxCallsInFlight ?? 1024, 1, MOST),
    maxStreams: checkCount("options.maxStreams", options?.maxStreams ?? 128, 0, MOST),
    maxInputSize: checkCount("options.maxInputSize", options?.maxInputSize ?? 4 * 1024 * 1024, 1, MOST),
    creditItems: checkCount("options.streamCredit.items", items, 1, 65_535),
    creditBytes: checkCount("options.streamCredit.bytes", bytes, 1, MOST),
  };
}

/** Milliseconds without an answer, checked. */
export function resolveTimeout(timeout: number | undefined, fallback: number): number {
  if (timeout === undefined) return fallback;
  checkDuration("timeout", timeout);
  return timeout;
}

/** Throws unless calls can go over this channel. */
export function checkChannel(channel: BytesChannel): void {
  if (typeof (channel as Partial<BytesChannel> | null)?.receiveMany !== "function") {
    throw new TypeError(`channel must be a Channel, received ${describe(channel)}`);
  }
  const { traits } = channel;
  const reason = reasonAgainst(traits.direction, traits.boundaries, traits.mechanism);
  if (reason === undefined) return;
  const text = `Cannot carry calls on ${traits.mechanism}: ${reason}`;
  throw new ChannelError("ERR_UNSUPPORTED", text, { operation: "call", mechanism: traits.mechanism });
}

function reasonAgainst(direction: string, boundaries: string, mechanism: string): string | undefined {
  if (direction !== "both") return `it goes one way ("${direction}"), and calls need an answer`;
  if (boundaries === "none")
    return "it does not keep messages apart; open it with a framing such as lengthPrefixed()";
  if (mechanism === "message-queue") return "a queue has no peer: who sends may receive it himself";
  if (mechanism === "signal") return "a signal carries no bytes";
  return undefined;
}
