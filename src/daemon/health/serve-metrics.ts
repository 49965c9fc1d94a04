import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { none } from "../../codec/index.js";
import type { Channel } from "../../core/channel.js";
import { ChannelError } from "../../core/errors.js";
import { extend } from "../../core/extend.js";
import type { UnixSocketListenOptions, UnixSocketListener } from "../../mechanisms/unix-socket/types.js";
import { UnixSocket } from "../../mechanisms/unix-socket/unix-socket.js";
import { peerOf } from "../peer.js";
import { keyOf } from "../quota/user.js";
import type { HealthMethods } from "./health.js";

/** Whom a metrics socket lets in: options of `UnixSocket.listen`. */
export type ServeMetricsOptions = Pick<
  UnixSocketListenOptions<Uint8Array, Buffer>,
  "allow" | "mode" | "onRefuse"
>;

/** Milliseconds that a client has, and how many there may be at a time, of each user and in all: nobody who reads metrics needs more. */
const LIFE_MS = 5000;
const MOST_OF_A_USER = 4;
const MOST_CLIENTS = 64;

/**
 * Serves `GET /metrics` and `GET /health` (200, or 503 when a check fails) by HTTP over a Unix socket: `curl --unix-socket PATH http://localhost/metrics`. The socket is as safe as any of
 * `UnixSocket.listen`; Node's own HTTP server speaks. One request a connection, which has 5 seconds; 4 connections of a user at a time.
 *
 * @param path - of the socket
 * @param methods - what {@link healthMethods} has made
 * @param options - who may come: by default this user and root
 * @returns the listener, to be closed at the end
 * @example
 * ```ts
 * import { daemonMetrics, healthMethods, serveMetrics } from "sluice/daemon";
 *
 * const methods = healthMethods({ metrics: daemonMetrics(), checks: { disk: () => true } });
 * const listener = await serveMetrics("/run/app/metrics.sock", methods, { allow: { uids: [0, 114] }, mode: 0o666 });
 * await listener.close();
 * ```
 */
export async function serveMetrics(
  path: string,
  methods: HealthMethods,
  options: ServeMetricsOptions = {},
): Promise<UnixSocketListener<Uint8Array, Buffer>> {
  const { createServer } = process.getBuiltinModule("node:http");
  const server = createServer((request, response) => {
    answer(request, response, methods).catch((error: unknown) => {
      response.destroy(error as Error);
    });
  });
  // halfOpen: a client may end its side before it reads the answer.
  const listener = await UnixSocket.listen(path, extend(options, { framing: none(), halfOpen: true }));
  const clients = new Map<Channel<Uint8Array, Buffer>, string>();
  const accept = async (): Promise<void> => {
    for await (const channel of listener) {
      const user = keyOf(peerOf(channel));
      const own = [...clients.values()].filter((each) => each === user);
      if (own.length >= MOST_OF_A_USER || clients.size >= MOST_CLIENTS) {
        channel.destroy();
        continue;
      }
      clients.set(channel, user);
      const timer = setTimeout(() => {
        channel.destroy();
      }, LIFE_MS);
      void channel.closed.then(() => {
        clearTimeout(timer);
        clients.delete(channel);
      });
      server.emit("connection", duplexOf(channel));
    }
  };
  accept().catch((error: unknown) => {
    process.emitWarning(`The metrics at ${path} are served no more: ${String(error)}`, {
      type: "SluiceWarning",
      code: "SLUICE_METRICS",
    });
  });
  return listener;
}

async function answer(
  { method, url }: IncomingMessage,
  response: ServerResponse,
  methods: HealthMethods,
): Promise<void> {
  response.setHeader("Connection", "close");
  const send = (status: number, type: string, text: string): void => {
    response.writeHead(status, { "Content-Type": type, "Content-Length": Buffer.byteLength(text) });
    response.end(text);
  };
  if (method !== "GET") send(405, "text/plain", "GET alone\n");
  else if (url === "/metrics") send(200, "text/plain; version=0.0.4; charset=utf-8", await methods.metrics());
  else if (url === "/health") {
    const health = await methods.health();
    send(health.status === "ok" ? 200 : 503, "application/json", `${JSON.stringify(health)}\n`);
  } else send(404, "text/plain", "/metrics or /health\n");
}

/** A channel of bytes as a stream of Node. */
function duplexOf(channel: Channel<Uint8Array, Buffer>): Duplex {
  const { Duplex } = process.getBuiltinModule("node:stream");
  return new Duplex({
    read() {
      channel.receive().then(
        (bytes) => this.push(bytes),
        (error: unknown) => {
          if (error instanceof ChannelError && error.code === "ERR_END_OF_CHANNEL") this.push(null);
          else this.destroy();
        },
      );
    },
    write(bytes: Uint8Array, _encoding, done) {
      channel.send(bytes).then(() => {
        done();
      }, done);
    },
    final(done) {
      channel.close().then(() => {
        done();
      }, done);
    },
    destroy(error, done) {
      channel.destroy();
      done(error);
    },
  });
}
