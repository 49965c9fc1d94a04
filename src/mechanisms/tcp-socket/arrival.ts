import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import type { ByteStream } from "../../core/byte-stream.js";
import type { InternetAddress } from "../../core/channel.js";
import { extend } from "../../core/extend.js";
import { loadCore } from "../../native/binding.js";
import {
  ENDPOINT_BYTES,
  IPPROTO_TCP,
  SO_KEEPALIVE,
  TCP_KEEPCNT,
  TCP_KEEPIDLE,
  TCP_KEEPINTVL,
  TCP_NODELAY,
} from "../../native/constants.js";
import { loadNet } from "../builtin.js";
import { type ConnectionDetails, ConnectionStream } from "../connection-stream.js";
import { isAcknowledged } from "../linger.js";
import { fromEndpoint, textOf } from "../internet-address.js";
import { SocketStream } from "../socket-stream.js";
import type { CheckedOptions, ConnectionSettings } from "./options.js";
import { type KnownPeer, TcpStreamChannel } from "./tcp-channel.js";
import { identifies, tlsStateOf } from "./tls-state.js";

/** Unanswered questions after which a silent peer is given up, a second apart: what libuv sets as well. */
const KEEP_ALIVE_QUESTIONS = 10;

/** A connection that is not yet a channel: whose it is, and the two things that can become of it. Exactly one of them is called. */
export interface Arrival {
  readonly peer: KnownPeer;
  open<Out, In>(options: CheckedOptions<Out, In>): TcpStreamChannel<Out, In>;
  drop(): void;
}

/** Tells the kernel what it shall do on a connection of the native core. */
export function applySettings(fd: number, settings: ConnectionSettings): void {
  const core = loadCore();
  if (settings.noDelay) core.setOptionAt(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  if (!settings.keepAlive) return;
  const idleSeconds = Math.floor(settings.keepAliveInitialDelay / 1000);
  core.setOptionAt(fd, IPPROTO_TCP, TCP_KEEPIDLE, idleSeconds);
  core.setOptionAt(fd, IPPROTO_TCP, TCP_KEEPINTVL, 1);
  core.setOptionAt(fd, IPPROTO_TCP, TCP_KEEPCNT, KEEP_ALIVE_QUESTIONS);
  core.setOption(fd, SO_KEEPALIVE, 1);
}

/**
 * A connection of the native core. The descriptor belongs to it.
 *
 * @returns `undefined`, with the descriptor closed, when the peer is gone already
 */
export function arrivalOfDescriptor(fd: number): Arrival | undefined {
  const core = loadCore();
  const drop = (): void => {
    core.close(fd);
  };
  const remote = Buffer.alloc(ENDPOINT_BYTES);
  const local = Buffer.alloc(ENDPOINT_BYTES);
  if (core.internetPeerName(fd, remote) < 0 || core.internetName(fd, local) < 0) {
    drop();
    return undefined;
  }
  const remoteAddress = fromEndpoint(remote);
  const peer = { remoteAddress, localAddress: fromEndpoint(local), tls: undefined, isIdentified: false };
  return {
    peer,
    drop,
    open: (options) => {
      let stream: ConnectionStream | undefined;
      try {
        stream = new ConnectionStream(fd, extend(detailsOf(remoteAddress, options), { lingers: true }));
        return new TcpStreamChannel(stream, options, peer);
      } catch (error) {
        abandon(stream, drop);
        throw error;
      }
    },
  };
}

/** The descriptors of the sockets that the native core has made. */
const descriptors = new WeakMap<Socket, number>();

/**
 * A connection of `node:net`, or one of `node:tls` that has shaken hands.
 *
 * @param socket - the connection
 * @param raw - what TLS runs on
 * @returns `undefined` when the peer is gone already
 */
export function arrivalOfSocket(socket: Socket | TLSSocket, raw: Socket): Arrival | undefined {
  const addresses = addressesOf(socket);
  // Nobody reads it yet, and the peer may go while the user's function is being asked.
  const ignore = (): undefined => undefined;
  socket.on("error", ignore);
  const drop = (): void => {
    socket.destroy();
  };
  if (addresses === undefined || socket.destroyed) {
    drop();
    return undefined;
  }
  const tls = "encrypted" in socket ? tlsStateOf(socket) : undefined;
  const isIdentified = tls !== undefined && identifies(tls, socket as TLSSocket);
  const peer = extend(addresses, { tls, isIdentified });
  return {
    peer,
    drop,
    open: (options) => {
      let stream: SocketStream | undefined;
      try {
        stream = new SocketStream(socket, detailsOf(addresses.remoteAddress, options), arrivedOn(raw));
        socket.off("error", ignore);
        return new TcpStreamChannel(stream, options, peer);
      } catch (error) {
        abandon(stream, drop);
        throw error;
      }
    },
  };
}

/** The addresses of both sides; `undefined` when the peer is gone already. */
export function addressesOf(
  socket: Socket,
): { remoteAddress: InternetAddress; localAddress: InternetAddress } | undefined {
  const { remoteAddress, remotePort, localAddress, localPort } = socket;
  if (remoteAddress === undefined || remotePort === undefined) return undefined;
  return {
    remoteAddress: { host: unmapped(remoteAddress), port: remotePort },
    localAddress: { host: unmapped(localAddress ?? ""), port: localPort ?? 0 },
  };
}

/** Gives a connection of the native core to `node:net`, which TLS runs on. */
export function toSocket(fd: number): Socket {
  loadCore().disown(fd);
  const socket = new (loadNet().Socket)({ fd, readable: true, writable: true, allowHalfOpen: true });
  descriptors.set(socket, fd);
  return socket;
}

/** Tells whether the peer's kernel has all that was written to this socket; `undefined` without the native core, which asks the kernel. */
function arrivedOn(socket: Socket): (() => boolean) | undefined {
  const fd = descriptors.get(socket);
  if (fd === undefined) return undefined;
  const core = loadCore();
  return () => socket.destroyed || isAcknowledged(core.unsentBytes(fd));
}

function detailsOf(remote: InternetAddress, options: CheckedOptions<never, unknown>): ConnectionDetails;
function detailsOf(
  remote: InternetAddress,
  { halfOpen }: { halfOpen?: boolean | undefined },
): ConnectionDetails {
  return { mechanism: "tcp-socket", address: textOf(remote), endsAltogether: halfOpen !== true };
}

function abandon(stream: ByteStream | undefined, drop: () => void): void {
  if (stream === undefined) drop();
  else stream.close(false);
}

function unmapped(address: string): string {
  return address.startsWith("::ffff:") && address.includes(".") ? address.slice("::ffff:".length) : address;
}
