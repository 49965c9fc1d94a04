import type { Envelope, ReceiveOptions } from "./channel.js";
import { type Codec, CodecMistake } from "./codec.js";
import { ChannelError, type ErrorCode } from "./errors.js";
import { closeHandles, IncomingQueue } from "./incoming-queue.js";
import type { ResolvedQueueLimits } from "./options.js";
import type { PacketBatch } from "./packet-batch.js";
import type { PacketDetails } from "./packet-port.js";
import type { DropCause, QueueDepth } from "./statistics.js";
import { Wait, WaitList } from "./wait.js";

/** In what shape a message is wanted; `"bytes"`: past the codec, by a mechanism that lends its memory. */
export type Kind = "message" | "iteration" | "many" | "envelope" | "bytes";

/** What was to be taken is a message that the codec refuses and says to leave out. */
export const DROPPED: unique symbol = Symbol("dropped");

/** Somebody who waits for messages, and in what shape they are wanted. */
class ReceiveWait extends Wait<unknown> {
  readonly kind: Kind;
  readonly max: number;

  constructor(kind: Kind, max: number) {
    super();
    this.kind = kind;
    this.max = max;
  }
}

/**
 * What the receiving half needs of its channel. One table serves all channels, and each function is told which channel it is about: functions of each
 * channel's own would be half of the memory that an idle channel takes.
 */
export interface IncomingHooks<Owner> {
  /** There is room again after `hasRoom` said no. */
  resume(owner: Owner): void;
  /** Somebody was told that nothing more comes. */
  toldOver(owner: Owner): void;
  /** Nothing more comes, and nothing is left to be received. */
  drained(owner: Owner): void;
  /** An iteration was told that a message is unusable. */
  iterationFailed(owner: Owner): void;
  /** A message was refused by a codec after which the channel shall not go on. */
  failed(owner: Owner, error: ChannelError): void;
  /** Messages were dropped. */
  dropped(owner: Owner, cause: DropCause, count: number, error?: Error): void;
  /** What is known of every message's sender on this connection. */
  connectionDetails(owner: Owner): PacketDetails | undefined;
  error(owner: Owner, code: ErrorCode, operation: string, text: string, cause?: unknown): ChannelError;
}

/** What the receiving half knows of the past. */
export interface IncomingStatistics {
  readonly messages: number;
  readonly bytes: number;
  readonly queue: QueueDepth;
  readonly pauses: number;
  readonly invalid: number;
  readonly unusable: number;
  readonly unread: number;
}

/** The receiving half of a channel: the bounded queue, who waits for messages and in which order, and why nothing more will come. */
export class Incoming<In, Owner = unknown> {
  readonly #queue: IncomingQueue;
  readonly #codec: Codec<never, In>;
  readonly #owner: Owner;
  readonly #hooks: IncomingHooks<Owner>;
  readonly #receivers = new WaitList<ReceiveWait>();
  #over: (() => Error) | undefined;
  #delivering = false;
  #serving = false;
  #held = false;
  #pauses = 0;
  #invalid = 0;
  #unread = 0;

  constructor(
    limits: ResolvedQueueLimits,
    codec: Codec<never, In>,
    owner: Owner,
    hooks: IncomingHooks<Owner>,
  ) {
    this.#queue = new IncomingQueue(limits);
    this.#codec = codec;
    this.#owner = owner;
    this.#hooks = hooks;
  }

  // ---- from the source ----------------------------------------------------------------------------------------------

