import type { CloseOptions, Credentials } from "../core/channel.js";
import { ChannelError } from "../core/errors.js";
import { Callee } from "./callee.js";
import { Caller } from "./caller.js";
import { CompactWire } from "./compact/compact-wire.js";
import { JsonRpcWire } from "./json-rpc/json-rpc-wire.js";
import { checkChannel, type Limits } from "./limits.js";
import { Outbox } from "./outbox.js";
import type { ErrorBody } from "./remote-error.js";
import type { ResolvedService } from "./serve-options.js";
import type { BytesChannel } from "./types.js";
import { type CallId, type Wire, WireError, type WireSink } from "./wire.js";

/** While this side waits for answers it reads on although its own answers find no room, or two that call each other could both stop; up to here. */
const MOST_BACKLOG = 16 * 1024 * 1024;
/** Milliseconds that are read without letting the others have a turn: a peer that floods must not make them wait. */
const TURN_MS = 1;
/** The clock is looked at after so many records. */
const RECORDS_A_LOOK = 16;
const NOTHING: ResolvedService = { methods: new Map(), options: {} };

const inUse = new WeakSet<BytesChannel>();

/** One channel that carries calls, in one direction or both: reads it, and tells its two halves what came. */
export class Connection implements WireSink {
  readonly channel: BytesChannel;
  readonly limits: Limits;
  readonly options: { readonly exposeStack: boolean; readonly exposeOutput: boolean };
  readonly outbox: Outbox;
  readonly wire: Wire;
  readonly caller: Caller;
  readonly callee: Callee;
  /** Why nothing can be called or answered any more. */
  failure: Error | undefined;
  /** Who sent what is being read, where the mechanism tells. */
  sender: Credentials | undefined;
  readonly #service: ResolvedService;
  #cause: unknown;
  #idle: Promise<void> | undefined;
  #stopWaiting: (() => void) | undefined;

  /**
   * @param channel - which nobody else may use
   * @param limits - checked already
   * @param service - what the peer may call
   */
  constructor(channel: BytesChannel, limits: Limits, service: ResolvedService = NOTHING) {
    checkChannel(channel);
    if (inUse.has(channel)) {
      throw new TypeError(
        "channel carries calls already: a channel has one reader. To serve and to call over the same channel, use peer()",
      );
    }
    this.channel = channel;
    this.limits = limits;
    const { exposeStack = false, exposeOutput = false } = service.options;
    this.options = { exposeStack, exposeOutput };
    this.#service = service;
    this.sender = credentialsOf(channel);
    this.outbox = new Outbox(channel, (error) => {
      this.#fail(error);
    });
    const { reliable, ordered } = channel.traits;
    this.wire =
      limits.protocol === "compact"
        ? new CompactWire(this.outbox, limits.maxInputSize, reliable && ordered)
        : new JsonRpcWire(this.outbox, limits);
    this.caller = new Caller(this);
    this.callee = new Callee(this, service);
    this.wire.hello();
    this.outbox.flush();
    // A bound datagram socket has nobody to talk to: that is a mistake in the program.
    if (this.#cause instanceof TypeError && this.failure !== undefined) throw this.failure;
    inUse.add(channel);
    void this.#read();
  }

  /** Tells the hook of what no caller learns. */
  report(error: unknown, method?: string): void {
    try {
      this.#service.options.onError?.(error, { channel: this.channel, method });
    } catch (thrown) {
      // A hook that throws is a mistake in the program; it must not look like one of the peer.
      queueMicrotask(() => {
        throw thrown;
      });
    }
  }

  /** Ends the calls of this side; those of the peer get until the deadline, of several the first. */
  async close(options: CloseOptions = {}): Promise<void> {
    const { channel } = this;
    if (this.failure === undefined) {
      const { mechanism } = channel.traits;
      const error = (): ChannelError =>
        new ChannelError("ERR_CHANNEL_CLOSED", `Cannot call over ${mechanism}: this side has closed it`, {
          operation: "call",
          mechanism,
        });
      this.caller.end(error());
      const end = performance.now() + (options.deadline ?? Infinity);
      if (this.callee.inFlight > 0 && !(await settles(this.#drained(), options.deadline))) {
        this.callee.abort(error());
        // The functions that heed their signal answer now.
        await new Promise((resolve) => setImmediate(resolve));
      }
      this.outbox.flush();
      await settles(this.outbox.room(), end - performance.now());
      this.#end(error());
      const rest = end - performance.now();
      await channel.close(rest === Infinity ? undefined : { deadline: Math.max(rest, 100) });
      return;
    }
    await channel.close(options);
  }

  // ---- what came ------------------------------------------------------------------------------------------------------

  called(id: CallId, method: string, input: unknown, streams: boolean, reply: unknown): void {
    this.callee.called(id, method, input, streams, reply);
  }

  refused(id: CallId, method: string, error: ErrorBody, answers: boolean, reply: unknown): void {
    this.callee.refused(id, method, error, answers, reply);
  }

  notified(method: string, input: unknown): void {
    this.callee.notified(method, input);
  }

  cancelled(id: CallId): void {
    this.callee.cancelled(id);
  }

  inputItem(id: CallId, item: unknown, size: number): void {
    this.callee.inputItem(id, item, size);
  }

  inputEnd(id: CallId): void {
    this.callee.inputEnd(id);
  }

  inputFailed(id: CallId, error: ErrorBody): void {
    this.callee.inputFailed(id, error);
  }

  outputCredit(id: CallId, items: number, bytes: number): void {
    this.callee.outputCredit(id, items, bytes);
  }

  answered(id: CallId, output: unknown): void {
    this.caller.answered(id, output);
  }

  failed(id: CallId, error: ErrorBody): void {
    this.caller.failed(id, error);
  }

  opened(id: CallId): void {
    this.caller.opened(id);
  }

  outputItem(id: CallId, item: unknown, size: number): void {
    this.caller.outputItem(id, item, size);
  }

  inputCredit(id: CallId, items: number, bytes: number): void {
    this.caller.inputCredit(id, items, bytes);
  }

  inputStopped(id: CallId): void {
    this.caller.inputStopped(id);
  }

  // ---- beneath --------------------------------------------------------------------------------------------------------

  async #read(): Promise<void> {
    const perMessage = this.channel.traits.peerIdentity === "message";
    let records = 0;
    let turn = performance.now();
    try {
      while (this.failure === undefined) {
        const messages = perMessage ? await this.#receiveOne() : await this.#receive();
        for (const message of messages) {
          this.wire.feed(message);
          // Once for the message too: those that hold nothing are work as well.
          do {
            if (this.outbox.blocked) await this.#waitForRoom();
            if (this.failure !== undefined) return;
            if (++records % RECORDS_A_LOOK === 0 && performance.now() - turn > TURN_MS) {
              await new Promise((resolve) => setImmediate(resolve));
              turn = performance.now();
            }
          } while (this.wire.step(this));
        }
        // What could be answered at once leaves now: whoever waits for the next call may offer the processor to its sender.
        this.outbox.flush();
      }
    } catch (error) {
      this.#fail(error);
    }
  }

  /** A message that the kernel has cut, or that is over the limit, is lost alone: the channel goes on, and the caller's time runs out. */
  async #receive(): Promise<readonly Buffer[]> {
    try {
      const messages = await this.channel.receiveMany();
      checkBytes(messages[0]);
      return messages;
    } catch (error) {
      if (this.channel.state !== "open" || !isOneMessage(error)) throw error;
      this.report(error);
      return [];
    }
  }

  async #receiveOne(): Promise<readonly Buffer[]> {
    const { message, credentials } = await this.channel.receiveEnvelope();
    checkBytes(message);
    this.sender = credentials;
    return [message];
  }

