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

/** One socket of a daemon: the options of `UnixSocket.listen`, or with type `"dgram"` of `UnixSocket.bind`, and where. */
export type DaemonSocketOptions = (
  | UnixSocketListenOptions<any, any>
  | (Omit<UnixSocketBindOptions<any, any>, "type"> & { readonly type: "dgram" })
) & {
  /** A path, relative to the runtime directory, or an abstract name. The name of the socket with `.sock` by default. */
  readonly path?: string | undefined;
};

/** The sockets of a daemon by their names. */
export type DaemonSocketTable = Readonly<Record<string, DaemonSocketOptions>>;

/** What its codec makes of a socket's messages, out and in. */
type Messages<Options> = Options extends { readonly codec: Codec<infer Out, infer In> }
  ? [Out, In]
  : [Uint8Array, Buffer];

/** The sockets of a daemon, open: a datagram socket where the type is `"dgram"`, else a listener. */
export type DaemonSockets<Table> = {
  readonly [Name in keyof Table]: Table[Name] extends { readonly type: "dgram" }
    ? UnixDatagramSocket<Messages<Table[Name]>[0], Messages<Table[Name]>[1]>
    : UnixSocketListener<Messages<Table[Name]>[0], Messages<Table[Name]>[1]>;
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

/** Whether it takes connections. */
export function isListener(socket: OpenSocket): socket is UnixSocketListener<any> {
  return "accept" in socket;
}
