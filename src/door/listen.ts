import type { Channel, Listener } from "../core/channel.js";
import type { Codec } from "../core/codec.js";
import { extend } from "../core/extend.js";
import { describe } from "../core/wait.js";
import { MessageQueue } from "../mechanisms/message-queue/message-queue.js";
import { NamedPipe } from "../mechanisms/named-pipe/named-pipe.js";
import { SharedBuffer } from "../mechanisms/shared-buffer/shared-buffer.js";
import { TcpSocket } from "../mechanisms/tcp-socket/tcp-socket.js";
import { UdpSocket } from "../mechanisms/udp-socket/udp-socket.js";
import { UnixSocket } from "../mechanisms/unix-socket/unix-socket.js";
import { completeOptions } from "./parameters.js";
import { parseUrl, type Target } from "./parse-url.js";
import { queueName } from "./queue-name.js";
import type { KnownUrl, Listening, ListenOptions, ListenSchemes, Scheme } from "./types.js";

type Gives = ListenSchemes<never, unknown>;
type Openers = {
  readonly [Name in Scheme]: (target: Target, options: Gives[Name]["takes"]) => Promise<Gives[Name]["gives"]>;
};

const openers: Openers = {
  unix: ({ path }, options) => UnixSocket.listen(path, options),
  "unix-seqpacket": ({ path }, options) =>
    UnixSocket.listen(path, extend(options, { type: "seqpacket" as const })),
  "unix-dgram": ({ path }, options) => UnixSocket.bind(path, options),
  fifo: openFifo,
  shm: ({ path }, options) => SharedBuffer.listen(path, options),
  mq: openQueue,
  sysv: openQueue,
  tcp: ({ host, port }, options) => TcpSocket.listen(extend(options, { host, port })),
  tls: ({ host, port }, options) => {
    checkIdentity(options.tls);
    return TcpSocket.listen(extend(options, { host, port }));
  },
  udp: ({ host, port }, options) => UdpSocket.bind(extend(options, { host, port })),
};

async function openFifo({ path }: Target, options: Gives["fifo"]["takes"]): Promise<Gives["fifo"]["gives"]> {
  // A FIFO that is there is taken only if it is as safe as one made here.
  await NamedPipe.create(path, { mode: options.mode, exclusive: false, allow: options.allow });
  return await NamedPipe.openReader(path, options);
}

function openQueue(target: Target, options: Gives["mq"]["takes"]): Promise<Gives["mq"]["gives"]> {
  const { name, identity } = queueName(target);
  const create = options.create ?? true;
  const more = { create, direction: "receive" as const };
  return MessageQueue.open(name, extend(extend(options, identity), more));
}

/** A TLS server without a certificate would listen, and refuse everybody who comes. */
function checkIdentity(tls: Gives["tls"]["takes"]["tls"] | undefined): void {
  const { key, cert, pfx } = tls ?? {};
  if (pfx !== undefined) return;
  const missing = [key === undefined ? "key" : "", cert === undefined ? "cert" : ""].filter(
    (name) => name !== "",
  );
  if (missing.length === 0) return;
  throw new TypeError(
    `options.tls must have key and cert (or pfx) to listen at tls://, received ${describe(tls)} without ${missing.join(" and ")}`,
  );
}

/** Listens for what carries Buffers. */
export function listen<const Url extends string>(
  url: Url & KnownUrl<Url>,
  options?: ListenOptions<Url, Uint8Array, Buffer>,
): Promise<Listening<Url, Uint8Array, Buffer>>;
/**
 * Opens by a URL the end that waits for the other: the counterpart of {@link connect}.
 *
 * | URL | gives | by |
 * | --- | --- | --- |
 * | `unix:…`, `unix-seqpacket:…` | a listener | `UnixSocket.listen` |
 * | `shm:…` | a listener | `SharedBuffer.listen` |
 * | `tcp://host:port`, `tls://host:port` | a listener; port 0 takes a free one | `TcpSocket.listen` |
 * | `unix-dgram:…`, `udp://host:port` | the bound socket, which hears from everybody | `UnixSocket.bind`, `UdpSocket.bind` |
 * | `fifo:/run/a` | the end that reads; makes the FIFO where it is missing | `NamedPipe.create`, `openReader` |
 * | `mq:/jobs`, `sysv:0x1234` | the end that receives; makes the queue where it is missing | `MessageQueue.open` |
 *
 * Where a mechanism has no connections there is nothing to accept, and what comes back is the channel itself; the types say so. Of a URL read at run time, a plain
 * `string`, `"accept" in result` tells. A FIFO and a queue stay when the channel closes: `NamedPipe.unlink`, `MessageQueue.unlink`.
 *
 * @param url - scheme and place; docs/one-door.md has all parameters
 * @param options - codec, limits, and what the mechanism takes; with `tls://`, `tls` with `key` and `cert`
 * @returns a promise that fulfils when peers can come
 * @throws (by the promise) TypeError for a URL that is wrong, with the schemes or parameters that there are, and for `tls://` without key and certificate; else as the
 *   mechanism: TypeError or RangeError for an option, ChannelError `ERR_ADDRESS_IN_USE`, `ERR_ACCESS_DENIED`, `ERR_UNSUPPORTED`, `ERR_SYSTEM`
 * @example
 * ```ts run
 * import { connect, listen, text } from "sluice";
 *
 * await using listener = await listen("tcp://127.0.0.1:0?backlog=16", { codec: text() });
 * const { host, port } = listener.address;
 * await using client = await connect(`tcp://${host}:${port}?timeout=1000`, { codec: text() });
 * await using server = await listener.accept();
 * await client.send("hello");
 * console.log(await server.receive(), "from", server.remoteAddress.host);
 * ```
 */
export function listen<const Url extends string, Out, In = Out>(
  url: Url & KnownUrl<Url>,
  options: ListenOptions<Url, Out, In> & { readonly codec: Codec<Out, In> },
): Promise<Listening<Url, Out, In>>;
export async function listen(
  url: string,
  options: object = {},
): Promise<Listener<Channel<never, unknown>> | Channel<never, unknown>> {
  const target = parseUrl(url);
  const complete = completeOptions(target, "listen", options);
  // The table has checked that scheme and options belong together as far as TypeScript can; the mechanism checks the rest.
  const open = openers[target.scheme] as (
    target: Target,
    options: object,
  ) => Promise<Listener<Channel<never, unknown>> | Channel<never, unknown>>;
  return await open(target, complete);
}
