import type { Socket } from "node:dgram";
import type { InternetAddress, SendOptions } from "../../core/channel.js";
import { laneOf } from "../../core/outgoing.js";
import type { PacketSink } from "../../core/packet-port.js";
import { copyOf } from "../../core/view.js";
import { AF_INET6, ECONNREFUSED } from "../../native/constants.js";
import { loadDgram } from "../builtin.js";
import { familyOf, LOOPBACK, textOf } from "../internet-address.js";
import { errnoOf } from "../socket-errors.js";
import { checkDestination } from "./destination.js";
import type { SocketPlan, SocketSettings } from "./options.js";
import { openError, refusedByPeer } from "./port-errors.js";
import type { UdpPort } from "./udp-port.js";

/** Datagrams that Node is given before it has sent them. */
const MOST_ON_THEIR_WAY = 64;

/** A socket of `node:dgram`, where the native core does not load. */
export async function openByNode(plan: SocketPlan, options: SocketSettings): Promise<NodeUdpPort> {
  const { local, remote, reuseAddress, dualStack } = plan;
  const operation = remote === undefined ? "bind" : "connect";
  const place = textOf(remote ?? local ?? { host: LOOPBACK, port: 0 });
  const family = familyOf((remote ?? local)?.host ?? LOOPBACK);
  const { receiveBufferSize, sendBufferSize } = options;
  const socket = loadDgram().createSocket({
    type: family === AF_INET6 ? "udp6" : "udp4",
    reuseAddr: reuseAddress,
    ipv6Only: family === AF_INET6 && !dualStack,
    ...(receiveBufferSize === undefined ? {} : { recvBufferSize: receiveBufferSize }),
    ...(sendBufferSize === undefined ? {} : { sendBufferSize }),
    // Hosts are addresses by now: nothing is left to be looked up.
    lookup: (host, _options, callback) => {
      callback(null, host, family === AF_INET6 ? 6 : 4);
    },
  });
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once("error", reject);
      const connect = (): void => {
        if (remote === undefined) resolve();
        else socket.connect(remote.port, remote.host, resolve);
      };
      socket.bind({ port: local?.port ?? 0, address: local?.host ?? "", exclusive: true }, connect);
    });
    applyOptions(socket, options);
  } catch (error) {
    socket.close();
    const { syscall = operation } = error as NodeJS.ErrnoException;
    const result = errnoOf(error as NodeJS.ErrnoException);
    throw result === 0 ? error : openError(operation, result, syscall, place);
  }
  socket.removeAllListeners("error");
  return new NodeUdpPort(socket, plan, family, place);
}

function applyOptions(socket: Socket, { broadcast, ttl, multicast }: SocketSettings): void {
  if (broadcast) socket.setBroadcast(true);
  if (ttl !== undefined) socket.setTTL(ttl);
  if (multicast.ttl !== undefined) socket.setMulticastTTL(multicast.ttl);
  if (multicast.loopback !== undefined) socket.setMulticastLoopback(multicast.loopback);
  if (multicast.interface !== undefined) socket.setMulticastInterface(multicast.interface);
}

/**
 * A UDP socket of `node:dgram`. It cannot be paused: what comes while the incoming queue is full is dropped here and counted, as is what the system
 * refuses to send after Node has taken it.
 */
export class NodeUdpPort implements UdpPort {
  readonly localAddress: InternetAddress;
  readonly hasPeer: boolean;
  readonly capabilities: readonly "to"[];
  dropped = 0;
  readonly #socket: Socket;
  readonly #plan: SocketPlan;
  readonly #family: number;
  readonly #place: string;
  readonly #waiting = new Set<string>();
  #sink!: PacketSink;
  #reading = false;
  #onTheirWay = 0;
  #closing = false;

