import { BaseChannel } from "./base-channel.js";
import type { BaseChannelOptions } from "./base-channel-options.js";
import type { SendOptions, WaitOptions } from "./channel.js";
import { Deque } from "./deque.js";
import type { ChannelError } from "./errors.js";
import { closeHandles } from "./incoming-queue.js";
import { type ResolvedQueueLimits, resolveQueueLimits } from "./options.js";
import type { Outlet, Place } from "./outlet.js";
import type { PacketBatch } from "./packet-batch.js";
import type { BatchSink, PacketDetails, PacketPort } from "./packet-port.js";
import { copyOf } from "./view.js";

/** Packets up to this size are copied into the outgoing queue, so that the caller has its memory back at once. */
const COPY_LIMIT = 16 * 1024;
/** How many packets go to the port at once. */
const BATCH = 64;

/** The bounded queue before a packet port. A packet goes past it straight to the port while the port has room. */
class PacketOutlet implements Outlet {
  accepted = 0;
  left = 0;
  readonly #port: PacketPort;
  readonly #limits: ResolvedQueueLimits;
  readonly #queue = new Deque<Uint8Array>();
  readonly #single: Uint8Array[] = [];
  #bytes = 0;
  // The number of the last packet that is in the queue by reference.
  #lastReference = 0;

  constructor(port: PacketPort, limits: ResolvedQueueLimits) {
    this.#port = port;
    this.#limits = limits;
  }

  get queuedBytes(): number {
    return this.#bytes;
  }

  get holdsReferences(): boolean {
    return this.#lastReference > this.left;
  }

