import type { InternetAddress, SendOptions } from "../../core/channel.js";
import { laneOf } from "../../core/outgoing.js";
import type { PacketDetails, PacketSink } from "../../core/packet-port.js";
import { BufferView } from "../../core/view.js";
import { loadCore } from "../../native/binding.js";
import {
  DISCONNECT,
  EAGAIN,
  ECONNREFUSED,
  ENDPOINT_BYTES,
  NAME_STRIDE,
  PACKET_FAILED,
  PACKET_FLAGS,
  PACKET_FULL_LENGTH,
  PACKET_OFFSET,
  PACKET_OVERFLOWED,
  PACKET_STRIDE,
  READABLE,
  SO_ERROR,
  WRITABLE,
} from "../../native/constants.js";
import type { Endpoint, NativeCore } from "../../native/native-core.js";
import { fromEndpoint, interfaceIndex, textOf, toEndpoint } from "../internet-address.js";
import { copiedFromScratch, memory, reserve } from "../receive-memory.js";
import { ReadAhead } from "../read-ahead.js";
import { Readiness } from "../readiness.js";
import { checkDestination } from "./destination.js";
import type { SocketPlan } from "./options.js";
import { openError, refusedByPeer, sendError } from "./port-errors.js";
import type { UdpPort } from "./udp-port.js";

/** No datagram is longer: none can be cut. */
const LONGEST = 65_535;
/** Packets that one call offers to the kernel. */
const PACKETS_A_SEND = 64;
/** Reads of one callback, so that one busy socket leaves the event loop to the others; the poll calls again. */
const READS_A_TURN = 4;
/** Destinations that are kept ready for the kernel. */
const KNOWN_DESTINATIONS = 256;

/** What {@link NativeUdpPort} runs over. */
export interface NativeUdpPortOptions {
  readonly family: number;
  readonly plan: SocketPlan;
  /** The address that errors name. */
  readonly place: string;
}

/** A UDP socket of the native core. What is not read stays in the kernel's buffer; what finds that full, the kernel drops and counts. */
export class NativeUdpPort implements UdpPort {
  readonly localAddress: InternetAddress;
  readonly hasPeer: boolean;
  readonly capabilities: readonly "to"[];
  readonly #core: NativeCore = loadCore();
  readonly #fd: number;
  readonly #options: NativeUdpPortOptions;
  readonly #readiness: Readiness;
  readonly #destinations = new Map<string, Endpoint>();
  // Destinations for which a send waits for room in the socket's own buffer.
  readonly #waiting = new Set<string>();
  readonly #readAhead = new ReadAhead();
  #sink!: PacketSink;
  #reading = false;
  #blocked = false;
  #closed = false;
  #dropped = 0;
  // How often something was given to the kernel, and how many datagrams were read.
  #sends = 0;
  #received = 0;
  // The size that the next datagram probably has.
  #expected = 0;
  // The last sender: comparing its bytes is cheaper than reading each.
  readonly #sender: Buffer = Buffer.alloc(ENDPOINT_BYTES);
  #details: PacketDetails | undefined;