  constructor(socket: Socket, plan: SocketPlan, family: number, place: string) {
    this.#socket = socket;
    this.#plan = plan;
    this.#family = family;
    this.#place = place;
    this.hasPeer = plan.remote !== undefined;
    this.capabilities = this.hasPeer ? [] : ["to"];
    const { address, port } = socket.address();
    this.localAddress = { host: address, port };
  }

  start(sink: PacketSink): void {
    this.#sink = sink;
    this.#socket.on("message", (bytes, { address, port }) => {
      if (!this.#reading) {
        this.dropped++;
        return;
      }
      const details = this.hasPeer ? undefined : { from: { host: unmapped(address), port } };
      if (!sink.packet(bytes, details)) this.#reading = false;
      sink.arrived();
    });
    this.#socket.on("error", (error) => {
      this.#fail(error, "receive");
    });
  }

  send(packets: readonly Uint8Array[], start: number, end: number): number {
    let next = start;
    while (next < end && this.#onTheirWay < MOST_ON_THEIR_WAY) {
      const packet = packets[next++];
      if (packet !== undefined) this.#give(packet, undefined);
    }
    return next - start;
  }

  sendWith(packet: Uint8Array, { to }: SendOptions): boolean {
    const address = checkDestination(to, this.#family, this.#plan.dualStack);
    if (this.#onTheirWay >= MOST_ON_THEIR_WAY) {
      this.#waiting.add(laneOf(address));
      return false;
    }
    this.#give(packet, address);
    return true;
  }

  setMembership(group: string, interfaceName: string | undefined, member: boolean): void {
    try {
      if (member) this.#socket.addMembership(group, interfaceName);
      else this.#socket.dropMembership(group, interfaceName);
    } catch (error) {
      const result = errnoOf(error as NodeJS.ErrnoException);
      throw result === 0 ? error : openError(member ? "join" : "leave", result, "setsockopt", group);
    }
  }

  resume(): void {
    this.#reading = true;
  }

  pause(): void {
    this.#reading = false;
  }

  close(graceful: boolean): void {
    if (this.#closing) return;
    this.#closing = true;
    this.#reading = false;
    if (!graceful || this.#onTheirWay === 0) this.#release();
  }

  setRef(alive: boolean): void {
    if (alive) this.#socket.ref();
    else this.#socket.unref();
  }

  #give(packet: Uint8Array, to: InternetAddress | undefined): void {
    this.#onTheirWay++;
    // Node sends it later, when the caller's memory may hold something else.
    const bytes = copyOf(packet);
    const sent = (error: Error | null): void => {
      this.#onTheirWay--;
      if (error !== null) this.#fail(error, "send");
      this.#tellRoom();
    };
    if (to === undefined) this.#socket.send(bytes, sent);
    else this.#socket.send(bytes, to.port, this.#reachable(to.host), sent);
  }

  #reachable(host: string): string {
    return this.#family === AF_INET6 && !host.includes(":") ? `::ffff:${host}` : host;
  }

  #tellRoom(): void {
    if (this.#closing) {
      if (this.#onTheirWay === 0) this.#release();
      return;
    }
    if (this.#onTheirWay !== MOST_ON_THEIR_WAY >> 1) return;
    if (this.hasPeer) this.#sink.writable();
    const lanes = [...this.#waiting];
    this.#waiting.clear();
    for (const lane of lanes) this.#sink.writable(lane);
  }

  #fail(error: NodeJS.ErrnoException, operation: "send" | "receive"): void {
    const result = errnoOf(error);
    if (this.#closing) return;
    if (operation === "send" && result !== -ECONNREFUSED) this.dropped++;
    else this.#sink.fail(refusedByPeer(result, operation, this.#place));
  }

  #release(): void {
    const socket = this.#socket;
    socket.removeAllListeners("message");
    socket.close(() => {
      this.#sink.released();
    });
  }
}

function unmapped(address: string): string {
  return address.startsWith("::ffff:") && address.includes(".") ? address.slice("::ffff:".length) : address;
}
