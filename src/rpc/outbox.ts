import { setBacklog } from "../core/backlog.js";
import { Deque } from "../core/deque.js";
import { ChannelError } from "../core/errors.js";
import { copyOf } from "../core/view.js";
import type { BytesChannel } from "./types.js";

/** Small records travel together in messages of up to this size. */
const PACK_SIZE = 16 * 1024;
/** On a channel that may lose messages, so much is lost with one. */
const UNRELIABLE_PACK_SIZE = 1200;

/** So many records leave at once, so that the other side begins while this one is still at work: else the two take turns, each asleep while the other works. */
const MOST_RECORDS = 32;

interface Waiter {
  readonly resolve: () => void;
}

/**
 * What a connection writes. Records of one turn of the event loop are put together in a slab and given to the channel as one message. What the
 * channel has no room for waits here; whoever writes looks at `blocked` first, and waits with `room`.
 */
export class Outbox {
  /** Where records are written, from `reserve` on. */
  slab: Buffer;
  readonly maxMessageSize: number;
  readonly #channel: BytesChannel;
  readonly #broken: (error: unknown) => void;
  readonly #backlog = new Deque<Uint8Array>();
  #waiters: Waiter[] = [];
  #backlogBytes = 0;
  #used = 0;
  #records = 0;
  #scheduled = false;
  #closed = false;

  /**
   * @param channel - where messages go
   * @param broken - told when nothing can be sent any more
   */
  constructor(channel: BytesChannel, broken: (error: unknown) => void) {
    this.#channel = channel;
    setBacklog(channel, this);
    this.#broken = broken;
    const { maxMessageSize, reliable } = channel.traits;
    this.maxMessageSize = maxMessageSize;
    this.slab = Buffer.allocUnsafeSlow(Math.min(maxMessageSize, reliable ? PACK_SIZE : UNRELIABLE_PACK_SIZE));
  }

  /** Whether something waits for room in the channel. */
  get blocked(): boolean {
    return this.#backlog.length > 0;
  }

  /** Bytes that wait for room in the channel. */
  get backlogBytes(): number {
    return this.#backlogBytes;
  }

  /** Room for a record in the slab: its offset, or -1 when the slab is too small. Ends in `wrote`. */
  reserve(size: number): number {
    const { slab } = this;
    if (this.#used + size > slab.length) {
      if (size > slab.length) return -1;
      this.flush();
    }
    return this.#used;
  }

  /** Whether so many bytes fit behind the last record. */
  fits(size: number): boolean {
    return this.#used + size <= this.slab.length;
  }

  /** A record was written, which ends here. */
  wrote(end: number): void {
    this.#used = end;
    if (++this.#records >= MOST_RECORDS) this.flush();
    else if (!this.#scheduled) this.#schedule();
  }

  /** A message of its own, which the outbox keeps. */
  message(bytes: Uint8Array): void {
    this.flush();
    this.#give(bytes, true);
  }

  /** Throws unless a record of this size can be sent. */
  checkSize(size: number): void {
    if (size <= this.maxMessageSize) return;
    const { mechanism } = this.#channel.traits;
    const text = `Cannot send on ${mechanism}: the message has ${size} bytes, the limit is ${this.maxMessageSize} (traits.maxMessageSize)`;
    throw new ChannelError("ERR_MESSAGE_TOO_LARGE", text, { operation: "send", mechanism });
  }

  /** Gives the channel what was written. */
  flush(): void {
    if (this.#used === 0) return;
    const bytes = this.slab.subarray(0, this.#used);
    this.#used = this.#records = 0;
    this.#give(bytes, false);
  }

  /** Fulfils when nothing waits for room any more, and when nothing can be sent. */
  room(): Promise<void> {
    if (!this.blocked) return Promise.resolve();
    return new Promise((resolve) => {
      this.#waiters.push({ resolve });
    });
  }

  /** Nothing will be sent any more. */
  close(): void {
    this.#closed = true;
    this.#used = this.#backlogBytes = 0;
    this.#backlog.clear();
    this.#release();
  }

  #give(bytes: Uint8Array, owned: boolean): void {
    if (this.#closed) return;
    try {
      if (this.#backlog.length === 0 && this.#channel.trySend(bytes)) return;
    } catch (error) {
      this.#broken(error);
      return;
    }
    this.#backlog.push(owned ? bytes : copyOf(bytes));
    this.#backlogBytes += bytes.length;
    if (this.#backlog.length === 1) void this.#drain();
  }

  async #drain(): Promise<void> {
    try {
      for (let bytes = this.#backlog.at(0); bytes !== undefined; bytes = this.#backlog.at(0)) {
        await this.#channel.send(bytes);
        if (this.#closed) return;
        this.#backlog.shift();
        this.#backlogBytes -= bytes.length;
      }
      this.#release();
    } catch (error) {
      this.#broken(error);
    }
  }

  #release(): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const { resolve } of waiters) resolve();
  }

  #schedule(): void {
    this.#scheduled = true;
    process.nextTick(this.#leave);
  }

  readonly #leave = (): void => {
    this.#scheduled = false;
    this.flush();
  };
}