  async #waitForRoom(): Promise<void> {
    if (this.caller.inFlight === 0) await this.outbox.room();
    else if (this.outbox.backlogBytes > MOST_BACKLOG) {
      const bytes = this.outbox.backlogBytes;
      throw new WireError(`the peer calls and does not read its answers: ${bytes} bytes wait for room`);
    }
  }

  #fail(cause: unknown): void {
    if (this.failure !== undefined) return;
    this.#cause = cause;
    const { channel } = this;
    const { mechanism } = channel.traits;
    if (cause instanceof ChannelError || !(cause instanceof Error)) {
      const closedHere = cause instanceof ChannelError && cause.code === "ERR_CHANNEL_CLOSED";
      const code = closedHere ? "ERR_CHANNEL_CLOSED" : "ERR_PEER_DIED";
      const text = closedHere ? "this side has closed it" : "the peer has gone";
      this.#end(
        new ChannelError(code, `Cannot call over ${mechanism}: ${text}`, {
          operation: "call",
          mechanism,
          cause,
        }),
      );
      if (!closedHere && cause instanceof ChannelError && cause.code !== "ERR_END_OF_CHANNEL")
        this.report(cause);
      channel.destroy();
      return;
    }
    const isPeers = cause instanceof WireError;
    const error = new ChannelError(
      isPeers ? "ERR_INVALID_MESSAGE" : "ERR_UNSUPPORTED",
      `Cannot go on over ${mechanism}: ${cause.message}`,
      { operation: "receive", mechanism, cause },
    );
    this.#end(error);
    this.report(error);
    channel.destroy();
  }

  /** Fulfils when no call of the peer is in flight, or nobody waits for that any more. */
  #drained(): Promise<void> {
    this.#idle ??= new Promise((resolve) => {
      this.#stopWaiting = resolve;
      void this.callee.drain().then(resolve);
    });
    return this.#idle;
  }

  #end(reason: Error): void {
    if (this.failure !== undefined) return;
    this.failure = reason;
    this.#stopWaiting?.();
    this.outbox.close();
    this.caller.end(reason);
    this.callee.abort(reason);
  }
}

/** What the channel tells of its peer, once for all messages. */
function credentialsOf(channel: BytesChannel): Credentials | undefined {
  if (channel.traits.peerIdentity !== "connection") return undefined;
  try {
    return (channel as Partial<{ readonly peer: Credentials }>).peer;
  } catch (error) {
    // Without the native core the kernel's word cannot be had.
    if (error instanceof ChannelError && error.code === "ERR_UNSUPPORTED") return undefined;
    throw error;
  }
}

function checkBytes(message: unknown): void {
  if (message instanceof Uint8Array) return;
  throw new TypeError(
    "channel must carry bytes, open it without a codec: messages of another kind have come",
  );
}

function isOneMessage(error: unknown): boolean {
  return (
    error instanceof ChannelError &&
    (error.code === "ERR_MESSAGE_TOO_LARGE" || error.code === "ERR_MESSAGE_TRUNCATED")
  );
}

/** Whether the promise settles within so many milliseconds. */
async function settles(promise: Promise<void>, milliseconds: number | undefined): Promise<boolean> {
  if (milliseconds === undefined || milliseconds === Infinity) {
    await promise;
    return true;
  }
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(resolve, Math.max(milliseconds, 0), false);
  });
  const outcome = await Promise.race([promise.then(() => true), late]);
  clearTimeout(timer);
  return outcome;
}
