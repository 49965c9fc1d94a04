import type { SendOptions } from "../../../core/channel.js";
import type { PacketPort, PacketSink } from "../../../core/packet-port.js";
import {
  coreAvailable,
  ECONNRESET,
  loadCore,
  type NativeCore,
  SHUT_RDWR,
  SO_ERROR,
} from "../../../native/binding.js";
import { leavePair, type PairedPort } from "./datagram-pair.js";
import { Destinations } from "./destinations.js";
import type { PacketPortOptions } from "./engine.js";
import { createSocket, type PackageSocket } from "./package-addon.js";
import { peerDied, truncated, writeRefused } from "./port-errors.js";
import { readOne } from "./read-one.js";
import { readLimit } from "./traits.js";

/** Packets, and bytes, that are taken before reading pauses, so that a fast sender neither fills the memory nor holds the event loop. */
const PACKETS_A_TURN = 64;
const BYTES_A_TURN = 1024 * 1024;
/** How often room in the own send buffer is looked for, in milliseconds, while a datagram with a destination waits for it. */
const RETRY_AFTER = 5;

/** What the package has called with, to be worked off later: a packet, an error, or that it has stopped reading. */
type Event = Buffer | Error | "paused" | "ended";

/**
 * A packet socket driven by the raw socket of node-unix-socket. What the package calls is only queued and worked off on a stack of its own, since
 * a throw or a close within its callbacks ends the process. It never has more than one write in hand, and reads in bounded turns.
 *
 * With the native core the descriptor is known: it tells (nearly always) an empty seqpacket message from the end, and how long the next message is, and
 * sends what the package cannot (datagrams with a destination).
 */
export class PackagePort implements PacketPort, PairedPort {
  readonly hasPeer: boolean;
  readonly capabilities: readonly "to"[];
  readonly sendWith?: (packet: Uint8Array, options: SendOptions) => boolean;
  /** Of a datagram pair. */
  otherEnd: PairedPort | undefined;

  // Both, or neither: without the core nothing is known of the descriptor.
  readonly #core: NativeCore | undefined;
  readonly #fd: number;
  readonly #options: PacketPortOptions;
  readonly #isSeqpacket: boolean;
  readonly #readLimit: number;
  readonly #socket: PackageSocket;
  readonly #destinations: Destinations | undefined;
  #events: Event[] = [];
  #sink!: PacketSink;
  #working = false;
  #reading = false;
  // The package polls for incoming packets.
  #receiving = false;
  // Its next read shall be empty; the "end" that it makes of that marks that it has stopped.
  #pausing = false;
  #packetsThisTurn = 0;
  #bytesThisTurn = 0;
  // The packet for which there was no room is in the package's queue. It is the first of the next send.
  #pending: "none" | "waiting" | "left" = "none";
  #writing = false;
  #written = false;
  #writeError: Error | undefined;
  #reset = false;
  #ended = false;
  #closed = false;
  #otherClosed: boolean | undefined;