  place(payload: Uint8Array, copy: boolean): Place {
    if (this.#queue.length === 0) {
      this.#single[0] = payload;
      if (this.#port.send(this.#single, 0, 1) === 1) {
        this.accepted++;
        this.left++;
        return "accepted";
      }
    } else if (this.#isFull(payload)) return "no-room";
    return this.#enqueue(payload, copy);
  }

  placeMany(payloads: readonly Uint8Array[], start: number, end: number): number {
    // What the port does not take stays with the caller, who waits: a copy of each in the queue would cost more than it gains.
    if (this.#queue.length > 0) return 0;
    const sent = this.#port.send(payloads, start, end);
    this.accepted += sent;
    this.left += sent;
    return sent;
  }

  placeWith(payload: Uint8Array, options: SendOptions): boolean {
    // What has no destination of its own must not overtake what waits.
    if (options.to === undefined && this.#queue.length > 0) return false;
    if (this.#port.sendWith?.(payload, options) !== true) return false;
    this.accepted++;
    this.left++;
    return true;
  }

  /** Gives the port what waits, as much as it takes. Returns whether anything left. */
  drain(): boolean {
    const before = this.left;
    for (;;) {
      const batch: Uint8Array[] = [];
      for (
        let packet = this.#queue.at(0);
        packet !== undefined && batch.length < BATCH;
        packet = this.#queue.at(batch.length)
      ) {
        batch.push(packet);
      }
      if (batch.length === 0) break;
      const sent = this.#port.send(batch, 0, batch.length);
      for (let index = 0; index < sent; index++) this.#dequeue();
      if (sent < batch.length) break;
    }
    return this.left > before;
  }

  #isFull(payload: Uint8Array): boolean {
    if (this.#queue.length === 0) return false;
    return this.#queue.length >= this.#limits.messages || this.#bytes + payload.length > this.#limits.bytes;
  }

  #enqueue(payload: Uint8Array, copy: boolean): Place {
    const byReference = !copy && payload.length > COPY_LIMIT;
    this.#queue.push(byReference ? payload : copyOf(payload));
    this.#bytes += payload.length;
    this.accepted++;
    if (!byReference) return "accepted";
    this.#lastReference = this.accepted;
    return "by-reference";
  }

  #dequeue(): void {
    const packet = this.#queue.shift();
    if (packet === undefined) return;
    this.#bytes -= packet.length;
    this.left++;
  }
}

/** A channel over a {@link PacketPort}. */
export class PacketChannel<Out, In> extends BaseChannel<Out, In> {
  protected readonly port: PacketPort<BatchSink>;
  readonly #outlet: PacketOutlet;

  constructor(port: PacketPort<BatchSink>, options: BaseChannelOptions<Out, In>) {
    const outlet = new PacketOutlet(port, resolveQueueLimits("sendQueue", options.sendQueue));
    super(options, outlet, port.capabilities);
    this.port = port;
    this.#outlet = outlet;
    port.start(new PacketChannel.#Sink(this));
    if (this.traits.direction !== "send") port.resume();
  }

  override send(message: Out, options?: SendOptions): Promise<void> {
    if (this.port.hasPeer === false && options?.to === undefined)
      return Promise.reject(this.#noDestination("send"));
    return super.send(message, options);
  }

  override trySend(message: Out): boolean {
    if (this.port.hasPeer === false) throw this.#noDestination("trySend");
    return super.trySend(message);
  }

  override sendMany(messages: Iterable<Out>, options?: SendOptions): Promise<void> {
    if (this.port.hasPeer === false && options?.to === undefined)
      return Promise.reject(this.#noDestination("sendMany"));
    return super.sendMany(messages, options);
  }

  protected override get lostBySystem(): number {
    return this.port.dropped ?? 0;
  }

  protected override resumeIncoming(): void {
    this.port.resume();
  }

  protected override beforeWait(options: WaitOptions | undefined): void {
    if (options?.timeout !== 0) this.port.beforeWait?.();
  }

  protected override release(graceful: boolean): void {
    this.port.close(graceful);
  }

  protected override setRef(alive: boolean): void {
    this.port.setRef(alive);
  }

  /** What the port tells of. A class, because functions of each channel's own would cost every one of them half a kilobyte. */
  static readonly #Sink = class implements BatchSink {
    readonly #channel: PacketChannel<never, unknown>;

    constructor(channel: PacketChannel<never, unknown>) {
      this.#channel = channel;
    }

    packet(bytes: Buffer, details?: PacketDetails): boolean {
      return this.#channel.#packet(bytes, details);
    }

    limit(batch: PacketBatch): void {
      if (this.#channel.discardsIncoming) batch.limit(Infinity, Infinity);
      else this.#channel.incoming.limit(batch);
    }

    packets(batch: PacketBatch): boolean {
      if (this.#channel.discardsIncoming) {
        batch.clear();
        return true;
      }
      this.#channel.incoming.pushAll(batch);
      return this.#channel.incoming.hasRoom();
    }

    arrived(): void {
      this.#channel.incoming.arrived();
    }

    writable(to?: string): void {
      this.#channel.#writable(to);
    }

    ended(gone: boolean): void {
      this.#channel.ended(gone);
    }

    spoiled(error: ChannelError): void {
      this.#channel.incoming.pushError(error);
    }

    fail(error: ChannelError): void {
      this.#channel.broken(error);
    }

    released(): void {
      this.#channel.released();
    }
  };

  #packet(bytes: Buffer, details: PacketDetails | undefined): boolean {
    if (this.discardsIncoming) {
      closeHandles(details);
      return true;
    }
    if (bytes.length > this.traits.maxMessageSize) {
      closeHandles(details);
      const text = `a message of ${bytes.length} bytes came, the limit is ${this.traits.maxMessageSize} (traits.maxMessageSize)`;
      this.incoming.pushError(this.error("ERR_MESSAGE_TOO_LARGE", "receive", text));
    } else this.incoming.push(bytes, details);
    return this.incoming.hasRoom();
  }

  #writable(to: string | undefined): void {
    if (to === undefined) {
      let left = false;
      try {
        left = this.#outlet.drain();
      } catch (error) {
        this.broken(error as ChannelError);
        return;
      }
      if (left) this.outgoing.departed();
    }
    this.outgoing.roomAvailable(to);
  }

  #noDestination(operation: string): TypeError {
    return new TypeError(
      `${operation} needs options.to here: this ${this.traits.mechanism} channel has no fixed peer`,
    );
  }
}
