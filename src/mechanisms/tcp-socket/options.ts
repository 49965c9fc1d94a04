import { extend } from "../../core/extend.js";
import { bytes, lengthPrefixed } from "../../codec/index.js";
import type { InternetAddress } from "../../core/channel.js";
import type { Codec, Framing } from "../../core/codec.js";
import { checkCount, checkMethods, checkOptions, resolveQueueLimits } from "../../core/options.js";
import { checkDuration, describe } from "../../core/wait.js";
import { checkHost, checkInternetAddress, checkPort, LOOPBACK } from "../internet-address.js";
import type { TcpConnectOptions, TcpListenOptions, TcpSocketOptions } from "./types.js";

/** The largest message unless asked otherwise. */
export const DEFAULT_MAX_MESSAGE_SIZE: number = 16 * 1024 * 1024;
/** What the u32 length of a frame can say. */
const MOST_MESSAGE_SIZE = 2 ** 32 - 1;
const DEFAULT_KEEP_ALIVE_MS = 60_000;
const DEFAULT_HANDSHAKE_MS = 10_000;
/** As Node's own servers have it. */
const DEFAULT_BACKLOG = 511;
/** TCP_KEEPIDLE is a number of seconds up to this, tcp(7). */
const MOST_KEEP_ALIVE_MS = 32_767_000;

/** What the kernel is told of each connection. */
export interface ConnectionSettings {
  readonly noDelay: boolean;
  readonly keepAlive: boolean;
  readonly keepAliveInitialDelay: number;
}

/** Options of a channel, complete and checked, so that nothing is left to be refused when a peer has come. */
export interface CheckedOptions<Out, In> extends TcpSocketOptions<Out, In>, ConnectionSettings {
  readonly codec: Codec<Out, In>;
  readonly framing: Framing;
  readonly noDelay: boolean;
  readonly keepAlive: boolean;
  readonly keepAliveInitialDelay: number;
}

/** Options of listen, complete and checked. */
export interface CheckedListenOptions<Out, In> extends CheckedOptions<Out, In> {
  readonly host: string;
  readonly port: number;
  readonly dualStack: boolean;
  readonly tls: TcpListenOptions<Out, In>["tls"];
  readonly handshakeTimeout: number;
  readonly backlog: number;
  readonly maxConnections: number;
  readonly onRefuse: TcpListenOptions<Out, In>["onRefuse"];
}

/** Options of connect, complete and checked. */
export interface CheckedConnectOptions<Out, In> extends CheckedOptions<Out, In> {
  readonly host: string;
  readonly port: number;
  readonly tls: TcpConnectOptions<Out, In>["tls"];
  readonly localAddress: InternetAddress | undefined;
}

/** Checks and completes the options of listen. */
export function checkListenOptions<Out, In>(
  options: TcpListenOptions<Out, In>,
): CheckedListenOptions<Out, In> {
  const common = checkChannelOptions(options);
  const { host, port, tls, dualStack, handshakeTimeout, backlog, maxConnections, onRefuse } = options;
  if (handshakeTimeout !== undefined) checkDuration("handshakeTimeout", handshakeTimeout);
  checkTls(tls);
  if (tls === undefined && handshakeTimeout !== undefined)
    throw new TypeError(
      `options.handshakeTimeout must be absent without options.tls, received ${handshakeTimeout}`,
    );
  return extend(common, {
    host: checkHost("options.host", host ?? LOOPBACK),
    port: checkPort("options.port", port),
    tls,
    dualStack: checkBoolean("dualStack", dualStack, false),
    handshakeTimeout: handshakeTimeout ?? DEFAULT_HANDSHAKE_MS,
    backlog: checkCount("options.backlog", backlog ?? DEFAULT_BACKLOG, 1, 2 ** 31 - 1),
    maxConnections:
      maxConnections === undefined || maxConnections === Infinity
        ? Infinity
        : checkCount("options.maxConnections", maxConnections, 1, Number.MAX_SAFE_INTEGER),
    onRefuse: checkFunction("onRefuse", onRefuse),
  });
}

/** Checks and completes the options of connect. */
export function checkConnectOptions<Out, In>(
  options: TcpConnectOptions<Out, In>,
): CheckedConnectOptions<Out, In> {
  const common = checkChannelOptions(options);
  const { host, port, tls, localAddress } = options;
  checkTls(tls);
  if (localAddress !== undefined) checkInternetAddress("options.localAddress", localAddress);
  return extend(common, {
    host: checkHost("options.host", host ?? LOOPBACK),
    port: checkPort("options.port", port),
    tls,
    localAddress,
  });
}

function checkChannelOptions<Out, In>(options: TcpSocketOptions<Out, In>): CheckedOptions<Out, In> {
  checkOptions(options);
  if ((options as unknown) === undefined)
    throw new TypeError("options must be an object with a port, received undefined");
  resolveQueueLimits("sendQueue", options.sendQueue);
  resolveQueueLimits("receiveQueue", options.receiveQueue);
  if (options.maxMessageSize !== undefined)
    checkCount("options.maxMessageSize", options.maxMessageSize, 1, MOST_MESSAGE_SIZE);
  checkBoolean("halfOpen", options.halfOpen, false);
  const codec = options.codec ?? (bytes() as unknown as Codec<Out, In>);
  checkMethods("options.codec", codec, ["encode", "decode"]);
  const framing = options.framing ?? lengthPrefixed();
  checkMethods("options.framing", framing, ["writeHeader", "writeTrailer", "createDecoder"]);
  return extend(options, {
    codec,
    framing,
    allow: checkFunction("allow", options.allow),
    noDelay: checkBoolean("noDelay", options.noDelay, true),
    keepAlive: checkBoolean("keepAlive", options.keepAlive, true),
    keepAliveInitialDelay: checkCount(
      "options.keepAliveInitialDelay",
      options.keepAliveInitialDelay ?? DEFAULT_KEEP_ALIVE_MS,
      1000,
      MOST_KEEP_ALIVE_MS,
    ),
  });
}

function checkBoolean(name: string, value: boolean | undefined, otherwise: boolean): boolean {
  if (value !== undefined && typeof value !== "boolean")
    throw new TypeError(`options.${name} must be a boolean, received ${describe(value)}`);
  return value ?? otherwise;
}

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- any function will do; what it takes is the caller's affair
function checkFunction<F extends (...args: any[]) => unknown>(
  name: string,
  value: F | undefined,
): F | undefined {
  if (value !== undefined && typeof value !== "function")
    throw new TypeError(`options.${name} must be a function, received ${describe(value)}`);
  return value;
}

function checkTls(tls: object | undefined): void {
  if (tls !== undefined && (tls === null || typeof tls !== "object"))
    throw new TypeError(`options.tls must be an object with options of node:tls, received ${describe(tls)}`);
}