  /** @param source - a connected descriptor (on datagrams also a bound one), or the path of a seqpacket listener to connect to */
  constructor(source: number | string, options: PacketPortOptions, maxMessageSize: number) {
    this.#options = options;
    this.#isSeqpacket = options.type === "seqpacket";
    this.#readLimit = readLimit(maxMessageSize);
    this.hasPeer = options.hasPeer;
    this.capabilities = options.hasPeer ? [] : ["to"];
    const fd = typeof source === "number" ? source : undefined;
    const operation = fd === undefined ? "connect" : "open";
    this.#socket = createSocket(operation, `unix-${options.type}`, this.#emitted, fd);
    if (typeof source === "string") connect(this.#socket, source);
    this.#core = fd !== undefined && coreAvailable() ? loadCore() : undefined;
    this.#fd = fd ?? -1;
    this.#core?.disown(this.#fd); // the package closes it
    if (options.hasPeer) return;
    const destinations = new Destinations(this.#fd, {
      watchOwn: () => {
        setTimeout(() => {
          if (!this.#closed) destinations.ownWritable();
        }, RETRY_AFTER);
      },
      writable: (to) => {
        this.#sink.writable(to);
      },
    });
    this.#destinations = destinations;
    this.sendWith = (packet, { to }) => destinations.send(packet, to);
  }

  start(sink: PacketSink): void {
    this.#sink = sink;
  }

  send(packets: readonly Uint8Array[], start: number, end: number): number {
    if (this.#closed || this.#pending === "waiting") return 0;
    let next = start;
    if (this.#pending === "left") {
      this.#pending = "none";
      next++;
    }
    for (
      let packet = packets[next];
      next < end && packet !== undefined && this.#write(packet);
      packet = packets[++next]
    );
    return next - start;
  }

  resume(): void {
    this.#reading = true;
    this.#workSoon();
  }

  pause(): void {
    this.#reading = false;
    this.#stopReceiving();
  }

  close(graceful: boolean): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#destinations?.close();
    // Within a callback of the package a close would end the process.
    setImmediate(() => {
      if (graceful && this.#isSeqpacket) this.#endInOrder();
      this.#socket.close();
      leavePair(this, graceful);
      this.#sink.released();
    });
  }

  setRef(alive: boolean): void {
    if (alive) this.#socket.uvRefer();
    else this.#socket.uvUnrefer();
    this.#destinations?.setRef(alive);
  }

  otherClosed(graceful: boolean): void {
    this.#otherClosed = graceful;
    this.#workSoon();
  }

  // ---- called by the package, straight from the event loop ---------------------------------------------------------------

  readonly #emitted = (event: string, argument?: unknown): void => {
    if (event === "_data") this.#arrived(argument as Buffer);
    else if (event === "end") {
      this.#events.push(this.#pausing ? "paused" : "ended");
      this.#receiving = this.#pausing = false;
    } else if (event === "_error") {
      if (this.#writing) this.#writeError = argument as Error;
      else this.#events.push(argument as Error);
    } else return;
    this.#workSoon();
  };

  #arrived(packet: Buffer): void {
    this.#events.push(packet);
    this.#packetsThisTurn++;
    this.#bytesThisTurn += packet.length;
    if (this.#packetsThisTurn >= PACKETS_A_TURN || this.#bytesThisTurn >= BYTES_A_TURN) this.#stopReceiving();
    else if (!this.#pausing) this.#socket.setReadBufSize(this.#nextReadSize());
  }

  readonly #taken = (): void => {
    if (this.#writing) this.#written = true;
    else {
      this.#pending = "left";
      this.#workSoon();
    }
  };

  // ---- on stacks of our own ------------------------------------------------------------------------------------------------

  #workSoon(): void {
    if (this.#working) return;
    this.#working = true;
    setImmediate(() => {
      this.#working = false;
      if (!this.#closed) this.#work();
    });
  }

  #work(): void {
    const events = this.#events;
    this.#events = [];
    this.#packetsThisTurn = this.#bytesThisTurn = 0;
    for (const event of events) {
      if (this.#closed || this.#ended) return;
      if (event === "ended") this.#endOrEmpty();
      else if (event instanceof Error) this.#failed();
      else if (event !== "paused") this.#deliver(event, event.length);
    }
    if (this.#closed) return;
    if (this.#otherClosed !== undefined && this.#reading) this.#readRest();
    this.#sink.arrived();
    if (this.#pending === "left") this.#sink.writable();
    if (this.#reading) this.#startReceiving();
    else this.#stopReceiving();
  }

  #deliver(packet: Buffer, length: number): void {
    if (length > this.#readLimit) {
      const told = this.#core !== undefined && packet.length < length ? length : undefined;
      this.#sink.spoiled(truncated(this.#options, told, this.#readLimit));
    } else if (!this.#sink.packet(packet)) this.#reading = false;
  }

  #startReceiving(): void {
    if (this.#closed || this.#ended || (this.#receiving && !this.#pausing)) return;
    this.#pausing = false;
    this.#socket.setReadBufSize(this.#nextReadSize());
    if (this.#receiving) return;
    this.#receiving = true;
    this.#socket.startRecv();
  }

  #stopReceiving(): void {
    if (!this.#receiving || this.#pausing || this.#closed) return;
    this.#pausing = true;
    this.#socket.setReadBufSize(0);
  }

  /** The package zeroes its buffer at each read, so it is told what is needed; one byte more than that shows that a message was cut. */
  #nextReadSize(): number {
    const queued = this.#core?.queuedBytes(this.#fd) ?? 0;
    return (queued > 0 ? Math.min(queued, this.#readLimit) : this.#readLimit) + 1;
  }

  #write(packet: Uint8Array): boolean {
    this.#writing = true;
    this.#written = false;
    this.#writeError = undefined;
    try {
      this.#socket.write(packet, 0, packet.length, this.#taken);
    } finally {
      this.#writing = false;
    }
    if (this.#writeError !== undefined) throw this.#sendFailed(this.#writeError);
    if (!this.#written) this.#pending = "waiting";
    return this.#written;
  }

  /** Every error of a write is the end: the package would try the same message again before all others. */
  #sendFailed(cause: Error): Error {
    const error = writeRefused(this.#options, cause);
    this.#readRest();
    if (!this.#closed) this.#sink.fail(error);
    return error;
  }

  /** The poll of the package, or a read, has failed. */
  #failed(): void {
    // The kernel tells a reset once, by the poll (then it is cleared here) or by a read, before messages that still wait.
    const error = this.#core?.getOption(this.#fd, SO_ERROR) ?? 0;
    const isReset = this.#isSeqpacket && (error === 0 || error === ECONNRESET);
    if (isReset && !this.#reset) {
      this.#reset = true;
      this.#receiving = this.#pausing = false;
      // Without the core only a write clears the error; it reaches nobody.
      if (this.#core === undefined) this.#provoke();
    } else if (this.#core !== undefined || !isReset) {
      this.#sink.fail(peerDied(this.#options, "receive"));
      return;
    }
    // A write in hand would wait for ever: the peer is gone.
    if (this.#pending !== "waiting") return;
    this.#readRest();
    if (!this.#closed) this.#sink.fail(peerDied(this.#options, "send"));
  }

  #provoke(): void {
    this.#writing = true;
    this.#socket.write(Buffer.alloc(1), 0, 1, this.#taken);
    this.#writing = false;
  }

  /** A read of 0 bytes: an empty message, or the end. An empty message right before the end cannot be told from it. */
  #endOrEmpty(): void {
    if (!this.#isSeqpacket) {
      this.#deliver(Buffer.alloc(0), 0);
      return;
    }
    if (this.#core === undefined) {
      this.#end();
      return;
    }
    // The end is told again at each read. Anything else, the empty message came before it.
    const next = readOne(this.#core, this.#fd, this.#readLimit, true);
    if (next !== "end") this.#deliver(Buffer.alloc(0), 0);
    if (next === "end") this.#end();
    else if (next === "reset") this.#reset = true;
    else if (typeof next === "object") this.#deliver(next.bytes, next.length);
  }

  /** The peer is gone: what it has left is little, and read by the core. */
  #readRest(): void {
    if (this.#core === undefined || this.#ended || this.#closed) return;
    for (const event of this.#events) if (Buffer.isBuffer(event)) this.#deliver(event, event.length);
    this.#events = [];
    for (;;) {
      const next = readOne(this.#core, this.#fd, this.#readLimit, this.#isSeqpacket);
      if (next === "reset") this.#reset = true;
      else if (typeof next === "object") this.#deliver(next.bytes, next.length);
      else if (next === "end" || this.#otherClosed !== undefined) {
        this.#end();
        return;
      } else break;
    }
    this.#sink.arrived();
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    if (this.#reset || this.#otherClosed === false) this.#sink.fail(peerDied(this.#options, "receive"));
    else this.#sink.ended(this.#otherClosed !== undefined || this.#core?.isHungUp(this.#fd) === 1);
  }

  /** As in {@link NativePort}: messages left unread would make the peer's end an error. */
  #endInOrder(): void {
    if (this.#core === undefined) return;
    this.#core.shutdownSocket(this.#fd, SHUT_RDWR);
    for (let left = PACKETS_A_TURN * PACKETS_A_TURN; left > 0; left--) {
      const next = readOne(this.#core, this.#fd, this.#readLimit, true);
      if (next === "end" || next === "nothing") return;
    }
  }
}

function connect(socket: PackageSocket, path: string): void {
  try {
    socket.connect(path);
  } catch (error) {
    socket.close();
    throw error;
  }
}
