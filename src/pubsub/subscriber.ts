import { bytes } from "../codec/index.js";
import type { Channel, WaitOptions } from "../core/channel.js";
import type { Codec } from "../core/codec.js";
import { ChannelError } from "../core/errors.js";
import { checkCount, checkMethods, checkOptions } from "../core/options.js";
import { checkWaitOptions, describe, Wait, WaitList } from "../core/wait.js";
import { TopicCache } from "./topic-cache.js";
import { checkPattern, PatternSet } from "./topic.js";
import type { Publication, Subscriber, SubscriberOptions } from "./types.js";
import {
  between,
  checkFrame,
  encodeRequest,
  HEADER_BYTES,
  numberOf,
  SUBSCRIBE,
  UNSUBSCRIBE,
  WireError,
} from "./wire.js";

/** A channel to a publisher. */
export type SubscribingChannel = Channel<Uint8Array, Buffer> | Channel<never, Buffer>;

class Receiving<In> extends Wait<Publication<In>[]> {
  readonly max: number;

  constructor(max: number) {
    super();
    this.max = max;
  }
}

class TopicSubscriber<In> implements Subscriber<In> {
  readonly #channel: Channel<Uint8Array, Buffer>;
  readonly #codec: Codec<never, In>;
  readonly #patterns = new PatternSet();
  readonly #cache = new TopicCache((topic) => this.#patterns.matches(topic));
  readonly #waits = new WaitList<Receiving<In>>();
  // Over a channel that only receives, nobody filters but we, and gaps between the numbers tell what was missed.
  readonly #counts: boolean;
  // What has come and was not looked at: at most what the channel's queue held.
  #frames: readonly Buffer[] = [];
  #next = 0;
  #last: number | undefined;
  #untold = 0;
  #missed = 0;
  #reading = false;

  constructor(channel: Channel<Uint8Array, Buffer>, codec: Codec<never, In>, topics: readonly string[]) {
    this.#channel = channel;
    this.#codec = codec;
    this.#counts = channel.traits.direction === "receive";
    // A channel that is broken tells it to whoever receives.
    this.subscribe(...topics).catch(() => undefined);
  }

  get missed(): number {
    return this.#missed;
  }

