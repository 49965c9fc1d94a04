import { ArrivingHandles, closeAll } from "./arriving-handles.js";
import { BaseChannel } from "./base-channel.js";
import type { BaseChannelOptions } from "./base-channel-options.js";
import type { ByteSink, ByteStream } from "./byte-stream.js";
import type { FileHandle, WaitOptions } from "./channel.js";
import { FrameError, type Framing } from "./codec.js";
import type { ChannelError } from "./errors.js";
import { extend } from "./extend.js";
import { FrameReader } from "./frame-reader.js";
import { checkMethods, resolveQueueLimits } from "./options.js";
import { StreamOutlet } from "./stream-outlet.js";

/** What a mechanism tells {@link StreamChannel}. */
export interface StreamChannelOptions<Out, In> extends BaseChannelOptions<Out, In> {
  readonly framing: Framing;
  /** When given, every write has at most this many bytes and ends with the end of a message, so that writers can share a pipe. */
  readonly atomicSize?: number | undefined;
}

const HANDLES = ["handles"] as const;

/** A channel over a {@link ByteStream}. */
export class StreamChannel<Out, In> extends BaseChannel<Out, In> {
  readonly #stream: ByteStream;
  readonly #framing: Framing;
  readonly #outlet: StreamOutlet;
  readonly #reader: FrameReader;
  readonly #arriving: ArrivingHandles | undefined;
  readonly #maxHandles: number;
  // The peer has ended, but frames that are complete still wait for room in the queue.
  #endPending = false;
  #peerGone = false;

  constructor(stream: ByteStream, options: StreamChannelOptions<Out, In>) {
    const { framing } = options;
    checkMethods("options.framing", framing, ["writeHeader", "writeTrailer", "createDecoder"]);
    const outlet: StreamOutlet = new StreamOutlet(
      stream,
      framing,
      resolveQueueLimits("sendQueue", options.sendQueue),
      options.atomicSize,
      () => {
        this.outgoing.departed();
        this.outgoing.roomAvailable();
      },
    );
    const maxMessageSize = Math.min(
      options.maxMessageSize ?? options.traits.maxMessageSize,
      framing.maxPayload ?? Infinity,
    );
    const { boundaries } = framing;
    const traits =
      boundaries === options.traits.boundaries ? options.traits : extend(options.traits, { boundaries });
    const maxHandles = options.maxHandles ?? 0;
    super(extend(options, { maxMessageSize, traits }), outlet, maxHandles > 0 ? HANDLES : undefined);
    this.#maxHandles = maxHandles;
    this.#arriving = maxHandles > 0 ? new ArrivingHandles() : undefined;
    this.#stream = stream;
    this.#framing = framing;
    this.#outlet = outlet;
    this.#reader = new FrameReader(framing.createDecoder(this.traits.maxMessageSize));
    stream.start(new StreamChannel.#Sink(this));
    if (this.traits.direction !== "send") stream.resume();
  }

  protected override refusal(payload: Uint8Array): string | undefined {
    return this.#framing.refuse?.(payload);
  }

  protected override resumeIncoming(): void {
    if (this.#cutMessages() && !this.#endPending) this.#stream.resume();
    this.incoming.arrived();
  }

  protected override beforeWait(options: WaitOptions | undefined): void {
    if (options?.timeout !== 0) this.#stream.beforeWait?.();
  }

  protected override release(graceful: boolean): void {
    this.#arriving?.clear();
    this.#stream.close(graceful);
  }

  protected override setRef(alive: boolean): void {
    this.#stream.setRef(alive);
  }

  /** What the stream tells of. A class, because functions of each channel's own would cost every one of them half a kilobyte. */
  static readonly #Sink = class implements ByteSink {
    readonly #channel: StreamChannel<never, unknown>;

    constructor(channel: StreamChannel<never, unknown>) {
      this.#channel = channel;
    }

    buffer(): Uint8Array {
      return this.#channel.#reader.buffer();
    }

    read(count: number, handles?: readonly FileHandle[] | "lost"): boolean {
      return this.#channel.#read(count, handles);
    }

    wrote(): void {
      this.#channel.#outlet.wrote();
    }

    ended(gone: boolean): void {
      const channel = this.#channel;
      channel.#endPending = true;
      channel.#peerGone = gone;
      channel.#cutMessages();
      channel.incoming.arrived();
    }

    fail(error: ChannelError): void {
      this.#channel.broken(error);
    }

    released(): void {
      this.#channel.released();
    }
  };

  #read(count: number, handles: readonly FileHandle[] | "lost" | undefined): boolean {
    this.#reader.filled(count);
    if (handles !== undefined) this.#arriving?.add(this.#reader.position, handles);
    this.#outlet.turned();
    const goOn = this.#cutMessages();
    this.incoming.arrived();
    // Delivering may have made room, and then has told the stream to read on.
    return goOn || !(this.incoming.holdsSource || this.state === "closed");
  }

  /** Moves whole messages from the reader to the queue, as many as there is room for. `false`: reading must stop. */
  #cutMessages(): boolean {
    if (this.discardsIncoming) {
      this.#reader.clear();
      this.#arriving?.clear();
      return true;
    }
    try {
      for (;;) {
        if (!this.incoming.hasRoom()) return false;
        const message = this.#reader.next();
        if (message === undefined) break;
        if (this.#arriving === undefined) this.incoming.push(message);
        else this.#pushWithHandles(message, this.#arriving);
      }
      if (this.#arriving !== undefined && this.#arriving.size > this.#maxHandles) {
        this.broken(this.#tooManyHandles("the stream cannot be read on"));
        return false;
      }
      if (this.#endPending) this.#finish();
      return true;
    } catch (error) {
      this.broken(this.#frameError(error));
      return false;
    }
  }

  #finish(): void {
    const last = this.#reader.finish();
    if (last !== undefined) {
      if (this.#arriving === undefined) this.incoming.push(last);
      else this.#pushWithHandles(last, this.#arriving);
    }
    this.ended(this.#peerGone);
  }

  #pushWithHandles(message: Buffer, arriving: ArrivingHandles): void {
    const handles = arriving.claim(this.#reader.cutPosition);
    if (handles === undefined) this.incoming.push(message);
    else if (handles !== "lost" && handles.length <= this.#maxHandles)
      this.incoming.push(message, { handles });
    else {
      if (handles !== "lost") closeAll(handles);
      this.incoming.pushError(this.#tooManyHandles("it was dropped, and they are closed"));
    }
  }

  #tooManyHandles(outcome: string): ChannelError {
    const text = `a message came with more descriptors than may come (${this.#maxHandles}, by options.maxHandles) or than this process can open; ${outcome}`;
    return this.error("ERR_MESSAGE_TOO_LARGE", "receive", text);
  }

  #frameError(error: unknown): ChannelError {
    const code = error instanceof FrameError ? error.code : "ERR_INVALID_MESSAGE";
    const text = error instanceof Error ? error.message : String(error);
    return this.error(
      code,
      "receive",
      `${text} (framing ${this.#framing.name}); the stream cannot be read on`,
      error,
    );
  }
}
