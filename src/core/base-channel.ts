import type { BaseChannelOptions } from "./base-channel-options.js";
import type {
  Channel,
  CloseOptions,
  Envelope,
  ReceiveManyOptions,
  ReceiveOptions,
  SendOptions,
  WaitOptions,
} from "./channel.js";
import {
  CAPABILITIES,
  type Capability,
  NO_CAPABILITIES,
  UNSUPPORTED_OPTION,
  WRONG_DIRECTION,
} from "./capabilities.js";
import { type Codec, MessageError } from "./codec.js";
import { ChannelError, type ErrorCode } from "./errors.js";
import { extend } from "./extend.js";
import { Incoming, type IncomingHooks } from "./incoming.js";
import {
  checkCount,
  checkHandles,
  checkMethods,
  checkOnInvalid,
  checkOptions,
  type ResolvedQueueLimits,
  resolveQueueLimits,
} from "./options.js";
import { showAs } from "./inspect.js";
import { type MessageSource, sourceOf } from "./message-source.js";
import { Outgoing } from "./outgoing.js";
import type { Outlet } from "./outlet.js";
import type { PacketDetails } from "./packet-port.js";
import { observer } from "./observer.js";
import { type ChannelStatistics, NOTHING_QUEUED, statisticsOf } from "./statistics.js";
import { type ChannelTraits, shareTraits } from "./traits.js";
import { checkDuration, checkWaitOptions, describe } from "./wait.js";

/** Any channel, whatever it carries. */
export type AnyChannel = BaseChannel<never, unknown>;

/** Makes the receiving half of a channel. */
export type MakeIncoming<In> = (
  limits: ResolvedQueueLimits,
  codec: Codec<never, In>,
  owner: AnyChannel,
  hooks: IncomingHooks<AnyChannel>,
) => Incoming<In, AnyChannel>;

/**
 * The semantics that every channel shares: what may be called when, what it checks, and the lifecycle. The waits, orders and aborts of the two directions are in
 * {@link Outgoing} and {@link Incoming}. A subclass moves bytes. A bug in the semantics so has one place to be mended.
 */
export abstract class BaseChannel<Out, In> implements Channel<Out, In> {
  readonly traits: ChannelTraits;
  readonly closed: Promise<void>;
  protected readonly outgoing: Outgoing;
  protected readonly incoming: Incoming<In, AnyChannel>;

  readonly #codec: Codec<Out, In>;
  readonly #address: string | undefined;
  readonly #capabilities: readonly Capability[];
  readonly #halfOpen: boolean;
  readonly #connection: PacketDetails | undefined;
  readonly #maxMessageSize: number;
  readonly #maxHandles: number;
  #state: "open" | "closing" | "closed" = "open";
  #resolveClosed!: () => void;
  #closing: Promise<void> | undefined;
  #released = false;
  #discards = false;
  // The peer has ended both directions: there is nobody left to answer.
  #peerGone = false;
  // The user has closed this channel, rather than it itself at the peer's end.
  #closedHere = false;
  #releasing = false;
  #failure: (() => Error) | undefined;
  // Messages that were accepted and lost with the channel, once it has failed.
  #lost = 0;
  // Those of them that had been accepted, whoever knows of it: TLS still calls some of them sent when it is destroyed.
  #unsent = 0;

