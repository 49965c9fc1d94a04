import { bytes } from "../codec/index.js";
import type { Listener, WaitOptions } from "../core/channel.js";
import type { Codec } from "../core/codec.js";
import { ChannelError } from "../core/errors.js";
import {
  checkCount,
  checkMethods,
  checkOptions,
  type ResolvedQueueLimits,
  resolveQueueLimits,
} from "../core/options.js";
import { SendWait } from "../core/send-wait.js";
import { checkDuration, checkWaitOptions, describe, WaitList } from "../core/wait.js";
import { LastValues } from "./last-values.js";
import { type FrameChannel, Outbox, type OutboxHooks, type Slow } from "./outbox.js";
import { checkSize, checkSource, isBroadcast, publishError, type Source } from "./sources.js";
import { type KnownTopic, Subscriptions } from "./subscriptions.js";
import type { Publisher, PublisherOptions, PublisherPeer, PublisherTarget } from "./types.js";
import {
  decodeRequest,
  decodeTopic,
  encodeMessage,
  HEADER_BYTES,
  setSequence,
  SUBSCRIBE,
  WireError,
} from "./wire.js";

/** After so many messages or bytes of one turn of the event loop, `publish` waits for the next: else channels could not send meanwhile. */
const MESSAGES_A_TURN = 1024;
const BYTES_A_TURN = 256 * 1024;
const DEFAULT_QUEUE_MESSAGES = 1024;
const DEFAULT_DEADLINE_MS = 1000;
const ACCEPTED: Promise<void> = Promise.resolve();

class TopicPublisher<Out> implements Publisher<Out> {
  readonly #codec: Codec<Out, unknown>;
  readonly #slow: Slow;
  readonly #limits: ResolvedQueueLimits;
  readonly #lastValues: LastValues;
  readonly #maxSubscribers: number;
  readonly #maxTopics: number;
  readonly #admit: PublisherOptions<Out>["admit"];
  readonly #authorize: PublisherOptions<Out>["authorize"];
  readonly #onError: ((error: Error) => void) | undefined;
  readonly #listeners: Listener<FrameChannel>[] = [];
  readonly #outboxes = new Set<Outbox>();
  // Rings: all is written to them, once, and nobody is asked.
  readonly #broadcasts: FrameChannel[] = [];
  readonly #subscriptions = new Subscriptions();
  readonly #hooks: OutboxHooks;
  readonly #waits = new WaitList<SendWait>();
  #sequence = 0;
  #droppedBefore = 0;
  #turn: Promise<void> | undefined;
  #messagesThisTurn = 0;
  #bytesThisTurn = 0;
  #closing: Promise<void> | undefined;

