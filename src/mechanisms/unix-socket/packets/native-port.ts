import type { SendOptions } from "../../../core/channel.js";
import { closeHandles } from "../../../core/incoming-queue.js";
import type { PacketDetails, PacketPort, PacketSink } from "../../../core/packet-port.js";
import { BufferView } from "../../../core/view.js";
import {
  DISCONNECT,
  EAGAIN,
  EBADF,
  ECONNREFUSED,
  ECONNRESET,
  ENOTCONN,
  EPIPE,
  fromErrno,
  loadCore,
  type NativeCore,
  PACKET_END,
  PACKET_FAILED,
  PACKET_FLAGS,
  PACKET_FULL_LENGTH,
  PACKET_HAD_HANDLES,
  PACKET_HANDLES,
  PACKET_OFFSET,
  PACKET_OVERFLOWED,
  PACKET_STRIDE,
  READABLE,
  SHUT_RDWR,
  SO_ERROR,
  WRITABLE,
} from "../../../native/binding.js";
import { OwnedHandle } from "../../owned-handle.js";
import { ReadAhead } from "../../read-ahead.js";
import { Readiness } from "../../readiness.js";
import { leavePair, type PairedPort } from "./datagram-pair.js";
import { Destinations } from "./destinations.js";
import type { PacketPortOptions } from "./engine.js";
import { handlesNeedBytes, peerDied, sendError, tooManyHandles, truncated } from "./port-errors.js";
import { copiedFromScratch, memory, PACKETS_A_READ, reserve } from "../../receive-memory.js";
import { Senders } from "./senders.js";
import { readLimit } from "./traits.js";

/** Bounds on how many packets one call offers to the kernel: a datagram receiver has room for 11, a seqpacket one for hundreds. */
const LEAST_AT_ONCE = 8;
const MOST_AT_ONCE = 128;
/** Reads of one callback, so that one busy socket leaves the event loop to the others; the poll calls again. */
const READS_A_TURN = 4;
const BYTES_A_TURN = 1024 * 1024;
/** Packets that an orderly close reads and drops at most, so that a flooding peer cannot hold it up. */
const CLOSE_ROUNDS = 64;

const NO_OPTIONS = [] as const;
const TO = ["to"] as const;
const HANDLES = ["handles"] as const;

/** What a failed send says of a connection that is over. */
const FATAL: ReadonlySet<number> = new Set([-EPIPE, -ECONNRESET, -ECONNREFUSED, -ENOTCONN, -EBADF]);

/**
 * A datagram or seqpacket socket, driven by the native core: many packets a call, from a poll of the event loop. It sends straight to the kernel and
 * watches for room only after the kernel had none.
 */
export class NativePort implements PacketPort, PairedPort {
  readonly hasPeer: boolean;
  readonly capabilities: readonly ("to" | "handles")[];
  readonly sendWith?: (packet: Uint8Array, options: SendOptions) => boolean;
  /** Of a datagram pair. */
  otherEnd: PairedPort | undefined;

  readonly #core: NativeCore = loadCore();
  readonly #fd: number;
  readonly #options: PacketPortOptions;
  readonly #isSeqpacket: boolean;
  readonly #readLimit: number;
  readonly #senders: Senders | undefined;
  readonly #destinations: Destinations | undefined;
  readonly #readiness: Readiness;
  #sink!: PacketSink;
  #reading = false;
  #blocked = false;
  #closed = false;
  // The peer has ended: nothing more will come.
  #ended = false;
  // The peer went without reading what was sent.
  #reset = false;
  #hungUp = false;
  // The other end of a datagram pair has closed; `true`: in order.
  #otherClosed: boolean | undefined;
  // How many packets the kernel probably takes at once; each one more that is offered costs time for nothing.
  #window = MOST_AT_ONCE;
  // The size that the next message probably has.
  #expected = 0;
  readonly #readAhead = new ReadAhead();
  // How often something was given to the kernel, and how many messages were read.
  #sends = 0;
  #received = 0;
  // Where descriptors that come with a message are put.
  readonly #handles: Int32Array | undefined;