  /** @param fd - bound or connected; it belongs to the port when the constructor has returned */
  constructor(fd: number, options: NativeUdpPortOptions) {
    this.#fd = fd;
    this.#options = options;
    this.hasPeer = options.plan.remote !== undefined;
    this.capabilities = this.hasPeer ? [] : ["to"];
    const name = Buffer.alloc(ENDPOINT_BYTES);
    const result = this.#core.internetName(fd, name);
    if (result < 0) throw openError("bind", result, "getsockname", options.place);
    this.localAddress = fromEndpoint(name);
    this.#readiness = new Readiness(fd, {
      // DISCONNECT never comes: it keeps an open channel that does not read alive, and errors are told.
      wanted: () => (this.#reading ? READABLE : DISCONNECT) | (this.#blocked ? WRITABLE : 0),
      mayAsk: () => this.#reading || this.#blocked,
      ready: (status, events) => {
        this.#ready(status, events);
      },
      look: () => this.#look(),
    });
  }

  get dropped(): number {
    if (!this.#closed) this.#dropped = Math.max(0, this.#core.droppedPackets(this.#fd));
    return this.#dropped;
  }

  start(sink: PacketSink): void {
    this.#sink = sink;
  }

  send(packets: readonly Uint8Array[], start: number, end: number): number {
    this.#sends++;
    let next = start;
    while (next < end && !this.#closed) {
      const count = Math.min(end - next, PACKETS_A_SEND);
      const result = this.#core.sendPackets(this.#fd, packets, next, next + count, undefined);
      if (result > 0) next += result;
      if (result === count) continue;
      if (result < 0 && result !== -EAGAIN && next === start) throw this.#sendFailed(result);
      // Why not all of them, the next send is told, once the poll says that there is room.
      this.#blocked = true;
      break;
    }
    this.#readiness.found(next - start);
    if (this.#blocked) this.#readiness.update();
    return next - start;
  }

  sendWith(packet: Uint8Array, { to }: SendOptions): boolean {
    this.#sends++;
    const lane = laneOf(to ?? "");
    const endpoint = this.#destinations.get(lane) ?? this.#learn(lane, to);
    const result = this.#core.sendInternet(this.#fd, packet, 0, packet.length, endpoint);
    if (result >= 0) {
      this.#readiness.found(1);
      return true;
    }
    if (result !== -EAGAIN) throw sendError(result, textOf(to as InternetAddress));
    this.#waiting.add(lane);
    this.#blocked = true;
    this.#readiness.update();
    return false;
  }

  setMembership(group: string, interfaceName: string | undefined, member: boolean): void {
    const index = interfaceName === undefined ? 0 : interfaceIndex("options.interface", interfaceName);
    const endpoint = toEndpoint({ host: group, port: 0 });
    const result = this.#core.setMembership(this.#fd, endpoint, index, member);
    if (result < 0) throw openError(member ? "join" : "leave", result, "setsockopt", group);
  }

  resume(): void {
    this.#reading = true;
    this.#readiness.update();
  }

  pause(): void {
    this.#reading = false;
    this.#readiness.update();
  }

  beforeWait(): void {
    if (this.#reading) this.#readiness.beforeWait(this.#sends);
  }

  close(): void {
    if (this.#closed) return;
    this.#dropped = this.dropped;
    this.#closed = true;
    this.#readiness.close();
    this.#core.close(this.#fd);
    setImmediate(() => {
      this.#sink.released();
    });
  }

  setRef(alive: boolean): void {
    this.#readiness.setRef(alive);
  }

  #learn(lane: string, to: SendOptions["to"]): Endpoint {
    const { family, plan } = this.#options;
    const endpoint = toEndpoint(checkDestination(to, family, plan.dualStack), family);
    if (this.#destinations.size >= KNOWN_DESTINATIONS) this.#destinations.clear();
    this.#destinations.set(lane, endpoint);
    return endpoint;
  }

  #sendFailed(result: number): Error {
    if (result !== -ECONNREFUSED) return sendError(result, this.#options.place);
    const error = refusedByPeer(result, "send", this.#options.place);
    this.#sink.fail(error);
    return error;
  }

  // ---- events ---------------------------------------------------------------------------------------------------------

  #ready(status: number, events: number): void {
    if (status < 0) {
      // The socket's error is told, and cleared, here. What had come before it is delivered.
      const error = this.#core.getOption(this.#fd, SO_ERROR);
      if (this.#reading) this.#read();
      if (error > 0 && !this.#closed) {
        this.#sink.fail(refusedByPeer(-error, "receive", this.#options.place));
        return;
      }
    }
    if ((events & WRITABLE) !== 0 && this.#blocked) this.#tellRoom();
    if ((events & READABLE) === 0 || !this.#reading || this.#closed) return;
    const before = this.#received;
    this.#read();
    this.#readiness.found(this.#received - before);
  }

  #look(): boolean {
    const before = this.#received;
    if (this.#reading) this.#read();
    return this.#received !== before || !this.#reading;
  }

  #tellRoom(): void {
    this.#blocked = false;
    if (this.hasPeer) this.#sink.writable();
    const lanes = [...this.#waiting];
    this.#waiting.clear();
    for (const lane of lanes) this.#sink.writable(lane);
  }

  #read(): void {
    for (let reads = 0; reads < READS_A_TURN && this.#reading; reads++) {
      if (!this.#readBatch() || !this.#readAhead.moreIsLikely) break;
    }
    this.#readAhead.endTurn();
    this.#sink.arrived();
  }

  /** Reads once. Whether anything was there. */
  #readBatch(): boolean {
    const slot = reserve(this.#expected, LONGEST, this.#readAhead.packets);
    const { slab, scratch, info } = memory;
    const count = this.#core.receivePackets(
      this.#fd,
      slab,
      memory.offset,
      slot,
      scratch,
      this.#readAhead.packets,
      info,
      this.hasPeer ? undefined : memory.names,
      false,
    );
    if (count < 0) {
      this.#readFailed(count);
      return false;
    }
    this.#readAhead.gave(count);
    let largest = 0;
    for (let index = 0; index < count; index++) {
      const record = index * PACKET_STRIDE;
      const flags = info[record + PACKET_FLAGS] ?? 0;
      const length = info[record + PACKET_FULL_LENGTH] ?? 0;
      if ((flags & PACKET_FAILED) !== 0) {
        this.#readFailed(length);
        return false;
      }
      if (length > largest) largest = length;
      const start = info[record + PACKET_OFFSET] ?? 0;
      let message: Buffer;
      if ((flags & PACKET_OVERFLOWED) !== 0) message = copiedFromScratch(start, length);
      else {
        message = new BufferView(slab.buffer, slab.byteOffset + start, length);
        memory.offset = start + length;
      }
      this.#received++;
      if (!this.#sink.packet(message, this.hasPeer ? undefined : this.#sent(index))) this.#reading = false;
    }
    this.#expected = Math.max(largest, this.#expected >> 1);
    return true;
  }

  /** What is known of the packet of this record: successive messages of one sender share it. */
  #sent(index: number): PacketDetails {
    const { names } = memory;
    const start = index * NAME_STRIDE;
    if (
      this.#details === undefined ||
      names.compare(this.#sender, 0, ENDPOINT_BYTES, start, start + ENDPOINT_BYTES) !== 0
    ) {
      names.copy(this.#sender, 0, start, start + ENDPOINT_BYTES);
      this.#details = { from: fromEndpoint(this.#sender) };
    }
    return this.#details;
  }

  #readFailed(result: number): void {
    if (result === -EAGAIN || this.#closed) return;
    this.#sink.fail(refusedByPeer(result, "receive", this.#options.place));
  }
}