  /** Whether another message may be pushed. When not, the source stops until `hooks.resume`. */
  hasRoom(): boolean {
    if (this.#queue.hasRoom()) return true;
    if (!this.#held) this.#pauses++;
    this.#held = true;
    return false;
  }

  push(payload: Buffer, details?: PacketDetails): void {
    this.#queue.push(payload, details);
  }

  /** Tells a batch how many messages may come. */
  limit(batch: PacketBatch): void {
    this.#queue.limit(batch);
  }

  /** As `push` for each message of a batch, which is empty then. */
  pushAll(batch: PacketBatch): void {
    this.#queue.pushAll(batch);
  }

  /** In the place of a message that is unusable: whoever is in line gets the error. */
  pushError(error: ChannelError): void {
    this.#queue.pushError(error);
    this.#hooks.dropped(this.#owner, "unusable", 1, error);
  }

  /**
   * Messages were pushed. A codec is the user's code, which must not run in the native callback that reports them: they are delivered after it has
   * returned. Plain bytes need no codec, and are delivered at once.
   */
  arrived(): void {
    if (this.#receivers.size === 0 || this.#delivering) return;
    if (this.#codec.decodesToItself === true && this.#over === undefined) this.#deliver();
    else this.#deliverSoon();
  }

  #deliverSoon(): void {
    if (this.#receivers.size === 0 || this.#delivering) return;
    this.#delivering = true;
    process.nextTick(() => {
      this.#delivering = false;
      this.#deliver();
    });
  }

  /** Nothing more will come, for this reason. What was pushed is still delivered. The first reason counts. */
  over(reason: () => Error): void {
    this.#over ??= reason;
    this.#deliverSoon();
    if (this.#queue.length === 0) this.#hooks.drained(this.#owner);
  }

  /** Lets go of all that was pushed, and lets the source run on. */
  discard(): void {
    this.#clear();
    this.#release();
  }

  #clear(): void {
    const unread = this.#queue.clear();
    if (unread === 0) return;
    this.#unread += unread;
    this.#hooks.dropped(this.#owner, "unread", unread);
  }

  /** Whether the source was told to stop, and not yet to go on. */
  get holdsSource(): boolean {
    return this.#held;
  }

  /** How many messages wait to be received. */
  get pending(): number {
    return this.#queue.length;
  }

  /** What has come so far, and what became of it. */
  statistics(): IncomingStatistics {
    const { arrived, arrivedBytes, messages, bytes, errors } = this.#queue;
    return {
      messages: arrived,
      bytes: arrivedBytes,
      queue: { messages, bytes },
      pauses: this.#pauses,
      invalid: this.#invalid,
      unusable: errors,
      unread: this.#unread,
    };
  }

  /** What the first in line wants, if anybody waits. */
  get firstInLine(): Kind | undefined {
    return this.#receivers.first()?.kind;
  }

  /** Serves the first in line past the queue, which must be empty. */
  serveFirst(value: unknown): void {
    this.#receivers.first()?.fulfil(value);
  }

  // ---- to the receivers ---------------------------------------------------------------------------------------------

  receive(kind: Kind, max: number, options: ReceiveOptions | undefined, operation: string): Promise<unknown> {
    const taken = this.receiveNow(kind, max);
    if (taken !== undefined) return taken;
    if (this.#over !== undefined) return this.#tellOver(this.#over, kind);
    const wait = new ReceiveWait(kind, max);
    wait.join(this.#receivers);
    if (options !== undefined) {
      wait.bound(options, () =>
        this.#hooks.error(
          this.#owner,
          "ERR_TIMEOUT",
          operation,
          `nothing came within ${options.timeout ?? 0} ms`,
        ),
      );
    }
    return wait.promise;
  }

  /** Puts an error before what waits: the next receive gets it. */
  protected unshiftError(error: unknown): void {
    this.#queue.unshiftError(error);
  }

  /** Receives if a message is there that is not to be dropped, else `undefined`. */
  protected receiveNow(kind: Kind, max: number): Promise<unknown> | undefined {
    try {
      while (this.#mayTake()) {
        const taken = this.#take(kind, max);
        if (taken !== DROPPED) return Promise.resolve(taken);
      }
      return undefined;
    } catch (error) {
      return Promise.reject(error);
    }
  }

  tryReceive(): In | undefined {
    while (this.#mayTake()) {
      const taken = this.takeMessage();
      if (taken !== DROPPED) return taken;
    }
    if (this.#over === undefined) return undefined;
    const error = this.#over();
    this.#hooks.toldOver(this.#owner);
    throw error;
  }

  /** Whether a message is there that nobody has waited for. Those who wait come first, also before they are served in their own turn. */
  #mayTake(): boolean {
    if (this.#receivers.size > 0) this.#deliver();
    return this.#queue.length > 0;
  }

  #take(kind: Kind, max: number): unknown {
    if (kind === "message") return this.takeMessage();
    if (kind === "iteration") return this.#takeNext();
    if (kind === "many") return this.#takeMany(max);
    if (kind === "bytes") return this.#takeBytes();
    return this.#takeEnvelope();
  }

  /** Takes the first message; call only when there is one. */
  protected takeMessage(): In | typeof DROPPED {
    return this.#decode(this.#takeBytes());
  }

  #takeBytes(): Buffer {
    const payload = this.#queue.shift();
    const details = this.#queue.lastDetails;
    this.#release();
    if (details !== undefined) {
      if (details.error !== undefined) throw details.error as Error;
      closeHandles(details);
    }
    return payload;
  }

  /** A `for await` that fails is left for good, so that nobody would close the channel. */
  #takeNext(): IteratorResult<In> | typeof DROPPED {
    try {
      const value = this.takeMessage();
      return value === DROPPED ? DROPPED : { value, done: false };
    } catch (error) {
      this.#hooks.iterationFailed(this.#owner);
      throw error;
    }
  }

  #takeMany(max: number): In[] | typeof DROPPED {
    if (this.#codec.decodesToItself === true) {
      const payloads = this.#queue.shiftMany(max);
      if (payloads !== undefined) {
        this.#release();
        return payloads as In[];
      }
    }
    const messages: In[] = [];
    while (messages.length < max && this.#queue.length > 0) {
      try {
        const message = this.takeMessage();
        if (message !== DROPPED) messages.push(message);
      } catch (error) {
        if (messages.length === 0) throw error;
        // What was good is delivered now; the error keeps its place and goes to the next receive.
        this.unshiftError(error);
        break;
      }
    }
    return messages.length === 0 ? DROPPED : messages;
  }

  #takeEnvelope(): Envelope<In> | typeof DROPPED {
    const payload = this.#queue.shift();
    const details = this.#queue.lastDetails;
    this.#release();
    if (details?.error !== undefined) throw details.error as Error;
    try {
      const message = this.#decode(payload);
      if (message === DROPPED) {
        closeHandles(details);
        return DROPPED;
      }
      const envelope = { message };
      return Object.assign(envelope, this.#hooks.connectionDetails(this.#owner), details);
    } catch (error) {
      closeHandles(details);
      throw error;
    }
  }

  /** Lets the source run on. Only at half the limits, so that a full queue does not stop and start it at each message. */
  #release(): void {
    if (this.#over !== undefined && this.#queue.length === 0) this.#hooks.drained(this.#owner);
    if (!this.#held || !this.#queue.isHalfEmpty()) return;
    this.#held = false;
    this.#hooks.resume(this.#owner);
  }

  #decode(payload: Buffer): In | typeof DROPPED {
    try {
      return this.#codec.decode(payload);
    } catch (error) {
      if (error instanceof CodecMistake) throw error;
      this.#invalid++;
      const refusal = this.#refusal(payload, error);
      const { onInvalid } = this.#codec;
      this.#hooks.dropped(this.#owner, "invalid", 1, refusal);
      if (onInvalid === "drop") return DROPPED;
      if (onInvalid === "close") this.#fail(refusal);
      throw refusal;
    }
  }

  #refusal(payload: Buffer, error: unknown): ChannelError {
    if (error instanceof ChannelError) return error;
    const text = error instanceof Error ? error.message : String(error);
    return this.#hooks.error(
      this.#owner,
      "ERR_INVALID_MESSAGE",
      "receive",
      `${payload.length} bytes are no message of the codec ${this.#codec.name}: ${text}`,
      error,
    );
  }