  constructor(sources: readonly Source[], options: PublisherOptions<Out>) {
    const { codec = bytes() as unknown as Codec<Out, unknown>, slow = "drop-oldest" } = options;
    const { admit, authorize, onError } = options;
    checkMethods("options.codec", codec, ["encode"]);
    if (slow !== "wait" && slow !== "drop-oldest" && slow !== "disconnect")
      throw new TypeError(
        `options.slow must be "wait", "drop-oldest" or "disconnect", received ${describe(slow)}`,
      );
    for (const [name, hook] of Object.entries({ admit, authorize, onError }))
      if (hook !== undefined && typeof hook !== "function")
        throw new TypeError(`options.${name} must be a function, received ${describe(hook)}`);
    const { queue } = options;
    this.#codec = codec;
    this.#slow = slow;
    const limits = resolveQueueLimits("queue", queue);
    this.#limits = { bytes: limits.bytes, messages: queue?.messages ?? DEFAULT_QUEUE_MESSAGES };
    const most = Number.MAX_SAFE_INTEGER;
    const retain = checkCount("options.retain", options.retain ?? 0, 0, most);
    this.#lastValues = new LastValues(retain);
    this.#maxSubscribers = checkCount("options.maxSubscribers", options.maxSubscribers ?? 1024, 1, most);
    this.#maxTopics = checkCount("options.maxTopics", options.maxTopics ?? 1024, 1, most);
    this.#admit = admit;
    this.#authorize = authorize;
    this.#onError = onError;
    this.#hooks = {
      drained: () => {
        this.#serve();
      },
      failed: (outbox, error) => {
        this.#remove(outbox, error);
      },
    };
    for (const source of sources) checkSource(source, slow, retain, authorize !== undefined);
    for (const source of sources) {
      if ("accept" in source) void this.#accept(source);
      else this.#add(source);
    }
  }

  // ---- publishing -----------------------------------------------------------------------------------------------------

  publish(topic: string, message: Out, options?: WaitOptions): Promise<void> {
    try {
      const known = this.#subscriptions.know(topic);
      if (options !== undefined) checkWaitOptions(options);
      if (this.#closing !== undefined)
        throw publishError("ERR_CHANNEL_CLOSED", "publish", "the publisher is closed");
      const frame = encodeMessage(known.bytes, this.#codec.encode(message));
      if (this.#waits.size === 0 && this.#place(known, frame)) return this.#fairly(frame.length);
      const wait = new SendWait((self) => {
        if (!this.#place(known, frame)) return false;
        self.fulfil(undefined);
        return true;
      });
      wait.join(this.#waits);
      if (options !== undefined)
        wait.bound(options, () => {
          const text = `a subscriber had no room within ${options.timeout ?? 0} ms`;
          return publishError("ERR_TIMEOUT", "publish", text);
        });
      return wait.promise;
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Gives the frame to all who want it; `false`: one of them has no room, and is to be waited for. */
  #place(topic: KnownTopic, frame: Buffer): boolean {
    const outboxes = this.#subscriptions.match(topic);
    for (const channel of this.#broadcasts) checkSize(channel, frame);
    for (const outbox of outboxes) {
      checkSize(outbox.channel, frame);
      if (this.#slow === "wait" && !outbox.hasRoom) return false;
    }
    setSequence(frame, this.#sequence++);
    this.#lastValues.set(topic.name, frame);
    for (const channel of [...this.#broadcasts]) this.#broadcast(channel, frame);
    for (const outbox of outboxes) {
      if (outbox.push(frame, this.#slow)) continue;
      const text = `a subscriber had ${outbox.messages} messages waiting, and was disconnected (options.slow)`;
      this.#remove(outbox, publishError("ERR_TIMEOUT", "publish", text));
    }
    return true;
  }

  #broadcast(channel: FrameChannel, frame: Uint8Array): void {
    try {
      channel.trySend(frame);
    } catch (error) {
      this.#broadcasts.splice(this.#broadcasts.indexOf(channel), 1);
      this.#tell(error);
    }
  }

  #serve(): void {
    for (let wait = this.#waits.first(); wait !== undefined; wait = this.#waits.first()) {
      try {
        if (!wait.proceed()) return;
      } catch (error) {
        wait.reject(error);
      }
    }
  }

  #fairly(bytes: number): Promise<void> {
    if (this.#turn !== undefined) return this.#turn;
    this.#messagesThisTurn++;
    this.#bytesThisTurn += bytes;
    if (this.#messagesThisTurn < MESSAGES_A_TURN && this.#bytesThisTurn < BYTES_A_TURN) return ACCEPTED;
    this.#messagesThisTurn = this.#bytesThisTurn = 0;
    this.#turn = new Promise((resolve) => {
      setImmediate(() => {
        this.#turn = undefined;
        resolve();
      });
    });
    return this.#turn;
  }

  hasSubscribers(topic: string): boolean {
    const known = this.#subscriptions.know(topic);
    return this.#broadcasts.length > 0 || this.#subscriptions.match(known).length > 0;
  }

  // ---- subscribers ----------------------------------------------------------------------------------------------------

  get subscribers(): readonly PublisherPeer[] {
    return Array.from(this.#outboxes, (outbox) => ({
      channel: outbox.channel,
      topics: [...outbox.patterns],
      queuedMessages: outbox.messages,
      queuedBytes: outbox.backlogBytes,
      dropped: outbox.dropped,
    }));
  }

  get dropped(): number {
    let dropped = this.#droppedBefore;
    for (const outbox of this.#outboxes) dropped += outbox.dropped;
    return dropped;
  }

  async #accept(listener: Listener<FrameChannel>): Promise<void> {
    this.#listeners.push(listener);
    try {
      for (;;) {
        const channel = await listener.accept();
        if (this.#admits(channel)) this.#add(channel);
        else channel.destroy();
      }
    } catch (error) {
      if (this.#closing === undefined) this.#tell(error);
    }
  }

  #admits(channel: FrameChannel): boolean {
    try {
      // As with authorize: what is not true does not let it pass.
      const admitted: unknown = this.#admit === undefined || this.#admit(channel);
      return admitted === true;
    } catch (error) {
      this.#tell(error);
      return false;
    }
  }

  #add(channel: FrameChannel): void {
    if (this.#closing !== undefined || this.#outboxes.size >= this.#maxSubscribers) {
      channel.destroy();
      return;
    }
    if (isBroadcast(channel)) {
      this.#broadcasts.push(channel);
      return;
    }
    const outbox = new Outbox(channel, this.#limits, this.#hooks);
    this.#outboxes.add(outbox);
    if (channel.traits.direction === "send") {
      this.#subscriptions.add(outbox, "*");
      void channel.closed.then(() => {
        this.#remove(outbox, undefined);
      });
    } else void this.#listen(outbox);
  }

  async #listen(outbox: Outbox): Promise<void> {
    try {
      for (;;) {
        for (const frame of await outbox.channel.receiveMany({ max: 64 })) {
          await outbox.settled();
          this.#request(outbox, frame);
          // To take messages out of a queue is work: one who asks for it again and again gets one piece a turn.
          if (outbox.messages > 0) await new Promise((resolve) => setImmediate(resolve));
        }
      }
    } catch (error) {
      this.#remove(outbox, error);
    }
  }

  #request(outbox: Outbox, frame: Uint8Array): void {
    if (!this.#outboxes.has(outbox)) return;
    const { type, pattern } = decodeRequest(frame);
    const { patterns } = outbox;
    if (type === SUBSCRIBE) {
      if (patterns.has(pattern)) return;
      if (patterns.size >= this.#maxTopics) throw new WireError(`it asks for over ${this.#maxTopics} topics`);
      this.#checkAuthorized(outbox, pattern);
      const lastValues = this.#lastValues.matching(pattern, patterns);
      this.#subscriptions.add(outbox, pattern);
      outbox.pushLastValues(lastValues);
    } else if (patterns.has(pattern)) {
      this.#subscriptions.delete(outbox, pattern);
      outbox.purge((queued) => patterns.matches(topicOf(queued)));
      this.#serve();
    }
  }

  reauthorize(): void {
    for (const outbox of [...this.#outboxes]) {
      try {
        for (const pattern of outbox.patterns) this.#checkAuthorized(outbox, pattern);
      } catch (error) {
        this.#remove(outbox, error);
      }
    }
  }

  #checkAuthorized({ channel }: Outbox, topic: string): void {
    // Whatever its type promises: what is not true does not let a subscription be.
    const verdict: unknown = this.#authorize?.({ channel, topic }) ?? this.#authorize === undefined;
    if (verdict === true) return;
    const text = `a subscriber may not hear ${JSON.stringify(topic)} (options.authorize), and was disconnected`;
    throw publishError("ERR_ACCESS_DENIED", "publish", text);
  }

  #remove(outbox: Outbox, error: unknown): void {
    if (!this.#outboxes.delete(outbox)) return;
    this.#droppedBefore += outbox.dropped;
    this.#subscriptions.deleteAll(outbox);
    outbox.close();
    const isOver =
      error instanceof ChannelError &&
      (error.code === "ERR_END_OF_CHANNEL" || error.code === "ERR_CHANNEL_CLOSED");
    if (!isOver) {
      const text =
        error instanceof WireError ? `Cannot go on with a subscriber: ${error.message}` : undefined;
      outbox.channel.destroy();
      if (error !== undefined)
        this.#tell(text === undefined ? error : publishError("ERR_INVALID_MESSAGE", "receive", text));
    }
    // Who waited for its room need not wait any more.
    this.#serve();
  }

  #tell(error: unknown): void {
    const onError = this.#onError;
    if (onError === undefined) return;
    process.nextTick(onError, error instanceof Error ? error : new Error(String(error)));
  }

  // ---- the end --------------------------------------------------------------------------------------------------------

  close(options?: { readonly deadline?: number | undefined }): Promise<void> {
    try {
      checkOptions(options);
      if (options?.deadline !== undefined) checkDuration("deadline", options.deadline);
    } catch (error) {
      return Promise.reject(error);
    }
    this.#closing ??= this.#close(options?.deadline ?? DEFAULT_DEADLINE_MS);
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(deadline: number): Promise<void> {
    this.#waits.rejectAll(() => publishError("ERR_CHANNEL_CLOSED", "publish", "the publisher was closed"));
    const outboxes = [...this.#outboxes];
    await Promise.all([
      ...this.#listeners.map((listener) => listener.close()),
      ...this.#broadcasts.map((channel) => channel.close({ deadline })),
      ...outboxes.map((outbox) => closeOutbox(outbox, deadline)),
    ]);
  }
}

/** Gives a subscriber what waits for it, and ends its channel; at the deadline what is left is lost. */
async function closeOutbox(outbox: Outbox, deadline: number): Promise<void> {
  const end = performance.now() + deadline;
  let timer: ReturnType<typeof setTimeout> | undefined;
  if (deadline !== Infinity)
    timer = setTimeout(() => {
      outbox.channel.destroy();
    }, deadline);
  try {
    await outbox.emptied();
    await outbox.channel.close({ deadline: Math.max(0, end - performance.now()) });
  } catch (error) {
    // A subscriber that is gone, or does not take what is left, is no reason to fail: the others have all.
    if (!(error instanceof ChannelError)) throw error;
  } finally {
    clearTimeout(timer);
  }
}

function topicOf(frame: Uint8Array): string {
  return decodeTopic(frame.subarray(HEADER_BYTES, HEADER_BYTES + (frame[1] ?? 0)));
}

/** Publishes bytes. */
export function publisher(
  listenerOrChannels: PublisherTarget,
  options?: PublisherOptions<Uint8Array> & { codec?: undefined },
): Publisher<Uint8Array>;
/**
 * Publishes messages to topics, over any channels. What is given belongs to the publisher: it accepts subscribers from listeners, takes their requests, and closes
 * all when it is closed.
 *
 * Over channels that go both ways each subscriber says which topics it wants, and gets no others. A channel that only sends gets everything:
 * over a broadcast in shared memory (`SharedBuffer.broadcast`) each message is written once, however many subscribe. Each message is encoded once.
 *
 * @param listenerOrChannels - a listener, a channel, or several; they carry bytes
 * @throws TypeError or RangeError for a wrong argument; ChannelError `ERR_UNSUPPORTED` for an option that one of the channels cannot keep
 * @example
 * ```ts run
 * import { json, MemoryChannel } from "sluice";
 * import { publisher, subscriber } from "sluice/pubsub";
 *
 * const codec = json<{ price: number }>();
 * const [left, right] = MemoryChannel.pair(); // or a listener, for many subscribers
 * const prices = publisher(left, { codec, retain: 100 });
 * await prices.publish("prices.gold", { price: 7 });
 *
 * const mine = subscriber(right, { codec, topics: ["prices.*"] });
 * console.log(await mine.receive()); // { topic: "prices.gold", message: { price: 7 }, missed: 0 }
 * await prices.close();
 * ```
 */
export function publisher<Out>(
  listenerOrChannels: PublisherTarget,
  options: PublisherOptions<Out>,
): Publisher<Out>;
export function publisher(
  listenerOrChannels: PublisherTarget,
  options: PublisherOptions<never> = {},
): Publisher<never> {
  checkOptions(options);
  const several = Array.isArray(listenerOrChannels) || listenerOrChannels instanceof Set;
  const sources = (several ? [...listenerOrChannels] : [listenerOrChannels]) as Source[];
  return new TopicPublisher(sources, options);
}