  constructor(fd: number, options: PacketPortOptions, maxMessageSize: number) {
    this.#fd = fd;
    this.#options = options;
    this.#isSeqpacket = options.type === "seqpacket";
    this.#readLimit = readLimit(maxMessageSize);
    this.#senders = this.#isSeqpacket
      ? undefined
      : new Senders(options.admission?.authorisation.isOpen === true ? undefined : options.admission);
    this.hasPeer = options.hasPeer;
    const maxHandles = options.maxHandles ?? 0;
    this.capabilities = options.hasPeer ? (maxHandles > 0 ? HANDLES : NO_OPTIONS) : TO;
    if (maxHandles > 0) {
      this.#handles = new Int32Array(maxHandles);
      this.sendWith = (packet, { handles = [] }) => this.#sendHandles(packet, handles);
    }
    this.#readiness = new Readiness(fd, {
      wanted: () => this.#wanted(),
      mayAsk: () => this.#blocked || this.#mayRead(),
      ready: (status, events) => {
        this.#ready(status, events);
      },
      look: () => this.#look(),
    });
    if (options.hasPeer) return;
    const destinations = new Destinations(fd, {
      watchOwn: () => {
        this.#blocked = true;
        this.#readiness.update();
      },
      writable: (to) => {
        this.#sink.writable(to);
      },
    });
    this.#destinations = destinations;
    this.sendWith = (packet, { to }) => {
      this.#sends++;
      const isSent = destinations.send(packet, to);
      if (isSent) this.#readiness.found(1);
      return isSent;
    };
  }

  start(sink: PacketSink): void {
    this.#sink = sink;
    this.#readiness.update();
  }

  send(packets: readonly Uint8Array[], start: number, end: number): number {
    if (this.#closed) return 0;
    this.#sends++;
    let next = start;
    while (next < end) {
      const count = Math.min(end - next, this.#window);
      const result = this.#sendBatch(packets, next, count);
      if (result === count) {
        next += count;
        this.#window = Math.min(this.#window * 2, MOST_AT_ONCE);
        continue;
      }
      if (result < 0 && result !== -EAGAIN && next === start) throw this.#sendFailed(result);
      // Fewer than asked for: why, the next send is told, once the poll says that there is room or that the peer is gone.
      this.#blocked = true;
      if (result <= 0) break;
      this.#window = Math.max(result + (result >> 1), LEAST_AT_ONCE);
      next += result;
      break;
    }
    this.#readiness.found(next - start);
    if (this.#blocked && !this.#readiness.isAsked) this.#readiness.settle();
    return next - start;
  }

  #sendHandles(packet: Uint8Array, handles: readonly number[]): boolean {
    if (this.#closed) return false;
    this.#sends++;
    if (packet.length === 0) throw handlesNeedBytes(this.#options);
    const result = this.#core.sendHandles(this.#fd, packet, Int32Array.from(handles));
    if (result >= 0) return true;
    // The connection is open: a descriptor that is not is one of these.
    if (result === -EBADF) throw sendError(result, this.#options);
    if (result !== -EAGAIN) throw this.#sendFailed(result);
    this.#blocked = true;
    this.#readiness.update();
    return false;
  }

  /** How many the kernel took, or a negative errno. */
  #sendBatch(packets: readonly Uint8Array[], start: number, count: number): number {
    const first = packets[start];
    if (count === 1 && first !== undefined) {
      const bytes = this.#core.sendPacket(this.#fd, first, 0, first.length, undefined);
      return bytes < 0 ? bytes : 1;
    }
    return this.#core.sendPackets(this.#fd, packets, start, start + count, undefined);
  }

  resume(): void {
    this.#reading = true;
    this.#readiness.update();
    if (this.#otherClosed !== undefined) this.#readSoon();
  }

  pause(): void {
    this.#reading = false;
    this.#readiness.update();
  }

  close(graceful: boolean): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#readiness.close();
    this.#destinations?.close();
    if (graceful && this.#isSeqpacket) this.#endInOrder();
    this.#core.close(this.#fd);
    leavePair(this, graceful);
    setImmediate(() => {
      this.#sink.released();
    });
  }

  setRef(alive: boolean): void {
    this.#readiness.setRef(alive);
    this.#destinations?.setRef(alive);
  }

  otherClosed(graceful: boolean): void {
    this.#otherClosed = graceful;
    this.#readSoon();
  }

  // ---- events ---------------------------------------------------------------------------------------------------------

  #roomAgain(): void {
    if (!this.#blocked) return;
    this.#blocked = false;
    this.#destinations?.ownWritable();
    if (this.hasPeer) this.#sink.writable();
  }

  #wanted(): number {
    // DISCONNECT alone keeps an open channel that does not read alive, and holds the place of what to do when the peer goes.
    const idle = this.#hungUp || this.#ended ? 0 : DISCONNECT;
    return (this.#reading && !this.#ended ? READABLE : idle) | (this.#blocked ? WRITABLE : 0);
  }

  #ready(status: number, events: number): void {
    if (status < 0) {
      // The socket's error is told, and cleared, here.
      const error = this.#core.getOption(this.#fd, SO_ERROR);
      if (error === ECONNRESET) this.#reset = true;
      else if (error > 0) this.#fail(-error);
      return;
    }
    if ((events & WRITABLE) !== 0) this.#roomAgain();
    if (this.#closed) return;
    if ((events & READABLE) !== 0 && this.#reading) this.#readAndCount();
    else if ((events & DISCONNECT) !== 0) this.#hungUp = true;
  }

  #fail(result: number): void {
    if (this.#closed) return;
    this.#sink.fail(peerDied(this.#options, "receive", result));
  }

  #sendFailed(result: number): Error {
    if (!FATAL.has(result)) return sendError(result, this.#options);
    // What the peer sent before it went is still delivered; the kernel's queue bounds how much that is.
    while (!this.#closed && !this.#ended && this.#readBatch() > 0);
    if (!this.#ended) this.#sink.arrived();
    const error = peerDied(this.#options, "send", result);
    this.#sink.fail(error);
    return error;
  }

  beforeWait(): void {
    if (this.#mayRead()) this.#readiness.beforeWait(this.#sends);
  }

  #look(): boolean {
    const before = this.#received;
    if (this.#mayRead()) this.#read();
    return this.#received !== before || !this.#mayRead();
  }

  #mayRead(): boolean {
    return this.#reading && !this.#closed && !this.#ended;
  }

  // ---- reading --------------------------------------------------------------------------------------------------------

  #readSoon(): void {
    setImmediate(() => {
      if (this.#mayRead()) this.#read();
    });
  }

  #readAndCount(): void {
    const before = this.#received;
    this.#read();
    this.#readiness.found(this.#received - before);
  }

  #read(): void {
    let bytes = 0;
    for (let round = 0; round < READS_A_TURN && bytes < BYTES_A_TURN; round++) {
      const read = this.#readBatch();
      bytes += read;
      // When in doubt the poll calls again.
      if (read === 0 || !this.#readAhead.moreIsLikely || !this.#reading || this.#ended || this.#closed) break;
    }
    this.#readAhead.endTurn();
    if (this.#closed) return;
    this.#sink.arrived();
    // Of the end of a datagram pair no poll tells: it is where nothing more is to be read.
    if (this.#otherClosed !== undefined && bytes > 0) this.#readSoon();
  }

  /** Reads once and returns how much it was, in bytes and packets; 0: nothing more is there. */
  #readBatch(): number {
    const slot = reserve(this.#expected, this.#readLimit, this.#readAhead.packets);
    const { slab, scratch, info } = memory;
    const named = !this.hasPeer;
    const count = this.#core.receivePackets(
      this.#fd,
      slab,
      memory.offset,
      slot,
      scratch,
      this.#readAhead.packets,
      info,
      named ? memory.names : undefined,
      this.#isSeqpacket,
      this.#handles,
    );
    if (count < 0) return this.#readFailed(count);
    this.#readAhead.gave(count);
    let total = 0;
    let largest = 0;
    for (let index = 0; index < count; index++) {
      const record = index * PACKET_STRIDE;
      const flags = info[record + PACKET_FLAGS] ?? 0;
      if ((flags & (PACKET_END | PACKET_FAILED)) !== 0) {
        if ((flags & PACKET_END) !== 0) this.#end();
        else this.#readFailed(info[record + PACKET_FULL_LENGTH] ?? 0);
        return total + 1;
      }
      const length = info[record + PACKET_FULL_LENGTH] ?? 0;
      if (length > largest) largest = length;
      total += length + 1;
      const details =
        this.#senders === undefined ? this.#handlesOf(record) : this.#senders.identify(index, named);
      if (this.#senders !== undefined && details === undefined) continue;
      if (length > this.#readLimit) {
        closeHandles(details);
        this.#sink.spoiled(truncated(this.#options, length, this.#readLimit));
        continue;
      }
      if (this.#handles !== undefined && (flags & PACKET_HAD_HANDLES) !== 0) {
        this.#sink.spoiled(tooManyHandles(this.#options, this.#handles.length));
        continue;
      }
      const start = info[record + PACKET_OFFSET] ?? 0;
      let message: Buffer;
      if ((flags & PACKET_OVERFLOWED) !== 0) message = copiedFromScratch(start, length);
      else {
        message = new BufferView(memory.slabMemory, start, length);
        memory.offset = start + length;
      }
      this.#received++;
      if (!this.#sink.packet(message, details)) this.#reading = false;
    }
    this.#expected = Math.min(Math.max(largest, this.#expected >> 1), this.#readLimit);
    return total;
  }

  #handlesOf(record: number): PacketDetails | undefined {
    const count = this.#handles === undefined ? 0 : (memory.info[record + PACKET_HANDLES] ?? 0);
    if (count === 0) return undefined;
    const handles = Array.from(this.#handles?.subarray(0, count) ?? [], (handle) => new OwnedHandle(handle));
    return { handles };
  }

  /** Returns 1 when there may be more to read all the same. */
  #readFailed(result: number): number {
    if (result === -EAGAIN) {
      if (this.#otherClosed !== undefined) this.#end();
      return 0;
    }
    // Told once, before messages that still wait: they are read first. A datagram socket goes on, for its peer has only connected elsewhere.
    if (result === -ECONNRESET && !(this.#isSeqpacket && this.#reset)) {
      this.#reset = true;
      return 1;
    }
    this.#sink.fail(
      fromErrno(result, {
        operation: "receive",
        mechanism: `unix-${this.#options.type}`,
        address: this.#options.address,
        syscall: "recvmsg",
        action: `receive on unix-${this.#options.type}`,
      }),
    );
    return 0;
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    if (this.#reset || this.#otherClosed === false) this.#sink.fail(peerDied(this.#options, "receive"));
    else this.#sink.ended(this.#otherClosed !== undefined || this.#core.isHungUp(this.#fd) !== 0);
  }

  /**
   * Ends both directions and reads what is left: the kernel would make the peer's end an error (ECONNRESET) if this side left
   * messages unread.
   */
  #endInOrder(): void {
    this.#core.shutdownSocket(this.#fd, SHUT_RDWR);
    reserve(0, this.#readLimit, 1);
    const { slab, scratch, info, offset } = memory;
    for (let round = 0; round < CLOSE_ROUNDS; round++) {
      const count = this.#core.receivePackets(
        this.#fd,
        slab,
        offset,
        0,
        scratch,
        PACKETS_A_READ,
        info,
        undefined,
        true,
      );
      if (count < 0 && count !== -ECONNRESET) return;
      if (((info[Math.max(count - 1, 0) * PACKET_STRIDE + PACKET_FLAGS] ?? 0) & PACKET_END) !== 0) return;
    }
  }
}