  /** Ends the channel with this error. What came behind the message that was refused is nobody's any more. */
  #fail(error: ChannelError): void {
    this.#over = () => error;
    this.#clear();
    this.#hooks.failed(this.#owner, error);
    // It may have been over before, when nobody tells those who wait.
    this.#deliverSoon();
  }

  #deliver(): void {
    // Taking a message may let the source push more, which ends here again: whoever is being served must not be served a second time.
    if (this.#serving) return;
    this.#serving = true;
    try {
      this.#serveReceivers();
    } finally {
      this.#serving = false;
    }
  }

  #serveReceivers(): void {
    for (
      let wait = this.#receivers.first();
      wait !== undefined && this.#queue.length > 0;
      wait = this.#receivers.first()
    ) {
      try {
        const taken = this.#take(wait.kind, wait.max);
        if (taken !== DROPPED) wait.fulfil(taken);
      } catch (error) {
        wait.reject(error);
      }
    }
    if (this.#over === undefined || this.#queue.length > 0) return;
    for (let wait = this.#receivers.first(); wait !== undefined; wait = this.#receivers.first()) {
      wait.fulfil(this.#tellOver(this.#over, wait.kind));
    }
  }

  /** An iteration ends quietly at the end and when this side closes; everybody else is told. */
  #tellOver(reason: () => Error, kind: Kind): Promise<unknown> {
    const error = reason();
    this.#hooks.toldOver(this.#owner);
    const quiet =
      error instanceof ChannelError &&
      (error.code === "ERR_END_OF_CHANNEL" || error.code === "ERR_CHANNEL_CLOSED");
    if (kind === "iteration" && quiet) return Promise.resolve({ value: undefined, done: true });
    return Promise.reject(error);
  }
}
