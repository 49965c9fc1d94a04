import type { Address } from "../../../core/channel.js";
import {
  EAGAIN,
  EPERM,
  loadCore,
  type NativeCore,
  Poll,
  SOCK_DGRAM,
  type SocketName,
  WRITABLE,
} from "../../../native/binding.js";
import { parseSocketAddress } from "../../socket-address.js";
import { sendError } from "./port-errors.js";

/** How long to wait where the kernel cannot tell of room, in milliseconds. */
const RETRY_AFTER = 5;
/** Names that are kept ready for the kernel. */
const KNOWN_NAMES = 256;

/** What {@link Destinations} needs of its port. */
export interface DestinationsHooks {
  /** Watch this socket for room of its own and say `ownWritable`. */
  watchOwn(): void;
  /** There may be room for this destination. */
  writable(to: string): void;
}

/** Somebody waits for room at one destination. */
interface Gate {
  /** A socket of its own, connected to the destination, and a poll on it. */
  readonly fd: number;
  readonly poll: Poll;
  armed: boolean;
  /** The destination had room and the send found none all the same: then it is this socket's own send buffer that is full. */
  destinationHadRoom: boolean;
  awaitsOwn: boolean;
}

/**
 * The destinations of an unconnected datagram socket. The kernel tells of room at a receiver only to a socket that is connected to it. So while a
 * send waits, another socket is connected to its destination, sends nothing, and is polled: no retry by the clock, and one receiver that does not read
 * stops nobody else.
 */
export class Destinations {
  readonly #core: NativeCore = loadCore();
  readonly #fd: number;
  readonly #hooks: DestinationsHooks;
  readonly #names = new Map<string, SocketName>();
  readonly #gates = new Map<string, Gate>();
  readonly #timers = new Set<ReturnType<typeof setTimeout>>();
  #alive = true;
  #closed = false;

  constructor(fd: number, hooks: DestinationsHooks) {
    this.#fd = fd;
    this.#hooks = hooks;
  }

  /** Sends one packet; `false`: there is no room there now, `hooks.writable` will tell. */
  send(packet: Uint8Array, to: Address | undefined): boolean {
    const path = to as string;
    const name = this.#names.get(path) ?? this.#parse(to);
    const result = this.#core.sendPacket(this.#fd, packet, 0, packet.length, name);
    if (result === -EAGAIN) {
      this.#await(path, name);
      return false;
    }
    if (result < 0) throw sendError(result, { type: "dgram" }, path);
    if (this.#gates.size > 0) this.#drop(path);
    return true;
  }

  /** This socket's own send buffer has room again. */
  ownWritable(): void {
    for (const [to, gate] of this.#gates) {
      if (!gate.awaitsOwn) continue;
      gate.awaitsOwn = gate.destinationHadRoom = false;
      this.#tell(to);
    }
  }

  close(): void {
    this.#closed = true;
    for (const to of this.#gates.keys()) this.#drop(to);
    for (const timer of this.#timers) clearTimeout(timer);
  }

  setRef(alive: boolean): void {
    this.#alive = alive;
    for (const { poll } of this.#gates.values()) {
      if (alive) poll.ref();
      else poll.unref();
    }
  }

  #parse(to: Address | undefined): SocketName {
    const { path, name } = parseSocketAddress(to, "options.to");
    if (this.#names.size >= KNOWN_NAMES) this.#names.clear();
    this.#names.set(path, name);
    return name;
  }

  #await(to: string, name: SocketName): void {
    const gate = this.#gates.get(to) ?? this.#open(to);
    if (gate === undefined) {
      this.#tellLater(to);
      return;
    }
    if (gate.armed || gate.awaitsOwn) return;
    if (gate.destinationHadRoom) {
      this.#awaitOwn(gate);
      return;
    }
    // Each time anew: another receiver may have taken the address.
    const connected = this.#core.connectSocket(gate.fd, name);
    if (connected === -EPERM) {
      // The receiver is connected to this socket and takes packets from nobody else. The kernel sets it no limit but this socket's send buffer.
      this.#awaitOwn(gate);
      return;
    }
    if (connected < 0) {
      this.#drop(to);
      this.#tellLater(to);
      return;
    }
    gate.armed = true;
    gate.poll.set(WRITABLE);
  }

  #awaitOwn(gate: Gate): void {
    gate.awaitsOwn = true;
    this.#hooks.watchOwn();
  }

  #open(to: string): Gate | undefined {
    const fd = this.#core.socket(SOCK_DGRAM);
    if (fd < 0) return undefined;
    const poll = new Poll(fd, () => {
      const gate = this.#gates.get(to);
      if (gate === undefined) return;
      poll.set(0);
      gate.armed = false;
      gate.destinationHadRoom = true;
      this.#tell(to);
    });
    if (!this.#alive) poll.unref();
    const gate = { fd, poll, armed: false, destinationHadRoom: false, awaitsOwn: false };
    this.#gates.set(to, gate);
    return gate;
  }

  /** Tells of room. Whoever still waits sends before the next turn of the event loop; if nobody does, the gate goes. */
  #tell(to: string): void {
    this.#hooks.writable(to);
    setImmediate(() => {
      const gate = this.#gates.get(to);
      if (gate !== undefined && !gate.armed && !gate.awaitsOwn) this.#drop(to);
    });
  }

  #tellLater(to: string): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      if (!this.#closed) this.#hooks.writable(to);
    }, RETRY_AFTER);
    if (!this.#alive) timer.unref();
    this.#timers.add(timer);
  }

  #drop(to: string): void {
    const gate = this.#gates.get(to);
    if (gate === undefined) return;
    this.#gates.delete(to);
    gate.poll.close();
    this.#core.close(gate.fd);
  }
}
