import type { Address, Channel, Listener } from "./channel.js";
import type { DropCause } from "./statistics.js";
import type { Mechanism } from "./traits.js";

/** Somebody whom `allow` or a limit has refused: what `onRefuse` is told too. */
export interface Refusal {
  readonly mechanism: Mechanism;
  readonly address: Address | undefined;
  /** Who it was, as far as is known: `Credentials`, or what the network tells. */
  readonly peer: object;
  readonly error?: Error | undefined;
}

/**
 * Whom core tells what becomes of channels and listeners. Core imports nothing, so the one who listens is set from outside. It is told
 * in the midst of things, also within native callbacks: it must run no code of the user before it returns.
 */
export interface Observer {
  opened(channel: AnyChannel, address: Address | undefined): void;
  /** The peer has ended in an orderly way. */
  ended(channel: AnyChannel, address: Address | undefined): void;
  /** The channel is broken, by the peer or the system. */
  failed(channel: AnyChannel, address: Address | undefined, error: Error): void;
  /** Everything is released. */
  closed(channel: AnyChannel, address: Address | undefined): void;
  dropped(
    channel: AnyChannel,
    address: Address | undefined,
    cause: DropCause,
    count: number,
    error: Error | undefined,
  ): void;
  listening(listener: AnyListener, mechanism: Mechanism): void;
  stopped(listener: AnyListener, mechanism: Mechanism): void;
  refused(refusal: Refusal): void;
}

type AnyChannel = Channel<never, unknown>;
type AnyListener = Listener<Channel<never, unknown>>;

let make: (() => Observer) | undefined;
let current: Observer | undefined;

/** Sets how the observer is made, when something happens for the first time. */
export function observeWith(maker: () => Observer): void {
  make = maker;
  current = undefined;
}

/** Whom to tell, if there is anybody. */
export function observer(): Observer | undefined {
  return (current ??= make?.());
}
