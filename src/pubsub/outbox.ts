import { setBacklog } from "../core/backlog.js";
import type { Channel } from "../core/channel.js";
import { Deque } from "../core/deque.js";
import type { ResolvedQueueLimits } from "../core/options.js";
import { PatternSet } from "./topic.js";
import { encodeDropped } from "./wire.js";

/** A channel that carries frames. */
export type FrameChannel = Channel<Uint8Array, Uint8Array>;

/** What is to be done with a subscriber that does not keep up. */
export type Slow = "wait" | "drop-oldest" | "disconnect";

/** Whom an {@link Outbox} reports to. */
export interface OutboxHooks {
  /** There may be room again. */
  drained(): void;
  /** Its channel has failed. */
  failed(outbox: Outbox, error: unknown): void;
}

/** The most that is given to the channel at once. */
const BATCH_MESSAGES = 128;
const BATCH_BYTES = 256 * 1024;

/** One subscriber, as the publisher has it: what it wants, and the bounded queue of what it has not yet taken. */
export class Outbox {
  readonly channel: FrameChannel;
  readonly patterns: PatternSet = new PatternSet();
  /** Set by the publisher to find it once for each message. */
  mark = 0;
  /** Messages dropped, in all. */
  dropped = 0;
  readonly #limits: ResolvedQueueLimits;
  readonly #hooks: OutboxHooks;
  // A receive-only channel is numbered without gaps: its reader counts by itself.
  readonly #tellsDrops: boolean;
  readonly #queue = new Deque<Uint8Array>();
  #bytes = 0;
  // Dropped just before the first in the queue.
  #untold = 0;
  // Last values, sent before what is in the queue. They are not copied, nor counted: the publisher keeps them anyway.
  #lastValues: readonly Uint8Array[] = [];
  #lastValue = 0;
  #settled: (() => void) | undefined;
  #pumping: Promise<void> | undefined;
  #closed = false;

  constructor(channel: FrameChannel, limits: ResolvedQueueLimits, hooks: OutboxHooks) {
    this.channel = channel;
    setBacklog(channel, this);
    this.#limits = limits;
    this.#hooks = hooks;
    this.#tellsDrops = channel.traits.direction === "both";
  }

  get messages(): number {
    return this.#queue.length;
  }

  get backlogBytes(): number {
    return this.#bytes;
  }

  /** Whether one more message fits. An empty queue takes any. */
  get hasRoom(): boolean {
    return this.#queue.length < this.#limits.messages && this.#bytes < this.#limits.bytes;
  }

  /**
   * Takes a frame, which is shared with others.
   *
   * @returns `false`: there is no room, and it is to be disconnected
   */
  push(frame: Uint8Array, slow: Slow): boolean {
    if (this.#closed) return true;
    // While it keeps up, the channel's own queue is enough.
    if (this.#pumping === undefined && this.#tryChannel(frame)) return true;
    if (slow === "disconnect" && !this.hasRoom) return false;
    while (!this.hasRoom) {
      this.#bytes -= this.#queue.shift()?.length ?? 0;
      this.dropped++;
      this.#untold++;
    }
    this.#queue.push(frame);
    this.#bytes += frame.length;
    this.#start();
    return true;
  }

  /** Sends the last values first; one set of them at a time (see {@link Outbox.settled}). */
  pushLastValues(frames: readonly Uint8Array[]): void {
    if (frames.length === 0 || this.#closed) return;
    this.#lastValues = frames;
    this.#lastValue = 0;
    this.#start();
  }

  /** Takes out what is no longer wanted: else an older message of a topic could come after the last value of a new subscription. */
  purge(isWanted: (frame: Uint8Array) => boolean): void {
    for (let left = this.#queue.length; left > 0; left--) {
      const frame = this.#queue.shift();
      if (frame === undefined) break;
      if (isWanted(frame)) this.#queue.push(frame);
      else this.#bytes -= frame.length;
    }
  }

  /** Fulfils when no last values wait: the next request of a subscriber is heeded then, so that asking again and again fills no memory. */
  settled(): Promise<void> | undefined {
    if (this.#lastValue >= this.#lastValues.length || this.#closed) return undefined;
    return new Promise((resolve) => {
      this.#settled = resolve;
    });
  }

  /** Fulfils when all that it took was given to the channel, or the channel has failed. */
  async emptied(): Promise<void> {
    await this.#pumping;
  }

  /** Lets go of everything. */
  close(): void {
    this.#closed = true;
    this.#queue.clear();
    this.#bytes = 0;
    this.#lastValues = [];
    this.#settled?.();
  }

  #tryChannel(frame: Uint8Array): boolean {
    try {
      return this.channel.trySend(frame);
    } catch (error) {
      this.#hooks.failed(this, error);
      return true;
    }
  }

  #start(): void {
    this.#pumping ??= this.#pump().then(
      () => {
        this.#pumping = undefined;
        // What came between the last look and this moment.
        if (this.#queue.length > 0 || this.#lastValues.length > 0) this.#start();
      },
      (error: unknown) => {
        this.#pumping = undefined;
        this.#hooks.failed(this, error);
      },
    );
  }

  async #pump(): Promise<void> {
    for (let batch = this.#nextBatch(); batch.length > 0; batch = this.#nextBatch()) {
      await this.channel.sendMany(batch);
      if (this.#closed) return;
      if (this.#lastValue >= this.#lastValues.length) {
        this.#lastValues = [];
        this.#lastValue = 0;
        this.#settled?.();
        this.#settled = undefined;
      }
      this.#hooks.drained();
    }
  }

  #nextBatch(): Uint8Array[] {
    const batch: Uint8Array[] = [];
    let bytes = 0;
    const isFull = (): boolean => batch.length >= BATCH_MESSAGES || bytes >= BATCH_BYTES;
    for (; this.#lastValue < this.#lastValues.length && !isFull(); this.#lastValue++) {
      const frame = this.#lastValues[this.#lastValue];
      if (frame === undefined) continue;
      batch.push(frame);
      bytes += frame.length;
    }
    if (this.#lastValue < this.#lastValues.length) return batch;
    if (this.#untold > 0 && this.#queue.length > 0) {
      if (this.#tellsDrops) batch.push(encodeDropped(this.#untold));
      this.#untold = 0;
    }
    while (this.#queue.length > 0 && !isFull()) {
      const frame = this.#queue.shift();
      if (frame === undefined) break;
      this.#bytes -= frame.length;
      batch.push(frame);
      bytes += frame.length;
    }
    return batch;
  }
}
