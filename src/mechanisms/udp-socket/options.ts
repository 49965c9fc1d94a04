import { bytes } from "../../codec/index.js";
import type { InternetAddress } from "../../core/channel.js";
import type { Codec } from "../../core/codec.js";
import { extend } from "../../core/extend.js";
import { checkCount, checkMethods, checkOptions, resolveQueueLimits } from "../../core/options.js";
import { describe } from "../../core/wait.js";
import { loadNet } from "../builtin.js";
import { checkHost, checkInternetAddress, checkPort, LOOPBACK } from "../internet-address.js";
import type { MulticastOptions, UdpBindOptions, UdpConnectOptions, UdpSocketOptions } from "./types.js";

/** What an IPv4 datagram carries: 65,535 bytes less the headers of IP and UDP, udp(7). IPv6 could carry 20 more. */
export const MAX_DATAGRAM = 65_507;
/** What SO_RCVBUF and SO_SNDBUF can be. */
const MOST_BUFFER = 2 ** 30;

/** What the kernel is told of a socket. */
export interface SocketSettings {
  readonly broadcast: boolean;
  readonly ttl?: number | undefined;
  readonly multicast: MulticastOptions;
  readonly receiveBufferSize?: number | undefined;
  readonly sendBufferSize?: number | undefined;
}

/** Options of a channel, complete and checked. */
export interface CheckedOptions<Out, In> extends UdpSocketOptions<Out, In>, SocketSettings {
  readonly codec: Codec<Out, In>;
  readonly broadcast: boolean;
  readonly multicast: MulticastOptions;
}

/** What a socket is made from, by either engine: where it is, and whom it talks to. */
export interface SocketPlan {
  readonly local: InternetAddress | undefined;
  readonly remote: InternetAddress | undefined;
  readonly dualStack: boolean;
  readonly reuseAddress: boolean;
}

/** Checks and completes the options of bind. */
export function checkBindOptions<Out, In>(
  options: UdpBindOptions<Out, In>,
): CheckedOptions<Out, In> & { readonly host: string; readonly port: number } & Omit<
    SocketPlan,
    "local" | "remote"
  > {
  return extend(checkChannelOptions(options), {
    host: checkHost("options.host", options.host ?? LOOPBACK),
    port: checkPort("options.port", options.port ?? 0),
    dualStack: checkBoolean("dualStack", options.dualStack, false),
    reuseAddress: checkBoolean("reuseAddress", options.reuseAddress, false),
  });
}

/** Checks and completes the options of connect. */
export function checkConnectOptions<Out, In>(
  options: UdpConnectOptions<Out, In>,
): CheckedOptions<Out, In> & { readonly host: string; readonly port: number } {
  const complete = checkChannelOptions(options);
  if (options.localAddress !== undefined) checkInternetAddress("options.localAddress", options.localAddress);
  return extend(complete, {
    host: checkHost("options.host", options.host ?? LOOPBACK),
    port: checkCount("options.port", options.port, 1, 65_535),
  });
}

/** Throws unless this is the address of a multicast group; returns it. */
export function checkGroup(group: unknown): string {
  const isGroup =
    typeof group === "string" &&
    (loadNet().isIPv6(group) ? /^ff/i.test(group) : /^(22[4-9]|23[0-9])(\.[0-9]{1,3}){3}$/.test(group));
  if (isGroup) return group;
  throw new TypeError(
    `group must be a multicast address (224.0.0.0 to 239.255.255.255, or ff00::/8), received ${describe(group)}`,
  );
}

function checkChannelOptions<Out, In>(options: UdpSocketOptions<Out, In>): CheckedOptions<Out, In> {
  checkOptions(options);
  if ((options as unknown) === undefined)
    throw new TypeError("options must be an object with a port, received undefined");
  resolveQueueLimits("sendQueue", options.sendQueue);
  resolveQueueLimits("receiveQueue", options.receiveQueue);
  const { maxMessageSize, ttl, receiveBufferSize, sendBufferSize } = options;
  if (maxMessageSize !== undefined) checkCount("options.maxMessageSize", maxMessageSize, 1, MAX_DATAGRAM);
  if (ttl !== undefined) checkCount("options.ttl", ttl, 1, 255);
  if (receiveBufferSize !== undefined)
    checkCount("options.receiveBufferSize", receiveBufferSize, 1, MOST_BUFFER);
  if (sendBufferSize !== undefined) checkCount("options.sendBufferSize", sendBufferSize, 1, MOST_BUFFER);
  const codec = options.codec ?? (bytes() as unknown as Codec<Out, In>);
  checkMethods("options.codec", codec, ["encode", "decode"]);
  return extend(options, {
    codec,
    broadcast: checkBoolean("broadcast", options.broadcast, false),
    multicast: checkMulticast(options.multicast),
  });
}

function checkMulticast(multicast: MulticastOptions | undefined): MulticastOptions {
  if (multicast === undefined) return {};
  if (multicast === null || typeof multicast !== "object") {
    throw new TypeError(
      `options.multicast must be { ttl?, loopback?, interface? }, received ${describe(multicast)}`,
    );
  }
  if (multicast.ttl !== undefined) checkCount("options.multicast.ttl", multicast.ttl, 0, 255);
  checkBoolean("multicast.loopback", multicast.loopback, true);
  return multicast;
}

function checkBoolean(name: string, value: boolean | undefined, otherwise: boolean): boolean {
  if (value !== undefined && typeof value !== "boolean")
    throw new TypeError(`options.${name} must be a boolean, received ${describe(value)}`);
  return value ?? otherwise;
}
