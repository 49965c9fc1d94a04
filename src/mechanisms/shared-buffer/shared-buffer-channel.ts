import type { Channel, Credentials, ReceiveManyOptions, WaitOptions } from "../../core/channel.js";
import type { Codec } from "../../core/codec.js";
import { extend } from "../../core/extend.js";
import { checkCount, type ChannelOptions } from "../../core/options.js";
import { PacketChannel } from "../../core/packet-channel.js";
import type { ChannelStatistics } from "../../core/statistics.js";
import type { ChannelTraits } from "../../core/traits.js";
import { BufferView } from "../../core/view.js";
import { checkWaitOptions, describe } from "../../core/wait.js";
import { type Lending, type ReceivedLoan, RingReceivedLoan, RingSendLoan, type SendLoan } from "./loan.js";
import { largestPayload } from "./ring-layout.js";
import { RingLender, type Visitor } from "./ring-lender.js";
import type { RingPort } from "./ring-port.js";
import type { InPlaceWriter } from "./ring-writer.js";

/** What one call of `sendInPlace` writes before the event loop may get a turn. */
const IN_PLACE_BYTES = 64 * 1024;
const NOTHING: Buffer = Buffer.alloc(0);
const NO_MAP: ArrayBuffer = new ArrayBuffer(0);

/** Options of {@link SharedBufferChannel.sendInPlace}. */
export interface SendInPlaceOptions extends WaitOptions {
  /** The most messages to send. As many as there is room for by default. */
  readonly max?: number | undefined;
}

/**
 * A channel over two rings in shared memory: {@link Channel} with ways that spare the copies of large messages.
 *
 * A message has at most half the ring's capacity less 8 bytes (`traits.maxMessageSize`). Loans carry bytes as they are, past the codec: a codec
 * on the other side decodes them as it does any message.
 */
export interface SharedBufferChannel<Out, In = Out> extends Channel<Out, In> {
  /** Who is at the other end, as the kernel told it at connect. */
  readonly peer: Credentials;

  /**
   * Borrows room in the outgoing ring, to be filled in place and sent by `commit`. Waits, in line with the sends, until there is room.
   *
   * One loan at a time: until it is committed or abandoned, everything sent or borrowed after it waits behind it. Rejects as `send` does.
   *
   * @param size - bytes, 0 to `traits.maxMessageSize`; the payload begins at a multiple of 8
   */
  loan(size: number, options?: WaitOptions): Promise<SendLoan>;
  /** Borrows room if there is some now, else `undefined`. Throws what `loan` rejects with. */
  tryLoan(size: number): SendLoan | undefined;
  /**
   * Has messages written where the receiver will read them, as many as there is room for, up to 64 KiB a call; waits, in line with the sends, until there is
   * room for one. No memory is taken for a message: with {@link SharedBufferChannel.visit} this is the fastest way to carry small ones.
   *
   * The writer is called for each message with room for `size` bytes, `memory[start, end)`, in which old bytes may be. It returns how many of them, from
   * `start` on, are the message, or `undefined` to end the call without one more. The room is the channel's again when it returns; what it sends on
   * this channel by other calls comes later. A throw of the writer rejects; the messages before it are sent.
   *
   * Rejects as `send` does, and with a `TypeError` or `RangeError` when the writer returns something else.
   *
   * @param size - the most bytes of one message, 0 to `traits.maxMessageSize`; each payload begins at a multiple of 8
   * @returns how many messages were sent; the last ones are on their way when it fulfils
   */
  sendInPlace(size: number, writer: InPlaceWriter, options?: SendInPlaceOptions): Promise<number>;

  /**
   * Receives the next message in place: in order with all other receives, and without a copy when it is still in the ring.
   *
   * Several loans may be held. The peer gets the memory of a loan and of everything after it back when it is released, so a loan that is
   * kept stops the peer in the end. Rejects as `receive` does; the end of the channel ends all loans.
   */
  receiveLoan(options?: WaitOptions): Promise<ReceivedLoan>;
  /**
   * Shows one message or more to a function, in place, as many as are there; waits for the first. No memory is taken for a
   * message: this is the fastest way to look at small ones.
   *
   * The payload is `memory[start, end)` (see {@link Visitor}); it is the peer's again when the visitor returns. A throw of the visitor
   * rejects; the message that it was shown is done.
   *
   * @returns how many messages were shown
   */
  visit(visitor: Visitor, options?: ReceiveManyOptions): Promise<number>;
}