  static {
    showAs(BaseChannel.prototype as AnyChannel, "Channel", (self) => {
      const { mechanism, direction } = self.traits;
      return { mechanism, direction, address: self.#address, state: self.#state };
    });
  }

  static readonly #hooks: IncomingHooks<AnyChannel> = {
    resume(channel) {
      channel.resumeIncoming();
    },
    toldOver(channel) {
      channel.#closeItself();
    },
    drained(channel) {
      // Later: whoever reports the end, or has just taken the last message, may still be at work with this channel.
      if (channel.#peerGone) process.nextTick(() => channel.#closeItself());
    },
    iterationFailed(channel) {
      void channel.close();
    },
    failed(channel, error) {
      channel.broken(error);
    },
    dropped(channel, cause, count, error) {
      observer()?.dropped(channel, channel.#address, cause, count, error);
    },
    connectionDetails(channel) {
      return channel.#connection;
    },
    error(channel, code, operation, text, cause) {
      return channel.error(code, operation, text, cause);
    },
  };

  /**
   * @param options - checked here as far as the base classes use them
   * @param outlet - where payloads go
   * @param capabilities - which options of `send` and `receive` the mechanism knows
   */
  constructor(
    options: BaseChannelOptions<Out, In>,
    outlet: Outlet,
    capabilities: readonly Capability[] = NO_CAPABILITIES,
  ) {
    const { traits, codec, connection } = options;
    checkMethods("options.codec", codec, ["encode", "decode"]);
    checkOnInvalid("options.codec.onInvalid", codec.onInvalid);
    this.#maxMessageSize = checkCount(
      "options.maxMessageSize",
      options.maxMessageSize ?? traits.maxMessageSize,
      1,
      Number.MAX_SAFE_INTEGER,
    );
    this.traits = shareTraits(
      traits.maxMessageSize === this.#maxMessageSize
        ? traits
        : extend(traits, { maxMessageSize: this.#maxMessageSize }),
    );
    this.#maxHandles = options.maxHandles ?? 0;
    this.#codec = codec;
    this.#address = options.address;
    this.#capabilities = capabilities;
    this.#halfOpen = options.halfOpen ?? false;
    this.outgoing = new Outgoing(outlet, (code, operation, text) => this.error(code, operation, text));
    this.#connection = connection;
    const receiveQueue = resolveQueueLimits("receiveQueue", options.receiveQueue);
    const makeIncoming: MakeIncoming<In> = options.makeIncoming ?? ((...parts) => new Incoming(...parts));
    this.incoming = makeIncoming(receiveQueue, codec, this, BaseChannel.#hooks);
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
    observer()?.opened(this, this.#address);
  }

  get state(): "open" | "closing" | "closed" {
    return this.#state;
  }

  // ---- what a subclass provides ---------------------------------------------------------------------------------------

  /** There is room for incoming messages again, after `incoming.hasRoom()` said no. */
  protected abstract resumeIncoming(): void;
  /** Releases everything and says `released()`, at once or later. Called once. `graceful`: all was sent, the peer shall see an orderly end. */
  protected abstract release(graceful: boolean): void;
  /** Whether this channel keeps the process alive. */
  protected abstract setRef(alive: boolean): void;
  /** Somebody is about to wait for a message, and none is there: the last occasion to look, on the caller's stack. */
  protected beforeWait?(options: WaitOptions | undefined): void;
  /** The reason why this payload cannot travel here, else `undefined`. */
  protected refusal?(payload: Uint8Array): string | undefined;

  // ---- sending --------------------------------------------------------------------------------------------------------

  send(message: Out, options?: SendOptions): Promise<void> {
    try {
      this.#checkSend("send", options);
      return this.outgoing.send(this.#encode(message, "send"), options);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  trySend(message: Out): boolean {
    this.#checkSend("trySend", undefined);
    return this.outgoing.trySend(this.#encode(message, "trySend"));
  }

  sendMany(messages: Iterable<Out>, options?: SendOptions): Promise<void> {
    try {
      this.#checkSend("sendMany", options);
      return this.#sendAll(
        sourceOf(messages, (message) => this.#encode(message, "sendMany")),
        options,
      );
    } catch (error) {
      return Promise.reject(error);
    }
  }

  flush(options?: WaitOptions): Promise<void> {
    try {
      if (options !== undefined) checkWaitOptions(options);
    } catch (error) {
      return Promise.reject(error);
    }
    const lost = this.#lost > 0 || (this.#failure !== undefined && this.outgoing.unsent > 0);
    return lost ? Promise.reject(this.#lossError("flush")) : this.outgoing.flush(options);
  }

  // ---- receiving ------------------------------------------------------------------------------------------------------

  receive(options?: ReceiveOptions): Promise<In> {
    return this.#receive("message", 1, options, "receive") as Promise<In>;
  }

  tryReceive(): In | undefined {
    if (this.traits.direction === "send") throw this.#wrongDirection("tryReceive");
    return this.incoming.tryReceive();
  }

  receiveMany(options?: ReceiveManyOptions): Promise<In[]> {
    let max = Infinity;
    try {
      if (options?.max !== undefined && options.max !== Infinity)
        max = checkCount("options.max", options.max, 1, Number.MAX_SAFE_INTEGER);
    } catch (error) {
      return Promise.reject(error);
    }
    return this.#receive("many", max, options, "receiveMany") as Promise<In[]>;
  }

  receiveEnvelope(options?: ReceiveOptions): Promise<Envelope<In>> {
    return this.#receive("envelope", 1, options, "receiveEnvelope") as Promise<Envelope<In>>;
  }

  [Symbol.asyncIterator](): AsyncIterator<In> {
    let left = false;
    return {
      next: () =>
        left
          ? Promise.resolve({ value: undefined, done: true })
          : (this.#receive("iteration", 1, undefined, "receive") as Promise<IteratorResult<In>>),
      return: async () => {
        left = true;
        await this.close();
        return { value: undefined, done: true };
      },
    };
  }

  statistics(): ChannelStatistics {
    const sent = this.outgoing.statistics();
    // What was accepted and has not left does not wait any more once the channel has failed.
    const sendQueue = this.#failure === undefined ? sent.queue : NOTHING_QUEUED;
    return statisticsOf(sent, sendQueue, this.incoming.statistics(), this.#unsent, this.lostBySystem);
  }

  // ---- lifecycle ------------------------------------------------------------------------------------------------------

  close(options?: CloseOptions): Promise<void> {
    try {
      checkOptions(options);
      if (options?.deadline !== undefined) checkDuration("deadline", options.deadline);
    } catch (error) {
      return Promise.reject(error);
    }
    this.#closedHere = true;
    this.#closing ??= this.#close();
    if (options?.deadline !== undefined) this.#closeBy(options.deadline);
    return this.#closing;
  }

  destroy(reason?: Error): void {
    if (reason !== undefined && !(reason instanceof Error)) {
      throw new TypeError(`reason must be an Error, received ${describe(reason)}`);
    }
    this.#discard();
    // Whoever destroys knows what is lost; whoever still waits for close to send it does not.
    const tellLoss = this.#closing !== undefined;
    this.#closedHere = true;
    this.#abandon(reason === undefined ? () => this.#closedError("go on") : () => reason, tellLoss);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  ref(): this {
    if (!this.#releasing) this.setRef(true);
    return this;
  }

  unref(): this {
    if (!this.#releasing) this.setRef(false);
    return this;
  }

  /** Messages that came and that the system has dropped. */
  protected get lostBySystem(): number {
    return 0;
  }

  // ---- what the subclass reports ----------------------------------------------------------------------------------------

  /** Whether nobody will receive what still comes; it is read and dropped then, so that the peer can finish. */
  protected get discardsIncoming(): boolean {
    return this.#discards;
  }

  /** The peer has ended in an orderly way; what was pushed is still delivered. `gone`: it can receive nothing any more either. */
  protected ended(gone: boolean): void {
    this.#peerGone = gone;
    observer()?.ended(this, this.#address);
    this.incoming.over(() =>
      this.error(
        "ERR_END_OF_CHANNEL",
        "receive",
        "the peer has ended it, and all that it sent was delivered",
      ),
    );
  }

  /** The channel is broken: nothing more leaves or comes, but what was pushed is still delivered. */
  protected broken(error: ChannelError): void {
    if (!this.#releasing) observer()?.failed(this, this.#address, error);
    this.#abandon(() => error, true);
  }

  /** Everything is released. */
  protected released(): void {
    if (!this.#released) observer()?.closed(this, this.#address);
    this.#released = true;
    this.#state = "closed";
    this.#resolveClosed();
  }

  /** An error of this channel. */
  protected error(code: ErrorCode, operation: string, text: string, cause?: unknown): ChannelError {
    const { mechanism } = this.traits;
    const where = this.#address === undefined ? "" : ` ${JSON.stringify(this.#address)}`;
    const issues = cause instanceof MessageError ? cause.issues : undefined;
    const details = { operation, mechanism, address: this.#address, issues, cause };
    return new ChannelError(code, `Cannot ${operation} on ${mechanism}${where}: ${text}`, details);
  }

  // ---- beneath ------------------------------------------------------------------------------------------------------------

  #checkSend(operation: string, options: SendOptions | undefined): void {
    if (this.traits.direction === "receive") throw this.#wrongDirection(operation);
    if (options !== undefined) this.#checkOptions(operation, options);
    if (this.#state !== "open") throw this.#failure?.() ?? this.#closedError(operation);
  }

  #sendAll({ next, leave }: MessageSource, options: SendOptions | undefined): Promise<void> {
    let sent: Promise<void>;
    try {
      sent = this.outgoing.sendMany(next, options);
    } catch (error) {
      leave?.();
      throw error;
    }
    if (leave !== undefined) sent.catch(leave);
    return sent;
  }

  #checkOptions(operation: string, options: SendOptions): void {
    checkWaitOptions(options);
    for (const name of CAPABILITIES) {
      if (options[name] !== undefined && !this.#capabilities.includes(name)) {
        throw this.error("ERR_UNSUPPORTED", operation, UNSUPPORTED_OPTION[name]);
      }
    }
    if (options.handles !== undefined) checkHandles(options.handles, this.#maxHandles, operation);
  }

  #encode(message: Out, operation: string): Uint8Array {
    const payload = this.#codec.encode(message);
    if (payload.length > this.#maxMessageSize) {
      const text = `the message has ${payload.length} bytes, the limit is ${this.#maxMessageSize} (traits.maxMessageSize)`;
      throw this.error("ERR_MESSAGE_TOO_LARGE", operation, text);
    }
    const refusal = this.refusal?.(payload);
    if (refusal !== undefined) throw this.error("ERR_INVALID_MESSAGE", operation, refusal);
    return payload;
  }

  #receive(
    kind: "message" | "iteration" | "many" | "envelope",
    max: number,
    options: ReceiveOptions | undefined,
    operation: string,
  ): Promise<unknown> {
    try {
      if (this.traits.direction === "send") throw this.#wrongDirection(operation);
      if (options !== undefined) this.#checkOptions(operation, options);
    } catch (error) {
      return Promise.reject(error);
    }
    if (this.incoming.pending === 0 && this.#state === "open") this.beforeWait?.(options);
    return this.incoming.receive(kind, max, options, operation);
  }

  #close(): Promise<void> {
    if (this.#state === "open") {
      this.#state = "closing";
      this.incoming.over(() => this.#closedError("receive"));
      this.#discard();
      this.outgoing.whenIdle(() => {
        if (this.#releasing) return;
        this.#releasing = true;
        this.release(true);
      });
    }
    const outcome = this.closed.then(() => {
      if (this.#lost > 0) throw this.#lossError("close");
    });
    // Kept for whoever calls close; a channel that closes itself may have nobody who does.
    outcome.catch(() => undefined);
    return outcome;
  }

  #discard(): void {
    this.#discards = true;
    this.incoming.discard();
  }

  /** At the peer's end, once that is known to the user or of no concern to him. */
  #closeItself(): void {
    if (this.#state === "open" && !this.#halfOpen) this.#closing ??= this.#close();
  }

  #closeBy(deadline: number): void {
    // A timer would take Infinity for 1 ms.
    if (this.#released || deadline === Infinity) return;
    const timer = setTimeout(() => {
      const { unsent, waiting } = this.outgoing;
      const others = waiting > 0 ? `, and ${waiting} calls still waited for room` : "";
      const text = `${unsent} accepted messages did not leave within ${deadline} ms${others}`;
      this.#abandon(() => this.error("ERR_TIMEOUT", "close", text), true);
    }, deadline);
    void this.closed.then(() => {
      clearTimeout(timer);
    });
  }

  /** Ends everything at once. `tellLoss`: accepted messages that did not leave make `flush` and `close` fail. */
  #abandon(reason: () => Error, tellLoss: boolean): void {
    if (this.#releasing) return;
    this.#releasing = true;
    this.#state = "closed";
    this.#failure = reason;
    if (tellLoss) this.#lost = this.outgoing.unsent + this.outgoing.waiting;
    this.#unsent = this.outgoing.unsent;
    if (this.#unsent > 0) observer()?.dropped(this, this.#address, "unsent", this.#unsent, reason());
    this.outgoing.abandon(reason);
    this.incoming.over(reason);
    this.release(false);
  }

  #lossError(operation: string): ChannelError {
    const cause = this.#failure?.();
    const code = cause instanceof ChannelError ? cause.code : "ERR_CHANNEL_CLOSED";
    const count = Math.max(this.#lost, this.outgoing.unsent);
    const lost = `${count} ${count === 1 ? "message" : "messages"} did not leave`;
    return this.error(code, operation, `${lost}: ${cause?.message ?? "the channel was destroyed"}`, cause);
  }

  #closedError(operation: string): ChannelError {
    return this.#closedHere
      ? this.error("ERR_CHANNEL_CLOSED", operation, "this side has closed it")
      : this.error("ERR_PEER_DIED", operation, "the peer has ended it, and it has closed itself");
  }

  #wrongDirection(operation: string): ChannelError {
    return this.error("ERR_UNSUPPORTED", operation, WRONG_DIRECTION[this.traits.direction]);
  }
}
