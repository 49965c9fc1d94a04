import type { Address, Channel, Listener } from "../core/channel.js";
import type { DropCause } from "../core/statistics.js";
import type { Mechanism } from "../core/traits.js";

/** What every event of a channel tells. */
export interface ChannelEvent {
  /** The channel. What it has done so far is in `channel.statistics()`. */
  readonly channel: Channel<never, unknown>;
  /** Its address, where it has one. */
  readonly address: Address | undefined;
}

/** What `sluice:channel:error` tells. */
export interface ChannelErrorEvent extends ChannelEvent {
  /** Why the channel is broken. Whoever waits at it, or calls it later, gets the same. */
  readonly error: Error;
}

/** What `sluice:channel:drop` tells. */
export interface ChannelDropEvent extends ChannelEvent {
  /** Why nobody gets them: a property of {@link ChannelStatistics.dropped}. */
  readonly cause: Exclude<DropCause, "lost">;
  /** How many messages. */
  readonly count: number;
  /** What the receiver in line is told, or would be. */
  readonly error: Error | undefined;
}

/** What `sluice:listener:open` and `sluice:listener:close` tell. */
export interface ListenerEvent {
  /** The listener. */
  readonly listener: Listener<Channel<never, unknown>>;
  /** Its mechanism. */
  readonly mechanism: Mechanism;
}

/** What `sluice:listener:refuse` tells. */
export interface RefusalEvent {
  /** The mechanism. */
  readonly mechanism: Mechanism;
  /** Where somebody came. */
  readonly address: Address | undefined;
  /** Who came: what `onRefuse` is told. */
  readonly peer: object;
  /** Why, where that was an error and no judgement. */
  readonly error: Error | undefined;
}

/**
 * The events that sluice publishes through `node:diagnostics_channel`, by their names, with what each tells. They are published on the next tick after what they
 * tell of, and only while somebody has subscribed.
 *
 * Source: https://nodejs.org/api/diagnostics_channel.html
 *
 * @example
 * ```ts run
 * import { subscribe } from "node:diagnostics_channel";
 * import { type DiagnosticEvents, MemoryChannel } from "sluice";
 *
 * subscribe("sluice:channel:close", (event) => {
 *   const { channel } = event as DiagnosticEvents["sluice:channel:close"];
 *   console.log(channel.traits.mechanism, channel.statistics().messagesSent);
 * });
 * const [left] = MemoryChannel.pair();
 * await left.send(Buffer.from("a message"));
 * await left.close(); // memory 1
 * ```
 */
export interface DiagnosticEvents {
  /** A channel is open. */
  readonly "sluice:channel:open": ChannelEvent;
  /** The peer has ended in an orderly way; what had arrived is still delivered. */
  readonly "sluice:channel:end": ChannelEvent;
  /** A channel is broken: the peer died, sent what cannot be, or the system refused. */
  readonly "sluice:channel:error": ChannelErrorEvent;
  /** Messages that nobody gets. */
  readonly "sluice:channel:drop": ChannelDropEvent;
  /** Everything of a channel is released. */
  readonly "sluice:channel:close": ChannelEvent;
  /** A listener listens. */
  readonly "sluice:listener:open": ListenerEvent;
  /** Somebody came whom `allow` or a limit has refused. */
  readonly "sluice:listener:refuse": RefusalEvent;
  /** A listener takes nobody any more. */
  readonly "sluice:listener:close": ListenerEvent;
}