/** What makes a channel of a port. */
export interface SharedBufferChannelOptions<Out, In> extends ChannelOptions<Out, In> {
  readonly codec: Codec<Out, In>;
  readonly peer: Credentials;
  readonly address: string;
  readonly maxMessageSize: number;
}

/** What {@link ChannelTraits} say of a channel with rings of this capacity. */
export function sharedBufferTraits(capacity: number): ChannelTraits {
  return {
    mechanism: "shared-buffer",
    direction: "both",
    boundaries: "kernel",
    ordered: true,
    reliable: true,
    maxMessageSize: largestPayload(capacity),
    scope: "host",
    peerIdentity: "connection",
    persistent: false,
    passesHandles: false,
  };
}

export class RingChannel<Out, In> extends PacketChannel<Out, In> implements SharedBufferChannel<Out, In> {
  readonly peer: Credentials;
  readonly #port: RingPort;
  readonly #lender: RingLender;
  #lent: Buffer = NOTHING;
  // To ask a Buffer for its memory is a call into the runtime.
  #lentMap: ArrayBuffer = NO_MAP;
  #lending: Lending | undefined;

  constructor(port: RingPort, options: SharedBufferChannelOptions<Out, In>) {
    const traits = sharedBufferTraits(port.memory.capacity);
    super(port, extend(options, { traits, connection: { credentials: options.peer } }));
    this.peer = options.peer;
    this.#port = port;
    this.#lender = new RingLender(port, this.incoming);
    port.lender = this.#lender;
  }

  // ---- loans ----------------------------------------------------------------------------------------------------------

  async loan(size: number, options?: WaitOptions): Promise<SendLoan> {
    this.#checkLoan(size, "loan");
    if (options !== undefined) checkWaitOptions(options);
    await this.#reserve(size, size, options, "loan");
    return this.#sendLoan(size);
  }

