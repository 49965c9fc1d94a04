import type { Codec } from "../../core/codec.js";
import { extend } from "../../core/extend.js";
import { UnixSocket } from "../../mechanisms/unix-socket/unix-socket.js";
import type {
  UnixDatagramSocket,
  UnixSocketBindOptions,
  UnixSocketListener,
  UnixSocketListenOptions,
} from "../../mechanisms/unix-socket/types.js";

import type { InheritedSocket } from "../systemd/inherited-sockets.js";

const paths = process.getBuiltinModule("node:path");

/* eslint-disable @typescript-eslint/no-explicit-any -- what travels is known of each socket by its codec, and of all of them not at all */

/** A socket of a daemon that takes connections: the options of `UnixSocket.listen`, and where. */
export interface DaemonListenerOptions extends UnixSocketListenOptions<any, any> {
  /** A path, relative to the runtime directory, or an abstract name. The name of the socket with `.sock` by default. */
  readonly path?: string | undefined;
}

/** A datagram socket of a daemon: the options of `UnixSocket.bind`, and where. */
export interface DaemonDatagramOptions extends Omit<UnixSocketBindOptions<any, any>, "type"> {
  /** Tells it from a listener. */
  readonly type: "dgram";
  /** As of {@link DaemonListenerOptions}. */
  readonly path?: string | undefined;
}

/** One socket of a daemon. */
export type DaemonSocketOptions = DaemonListenerOptions | DaemonDatagramOptions;

/** The sockets of a daemon by their names. */
export type DaemonSocketTable = Readonly<Record<string, DaemonSocketOptions>>;

/** What a socket with this codec, or without one, sends. */
export type SentBy<C> = C extends Codec<infer Out, any> ? Out : Uint8Array;
/** What a socket with this codec, or without one, receives. */
export type ReceivedBy<C> = C extends Codec<any, infer In> ? In : Buffer;

/** The sockets of a daemon, open: a datagram socket where the type is `"dgram"`, else a listener. */
export type DaemonSockets<Table extends DaemonSocketTable> = {
  readonly [Name in keyof Table]: Table[Name] extends Pick<DaemonDatagramOptions, "type">
    ? UnixDatagramSocket<SentBy<Table[Name]["codec"]>, ReceivedBy<Table[Name]["codec"]>>
    : UnixSocketListener<SentBy<Table[Name]["codec"]>, ReceivedBy<Table[Name]["codec"]>>;
};

/** Any socket of a daemon. */
export type OpenSocket = UnixSocketListener<any> | UnixDatagramSocket<any>;

/** Opens one socket, or takes the one that a service manager has opened. */
export function openSocket(
  name: string,
  options: DaemonSocketOptions,
  folder: string,
  inherited: InheritedSocket | undefined,
): Promise<UnixSocketListener<any>> | Promise<UnixDatagramSocket<any>> {
  if (inherited !== undefined) {
    const { fd } = inherited;
    return options.type === "dgram"
      ? UnixSocket.bind<any>(extend(options, { fd }))
      : UnixSocket.listen<any>(extend(options, { fd }));
  }
  const path = options.path ?? `${name}.sock`;
  const address = path.startsWith("\0") ? path : paths.resolve(folder, path);
  return options.type === "dgram"
    ? UnixSocket.bind<any>(address, options)
    : UnixSocket.listen<any>(address, options);
}

/** Whether the socket of this name takes connections. */
export function isListening(entry: [string, OpenSocket]): entry is [string, UnixSocketListener<any>] {
  return isListener(entry[1]);
}

/** Whether it takes connections. */
export function isListener(socket: OpenSocket): socket is UnixSocketListener<any> {
  return "accept" in socket;
}