  get topics(): readonly string[] {
    return [...this.#patterns];
  }

  // ---- topics ---------------------------------------------------------------------------------------------------------

  subscribe(...topics: string[]): Promise<void> {
    return this.#request(SUBSCRIBE, topics);
  }

  unsubscribe(...topics: string[]): Promise<void> {
    return this.#request(UNSUBSCRIBE, topics);
  }

  async #request(type: typeof SUBSCRIBE | typeof UNSUBSCRIBE, topics: readonly string[]): Promise<void> {
    for (const topic of topics) checkPattern("topic", topic);
    const changed = topics.filter((topic) => {
      const has = this.#patterns.has(topic);
      if (type === SUBSCRIBE) this.#patterns.add(topic);
      else this.#patterns.delete(topic);
      return has === (type === UNSUBSCRIBE);
    });
    if (changed.length === 0) return;
    this.#cache.clear();
    if (!this.#counts) return this.#channel.sendMany(changed.map((topic) => encodeRequest(type, topic)));
  }

  // ---- receiving ------------------------------------------------------------------------------------------------------

  async receive(options?: WaitOptions): Promise<Publication<In>> {
    const [publication] = await this.#receive(1, options, "receive");
    if (publication === undefined) throw new Error("nothing was received");
    return publication;
  }

  receiveMany(options?: WaitOptions & { readonly max?: number | undefined }): Promise<Publication<In>[]> {
    const { max } = options ?? {};
    try {
      if (max !== undefined && max !== Infinity) checkCount("options.max", max, 1, Number.MAX_SAFE_INTEGER);
    } catch (error) {
      return Promise.reject(error);
    }
    return this.#receive(max ?? Infinity, options, "receiveMany");
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Publication<In>, void, undefined> {
    try {
      for (;;) yield await this.receive();
    } catch (error) {
      const isOver =
        error instanceof ChannelError &&
        (error.code === "ERR_END_OF_CHANNEL" || error.code === "ERR_CHANNEL_CLOSED");
      if (!isOver) throw error;
    } finally {
      await this.close();
    }
  }

  #receive(max: number, options: WaitOptions | undefined, operation: string): Promise<Publication<In>[]> {
    try {
      if (options !== undefined) checkWaitOptions(options);
      if (this.#waits.size === 0) {
        let found = this.#take(max);
        if (found.length === 0 && options?.timeout === 0 && !this.#reading) found = this.#takeNow(max);
        if (found.length > 0) return Promise.resolve(found);
      }
    } catch (error) {
      return Promise.reject(this.#failure(error));
    }
    const wait = new Receiving<In>(max);
    wait.join(this.#waits);
    if (options !== undefined)
      wait.bound(options, () => {
        const text = `Cannot ${operation}: nothing was published within ${options.timeout ?? 0} ms`;
        return new ChannelError("ERR_TIMEOUT", text, { operation });
      });
    if (this.#waits.size > 0 && !this.#reading) void this.#read();
    return wait.promise;
  }

  /** What can be had without waiting. */
  #takeNow(max: number): Publication<In>[] {
    for (let frame = this.#channel.tryReceive(); frame !== undefined; frame = this.#channel.tryReceive()) {
      this.#frames = [frame];
      this.#next = 0;
      const found = this.#take(max);
      if (found.length > 0) return found;
    }
    return [];
  }

  /** Reads as long as somebody waits. */
  async #read(): Promise<void> {
    this.#reading = true;
    for (let wait = this.#waits.first(); wait !== undefined; wait = this.#waits.first()) {
      try {
        const found = this.#take(wait.max);
        if (found.length > 0) wait.fulfil(found);
        else await this.#fetch();
      } catch (error) {
        // Whoever is in line by now gets it: the first may have stopped waiting.
        this.#waits.first()?.reject(this.#failure(error));
      }
    }
    this.#reading = false;
  }

  async #fetch(): Promise<void> {
    if (this.#last === undefined && this.#counts) {
      // What a follower missed before its first message, only its channel knows.
      const { message, missed = 0 } = await this.#channel.receiveEnvelope();
      this.#untold += missed;
      this.#frames = [message];
    } else this.#frames = await this.#channel.receiveMany();
    this.#next = 0;
  }

  /** Messages that have come and are wanted. What the codec refuses is told once those before it are taken. */
  #take(max: number): Publication<In>[] {
    const found: Publication<In>[] = [];
    while (this.#next < this.#frames.length && found.length < max) {
      const frame = this.#frames[this.#next];
      if (frame === undefined) break;
      try {
        const publication = this.#decode(frame);
        if (publication !== undefined) found.push(publication);
      } catch (error) {
        if (found.length > 0) return found;
        this.#next++;
        throw error;
      }
      this.#next++;
    }
    if (this.#next >= this.#frames.length) this.#frames = [];
    return found;
  }

  #decode(frame: Buffer): Publication<In> | undefined {
    if (!checkFrame(frame)) {
      this.#untold += numberOf(frame);
      return undefined;
    }
    if (this.#counts) {
      const number = numberOf(frame);
      if (this.#last !== undefined) this.#untold += between(this.#last, number);
      this.#last = number;
    }
    const { topic, wanted } = this.#cache.find(frame);
    if (!wanted) return undefined;
    const message = this.#codec.decode(frame.subarray(HEADER_BYTES + (frame[1] ?? 0)));
    const missed = this.#untold;
    this.#untold = 0;
    this.#missed += missed;
    return { topic, message, missed };
  }

  /** What whoever receives is told; what is no frame of a publisher ends the channel. */
  #failure(error: unknown): unknown {
    if (error instanceof ChannelError || !(error instanceof Error)) return error;
    const isWire = error instanceof WireError;
    const text = isWire
      ? `Cannot receive: this is no publisher: ${error.message}`
      : `Cannot receive: a message is none of the codec ${this.#codec.name}: ${error.message}`;
    const failure = new ChannelError("ERR_INVALID_MESSAGE", text, { operation: "receive", cause: error });
    if (isWire) this.#channel.destroy(failure);
    return failure;
  }

  // ---- the end --------------------------------------------------------------------------------------------------------

  close(): Promise<void> {
    this.#frames = [];
    return this.#channel.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** Subscribes to bytes. */
export function subscriber(
  channel: SubscribingChannel,
  options: SubscriberOptions<Buffer> & { codec?: undefined },
): Subscriber<Buffer>;
/**
 * Subscribes to topics of the publisher at the other end of a channel, which belongs to the subscriber from now on. Nothing is read ahead of who receives: the channel's own queues
 * bound what waits here, and beyond it the publisher's.
 *
 * @param channel - to a publisher: one that goes both ways, or a follower of its broadcast, of which everything is read and what is not wanted is thrown away
 * @throws TypeError for a wrong argument; ChannelError `ERR_UNSUPPORTED` for a channel that only sends
 * @example
 * ```ts run
 * import { SharedBuffer, text } from "sluice";
 * import { publisher, subscriber } from "sluice/pubsub";
 *
 * const codec = text();
 * const news = publisher(await SharedBuffer.broadcast("\0docs-news"), { codec });
 * const mine = subscriber(await SharedBuffer.follow("\0docs-news"), { codec, topics: ["news.weather"] });
 * await news.publish("news.sport", "one to nil");
 * await news.publish("news.weather", "rain");
 * console.log(await mine.receive()); // { topic: "news.weather", message: "rain", missed: 0 }
 * await news.close();
 * ```
 */
export function subscriber<In>(channel: SubscribingChannel, options: SubscriberOptions<In>): Subscriber<In>;
export function subscriber(
  channel: SubscribingChannel,
  options: SubscriberOptions<unknown>,
): Subscriber<unknown> {
  checkOptions(options);
  checkMethods("channel", channel, ["receiveMany", "receiveEnvelope", "sendMany", "close"]);
  const { topics, codec = bytes() } = options;
  checkMethods("options.codec", codec, ["decode"]);
  if (!Array.isArray(topics))
    throw new TypeError(`options.topics must be an array of topics, received ${describe(topics)}`);
  for (const topic of topics as readonly string[]) checkPattern("each of options.topics", topic);
  if (channel.traits.direction === "send")
    throw new ChannelError("ERR_UNSUPPORTED", "Cannot subscribe: the channel only sends", {
      operation: "subscribe",
    });
  return new TopicSubscriber(channel, codec, topics);
}