  async sendInPlace(size: number, writer: InPlaceWriter, options?: SendInPlaceOptions): Promise<number> {
    this.#checkLoan(size, "sendInPlace");
    if (typeof writer !== "function")
      throw new TypeError(`writer must be a function, received ${describe(writer)}`);
    if (options !== undefined) checkWaitOptions(options);
    const count = checkMax(options?.max);
    await this.#reserve(size, Math.max(size, IN_PLACE_BYTES), options, "sendInPlace");
    const sent = this.#port.produce(writer, this.#outgoingMemory(), size, count, IN_PLACE_BYTES);
    // The writer may have ended the channel; what it wrote in this call may be lost with it.
    if (this.#port.isClosed) this.#checkOpen("sendInPlace");
    return sent;
  }

  tryLoan(size: number): SendLoan | undefined {
    this.#checkLoan(size, "tryLoan");
    if (this.outgoing.waiting > 0 || !this.#port.tryLend(size)) return undefined;
    return this.#sendLoan(size);
  }

  receiveLoan(options?: WaitOptions): Promise<ReceivedLoan> {
    try {
      if (options !== undefined) checkWaitOptions(options);
      const loan = this.#takeLoan(options?.timeout !== 0);
      if (loan !== undefined) return Promise.resolve(loan);
    } catch (error) {
      return Promise.reject(error);
    }
    return this.#waitInPlace(options, "receiveLoan");
  }

  async visit(visitor: Visitor, options?: ReceiveManyOptions): Promise<number> {
    if (typeof visitor !== "function") {
      throw new TypeError(`visitor must be a function, received ${describe(visitor)}`);
    }
    if (options !== undefined) checkWaitOptions(options);
    const most = checkMax(options?.max);
    if (this.#isNext()) {
      const visited = this.#lender.visit(visitor, most);
      if (visited > 0) return visited;
    }
    const first = this.#takeLoan(options?.timeout !== 0) ?? (await this.#waitInPlace(options, "visit"));
    try {
      const { bytes } = first;
      visitor(bytes, 0, bytes.length);
    } finally {
      first.release();
    }
    return most > 1 && this.#isNext() ? 1 + this.#lender.visit(visitor, most - 1) : 1;
  }

  override statistics(): ChannelStatistics {
    const others = super.statistics();
    const { reader, writer } = this.#port;
    return extend(others, {
      messagesSent: others.messagesSent + writer.inPlaceMessages,
      bytesSent: others.bytesSent + writer.inPlaceBytes,
      messagesReceived: others.messagesReceived + reader.inPlaceMessages,
      bytesReceived: others.bytesReceived + reader.inPlaceBytes,
    });
  }

  // ---- what the other receives do besides -------------------------------------------------------------------------------

  override tryReceive(): In | undefined {
    this.#lender.isPreferred = false;
    if (this.incoming.pending === 0) this.#port.readNow();
    return super.tryReceive();
  }

  protected override beforeWait(options: WaitOptions | undefined): void {
    if (this.#lender.isPreferred) {
      this.#lender.isPreferred = false;
      // What was left in the ring for loans is now to be copied out.
      this.#port.continueLater();
    }
    if (options?.timeout === 0 || this.#port.lookBeforeWait()) this.#port.readNow();
  }

  // ---- beneath ----------------------------------------------------------------------------------------------------------

  /** Whether the next message is the caller's: none was copied out before, and nobody is in line. */
  #isNext(): boolean {
    this.#lender.isPreferred = true;
    return this.incoming.pending === 0 && !this.#lender.isWaitedFor && this.state === "open";
  }

  #takeLoan(bounded: boolean): ReceivedLoan | undefined {
    if (!this.#isNext()) return undefined;
    return (
      this.#lender.take(bounded) ?? (this.#port.lookBeforeWait() ? this.#lender.take(bounded) : undefined)
    );
  }

  async #waitInPlace(options: WaitOptions | undefined, operation: string): Promise<ReceivedLoan> {
    const waiting = this.incoming.receive("bytes", 1, options, operation);
    this.#port.continueLater();
    const got = await waiting;
    // A message that was copied out before anybody asked for it in place belongs to the receiver as it is.
    return got instanceof RingReceivedLoan ? got : new RingReceivedLoan(got as Buffer, 0, undefined);
  }

  async #reserve(
    size: number,
    bytes: number,
    options: WaitOptions | undefined,
    operation: string,
  ): Promise<void> {
    await this.outgoing.reserve(() => this.#port.tryLend(size), bytes, options, operation);
    // Between the promise and this turn somebody may have destroyed the channel.
    if (this.#port.isClosed) this.#checkOpen(operation);
  }

  #checkLoan(size: number, operation: string): void {
    checkCount("size", size, 0, Number.MAX_SAFE_INTEGER);
    this.#checkOpen(operation);
    if (size <= this.traits.maxMessageSize) return;
    const text = `the message would have ${size} bytes, the limit is ${this.traits.maxMessageSize} (traits.maxMessageSize)`;
    throw this.error("ERR_MESSAGE_TOO_LARGE", operation, text);
  }

  #checkOpen(operation: string): void {
    if (this.state === "open") return;
    // The error that broke the channel, if one did.
    this.#port.checkSend();
    throw this.error("ERR_CHANNEL_CLOSED", operation, "this side has closed it");
  }

  #sendLoan(size: number): SendLoan {
    this.#outgoingMemory();
    this.#lending ??= {
      checkOpen: () => {
        this.#checkOpen("commit");
      },
      endLoan: (length) => {
        if (!this.#port.isClosed) this.#port.endLoan(length);
      },
    };
    return new RingSendLoan(
      new BufferView(this.#lentMap, this.#port.writer.nextPayload, size),
      this.#lending,
    );
  }

  #outgoingMemory(): Buffer {
    // Not there yet, or the user has transferred it away.
    if (this.#lent.length === 0) {
      const map = this.#port.memory.mapToLend("outgoing");
      this.#lent = new BufferView(map, 0, map.byteLength);
      this.#lentMap = map;
    }
    return this.#lent;
  }
}

/** Checks how many messages are wanted at most. */
function checkMax(max: number | undefined): number {
  if (max === undefined || max === Infinity) return Infinity;
  return checkCount("options.max", max, 1, Number.MAX_SAFE_INTEGER);
}
