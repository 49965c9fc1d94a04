import type { Channel } from "../core/channel.js";
import type { Codec } from "../core/codec.js";
import { extend } from "../core/extend.js";
import { checkWaitOptions } from "../core/wait.js";
import { MessageQueue } from "../mechanisms/message-queue/message-queue.js";
import { NamedPipe } from "../mechanisms/named-pipe/named-pipe.js";
import { SharedBuffer } from "../mechanisms/shared-buffer/shared-buffer.js";
import { TcpSocket } from "../mechanisms/tcp-socket/tcp-socket.js";
import { UdpSocket } from "../mechanisms/udp-socket/udp-socket.js";
import { UnixSocket } from "../mechanisms/unix-socket/unix-socket.js";
import { completeOptions } from "./parameters.js";
import { parseUrl, type Target } from "./parse-url.js";
import { queueName } from "./queue-name.js";
import type { Connected, ConnectOptions, ConnectSchemes, KnownUrl, Scheme } from "./types.js";

type Gives = ConnectSchemes<never, unknown>;
type Openers = {
  readonly [Name in Scheme]: (target: Target, options: Gives[Name]["takes"]) => Promise<Gives[Name]["gives"]>;
};

const openers: Openers = {
  unix: ({ path }, options) => UnixSocket.connect(path, options),
  "unix-seqpacket": ({ path }, options) =>
    UnixSocket.connect(path, extend(options, { type: "seqpacket" as const })),
  "unix-dgram": ({ path }, options) => UnixSocket.connect(path, extend(options, { type: "dgram" as const })),
  fifo: ({ path }, options) => NamedPipe.openWriter(path, options),
  shm: ({ path }, options) => SharedBuffer.connect(path, options),
  mq: openQueue,
  sysv: openQueue,
  tcp: ({ host, port }, options) => TcpSocket.connect(extend(options, { host, port })),
  tls: ({ host, port }, options) =>
    TcpSocket.connect(extend(options, { host, port, tls: options.tls ?? {} })),
  udp: ({ host, port }, options) => UdpSocket.connect(extend(options, { host, port })),
};

/** Opening a queue waits for nobody; the bounds are checked all the same, as every scheme takes them. */
async function openQueue(target: Target, options: Gives["mq"]["takes"]): Promise<Gives["mq"]["gives"]> {
  checkWaitOptions(options);
  options.signal?.throwIfAborted();
  const { name, identity } = queueName(target);
  return await MessageQueue.open(name, extend(extend(options, identity), { direction: "send" as const }));
}

/** Connects a channel that carries Buffers. */
export function connect<const Url extends string>(
  url: Url & KnownUrl<Url>,
  options?: ConnectOptions<Url, Uint8Array, Buffer>,
): Promise<Connected<Url, Uint8Array, Buffer>>;
/**
 * Connects by a URL to whatever the scheme names, so that the transport of a program is configuration.
 *
 * | URL | is | of the same end |
 * | --- | --- | --- |
 * | `unix:/run/a.sock`, `unix:@name` (abstract) | a stream | `UnixSocket.connect` |
 * | `unix-seqpacket:…`, `unix-dgram:…` | whole packets | `UnixSocket.connect` |
 * | `shm:/run/a.sock`, `shm:@name` | rings in shared memory | `SharedBuffer.connect` |
 * | `fifo:/run/a` | the end that writes | `NamedPipe.openWriter` |
 * | `mq:/jobs`, `sysv:0x1234`, `sysv:/path?projectId=3` | the end that sends | `MessageQueue.open` |
 * | `tcp://host:port`, `tls://host:port` | a connection | `TcpSocket.connect` |
 * | `udp://host:port` | datagrams to one peer | `UdpSocket.connect` |
 *
 * A URL that stands in the program decides the types: what comes back is the mechanism's own channel, and the options are the mechanism's own. A URL read at run
 * time, a plain `string`, gives a `Channel` and takes what all have in common. Simple options may stand in the URL (`?timeout=1000&maxMessageSize=65536`, in
 * the units of the options); those given in code win. Paths are percent-decoded; `unix:///run/a.sock` is `unix:/run/a.sock`.
 *
 * @param url - scheme and place; docs/one-door.md has all parameters
 * @param options - codec, limits, `signal` and `timeout` of the wait, and what the mechanism takes
 * @returns a promise of the open channel. `traits.direction` tells which ways it carries messages: `fifo`, `mq` and `sysv` only send
 * @throws (by the promise) TypeError for a URL that is wrong, with the schemes or parameters that there are; else as the mechanism: TypeError or RangeError for an option,
 *   ChannelError `ERR_NO_PEER`, `ERR_ACCESS_DENIED`, `ERR_TIMEOUT`, `ERR_UNSUPPORTED`, `ERR_SYSTEM`; the abort reason
 * @example
 * ```ts run
 * import { connect, json, listen } from "sluice";
 *
 * const codec = json<{ job: number }>();
 * const url = process.env["JOBS_URL"] ?? `unix:@jobs-${process.pid}`;
 * const opened = await listen(url, { codec });
 * const worker = await connect(url, { codec, timeout: 1000 });
 * const jobs = "accept" in opened ? await opened.accept() : opened;
 * await worker.send({ job: 7 });
 * console.log(await jobs.receive());
 * for (const each of [worker, jobs, opened]) await each.close();
 * ```
 */
export function connect<const Url extends string, Out, In = Out>(
  url: Url & KnownUrl<Url>,
  options: ConnectOptions<Url, Out, In> & { readonly codec: Codec<Out, In> },
): Promise<Connected<Url, Out, In>>;
export async function connect(url: string, options: object = {}): Promise<Channel<never, unknown>> {
  const target = parseUrl(url);
  const complete = completeOptions(target, "connect", options);
  const { scheme, host, port } = target;
  if (host !== "" && port === 0) {
    throw new TypeError(
      `url must have a port from 1 to 65535 to connect to, received ${scheme}://${host}:0; 0 is for listen`,
    );
  }
  // The table has checked that scheme and options belong together as far as TypeScript can; the mechanism checks the rest.
  const open = openers[scheme] as (target: Target, options: object) => Promise<Channel<never, unknown>>;
  return await open(target, complete);
}
