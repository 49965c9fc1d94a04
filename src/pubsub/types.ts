import type { Channel, Listener, WaitOptions } from "../core/channel.js";
import type { Codec } from "../core/codec.js";
import type { QueueLimits } from "../core/options.js";
import type { Slow } from "./outbox.js";

/** Any channel or listener that carries bytes, whatever it gives: frames are Uint8Arrays. */
export type PublishingChannel = Channel<Uint8Array, Uint8Array> | Channel<Uint8Array, never>;
/** Where subscribers come from: a listener, a channel, or several of either. */
export type PublisherTarget =
  | PublishingChannel
  | Listener<Channel<Uint8Array, Uint8Array>>
  | Iterable<PublishingChannel | Listener<Channel<Uint8Array, Uint8Array>>>;

/** What a subscriber asks for. */
export interface SubscriptionRequest {
  /** Its channel. */
  readonly channel: PublishingChannel;
  /** The topic or wildcard. */
  readonly topic: string;
}

/** Options of {@link publisher}. */
export interface PublisherOptions<Out> {
  /** Turns messages into bytes. Without one, `publish` takes a `Uint8Array`. */
  readonly codec?: Codec<Out, unknown> | undefined;
  /**
   * What becomes of a subscriber whose queue is full: `"drop-oldest"` (the default) drops the oldest message of its queue, and tells it how many; `"wait"` lets `publish` wait
   * for it, and so everybody; `"disconnect"` ends its channel. A broadcast in shared memory only has `"drop-oldest"`.
   */
  readonly slow?: Slow | undefined;
  /** How much may wait for one subscriber, beyond what its channel's own queue holds. 1,024 messages and 1 MiB by default. */
  readonly queue?: QueueLimits | undefined;
  /** Of how many topics the last message is kept for new subscribers: those published to last. 0 by default. */
  readonly retain?: number | undefined;
  /** Subscribers at a time. 1,024 by default; more are closed at once. */
  readonly maxSubscribers?: number | undefined;
  /** Topics and wildcards that one subscriber may have. 1,024 by default; more end its channel. */
  readonly maxTopics?: number | undefined;
  /** Asked about each channel of a listener before anything is read from it; only `true` lets it subscribe, else it is destroyed. By default every channel may. */
  readonly admit?: ((channel: PublishingChannel) => boolean) | undefined;
  /**
   * Decides about each subscription. Only `true` lets it be; else the subscriber's channel is closed, and `onError` gets `ERR_ACCESS_DENIED`. By default whoever has the channel may hear
   * everything. It takes channels that go both ways: over others nobody asks.
   */
  readonly authorize?: ((subscription: SubscriptionRequest) => boolean) | undefined;
  /** Told why a subscriber was cut off or lost, or a listener has failed. An orderly end is no error. */
  readonly onError?: ((error: Error) => void) | undefined;
}

/** One subscriber, as its publisher sees it. */
export interface PublisherPeer {
  /** Its channel. */
  readonly channel: PublishingChannel;
  /** Topics and wildcards that it has subscribed to. */
  readonly topics: readonly string[];
  /** Messages that wait for it, beyond what its channel holds. */
  readonly queuedMessages: number;
  /** Bytes of them. */
  readonly queuedBytes: number;
  /** Messages that were dropped for it, in all. */
  readonly dropped: number;
}

/** Tells many. Made by {@link publisher}. */
export interface Publisher<Out> extends AsyncDisposable {
  /**
   * Sends a message to all who have subscribed to the topic.
   *
   * Fulfils when every one of them has it in its channel or its queue; with `slow: "wait"` it waits for that, in the order of the calls, else it never waits for a subscriber. What
   * was aborted was sent to nobody. The bytes belong to the caller again.
   * Rejects with `ERR_CHANNEL_CLOSED` after `close`, `ERR_MESSAGE_TOO_LARGE` when one of their channels cannot carry it (nobody gets it), `ERR_TIMEOUT`, the abort reason; a
   * `TypeError` or `RangeError` for a wrong topic or a message that the codec cannot encode.
   *
   * @param topic - names with dots between them, at most 255 bytes of UTF-8, no `*`
   */
  publish(topic: string, message: Out, options?: WaitOptions): Promise<void>;
  /** Whether anybody has subscribed to this topic: to spare the making of messages that nobody wants. Always `true` with a broadcast. */
  hasSubscribers(topic: string): boolean;
  /** Asks `authorize` again about each subscription there is, after it has changed its mind: a subscriber with one that is refused loses its channel. */
  reauthorize(): void;
  /** Who has connected, and how they keep up. */
  readonly subscribers: readonly PublisherPeer[];
  /** Messages that were dropped for slow subscribers, in all, those that have gone included. */
  readonly dropped: number;
  /**
   * Ends: stops listening, gives the subscribers what waits for them, and closes their channels. What is not taken within `deadline` (milliseconds, 1,000 by default) is lost. May be
   * called again.
   */
  close(options?: { readonly deadline?: number | undefined }): Promise<void>;
}

/** A message that was published. */
export interface Publication<In> {
  /** What it was published to. */
  readonly topic: string;
  /** The message. */
  readonly message: In;
  /**
   * Messages that were lost just before it: dropped by the publisher for this subscriber, of topics that it has subscribed to; on a broadcast, overwritten before they were read, of
   * any topic.
   */
  readonly missed: number;
}

/** Options of {@link subscriber}. */
export interface SubscriberOptions<In> {
  /** Topics (`"prices.gold"`), all beneath one (`"prices.*"`: also `prices.metals.gold`), or all (`"*"`). */
  readonly topics: readonly string[];
  /** Turns bytes into messages. Without one, messages are Buffers. */
  readonly codec?: Codec<never, In> | undefined;
}

/** Hears of what is published. Made by {@link subscriber}. */
export interface Subscriber<In> extends AsyncIterable<Publication<In>>, AsyncDisposable {
  /** Messages missed, in all: the sum of what {@link Publication.missed} has told. */
  readonly missed: number;
  /** What it has subscribed to. */
  readonly topics: readonly string[];
  /**
   * The next message. Rejects as the channel's `receive` does: `ERR_END_OF_CHANNEL` at the publisher's end, `ERR_PEER_DIED`, `ERR_CHANNEL_CLOSED` after `close`, `ERR_TIMEOUT`, the abort
   * reason; with `ERR_INVALID_MESSAGE` for a message that the codec refuses (the next may be good) or for what is no frame of a publisher (that ends the channel).
   */
  receive(options?: WaitOptions): Promise<Publication<In>>;
  /** One message or more: as many as are there, at most `max`. Waits for the first. Rejects as `receive` does. */
  receiveMany(options?: WaitOptions & { readonly max?: number | undefined }): Promise<Publication<In>[]>;
  /** Subscribes to more. Fulfils when the channel has the request; the publisher heeds it when it comes there. */
  subscribe(...topics: string[]): Promise<void>;
  /** Ends subscriptions; from the call on no message of theirs is received. */
  unsubscribe(...topics: string[]): Promise<void>;
  /** Closes the channel. */
  close(): Promise<void>;
}
