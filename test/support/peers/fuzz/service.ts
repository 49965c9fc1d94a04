// Listens on everything that there is to listen on, and answers each message with itself: `service FOLDER KEY_FILE CERT_FILE`. It tells its ports
// in a line, and at each line of standard input how many descriptors it has open and how much memory it holds.
import { readdirSync, readFileSync } from "node:fs";
import {
  type Channel,
  ChannelError,
  contentLength,
  type Envelope,
  json,
  type Listener,
  lines,
  SharedBuffer,
  TcpSocket,
  UdpSocket,
  UnixSocket,
} from "sluice";
import { healthMethods, offerSockets, serveMetrics } from "sluice/daemon";
import { serve } from "sluice/rpc";

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- channels of all kinds of messages are used alike
type AnyChannel = Channel<any, any>;
type AnyEnvelope = Envelope<unknown>;

const [folder = "", keyFile = "", certFile = ""] = process.argv.slice(2);
const at = (name: string): string => `${folder}/${name}`;
const connections = new Set<Channel<never, unknown>>();

/** Only what is documented may happen to a channel whose peer misbehaves. */
function check(error: unknown): void {
  if (!(error instanceof ChannelError)) throw error;
}

async function answer(channel: AnyChannel): Promise<void> {
  connections.add(channel as Channel<never, unknown>);
  try {
    for (;;) {
      const { message, handles = [] } = (await channel.receiveEnvelope().catch((error: unknown) => {
        // One message that is none leaves the channel open.
        if (error instanceof ChannelError && error.code === "ERR_INVALID_MESSAGE" && channel.state === "open")
          return { message: undefined, handles: [] };
        throw error;
      })) as AnyEnvelope;
      for (const handle of handles) handle.close();
      if (message !== undefined) await channel.send(message, { timeout: 2000 });
    }
  } catch (error) {
    check(error);
  } finally {
    channel.destroy();
    connections.delete(channel as Channel<never, unknown>);
  }
}

async function answerAll(listener: Listener<AnyChannel>): Promise<void> {
  for await (const channel of listener) void answer(channel);
}

/** Answers whoever has a name. */
async function answerDatagrams(channel: AnyChannel): Promise<void> {
  for (;;) {
    try {
      const { message, from } = (await channel.receiveEnvelope()) as AnyEnvelope;
      if (from !== undefined) await channel.send(message, { to: from, timeout: 1000 });
    } catch (error) {
      check(error);
    }
  }
}

const methods = {
  add: ({ a, b }: { a: number; b: number }) => a + b,
  echo: (value: unknown) => value,
  async *count(to: number) {
    for (let n = 0; n < Math.min(to, 100); n++) yield n;
  },
  async sum(numbers: AsyncIterable<number>) {
    let sum = 0;
    for await (const n of numbers) sum += n;
    return sum;
  },
};
const rules = { maxMessageSize: 20_000, receiveQueue: { bytes: 65_536, messages: 100 } };
/** Notifications of unknown methods and the like, which nobody is answered to. */
const onError = (): void => undefined;

void answerAll(await UnixSocket.listen(at("stream"), { ...rules, maxHandles: 4 }));
void answerAll(await UnixSocket.listen(at("lines"), { ...rules, framing: lines(), codec: json() }));
void answerAll(await UnixSocket.listen(at("seqpacket"), { ...rules, type: "seqpacket", maxHandles: 4 }));
void answerAll(await UnixSocket.listen(at("plain"), { ...rules, type: "seqpacket" }));
void answerAll(await SharedBuffer.listen(at("ring"), { capacity: 65_536 }));
void answerDatagrams(await UnixSocket.bind(at("dgram"), { type: "dgram", maxMessageSize: 20_000 }));
const tcp = await TcpSocket.listen({ ...rules, host: "127.0.0.1", port: 0 });
void answerAll(tcp);
const tlsFiles = { key: readFileSync(keyFile), cert: readFileSync(certFile) };
const tls = await TcpSocket.listen({
  ...rules,
  host: "127.0.0.1",
  port: 0,
  tls: tlsFiles,
  handshakeTimeout: 2000,
});
void answerAll(tls);
const udp = await UdpSocket.bind({ host: "127.0.0.1", port: 0 });
void answerDatagrams(udp);
serve(await UnixSocket.listen(at("rpc"), rules), methods, { onError });
const framing = contentLength();
serve(await UnixSocket.listen(at("json-rpc"), { ...rules, framing }), methods, {
  protocol: "json-rpc",
  onError,
});
await serveMetrics(at("metrics"), healthMethods({ checks: { always: () => true } }));
const offered = await UnixSocket.listen(at("offered"));
await offerSockets(at("hand-over"), { offered });

const portOf = (listener: { readonly address: unknown }): number =>
  (listener.address as { port: number }).port;
console.log(JSON.stringify({ tcp: portOf(tcp), tls: portOf(tls), udp: udp.localAddress.port }));
for await (const line of process.stdin) {
  if (String(line).trim() === "") continue;
  const descriptors = readdirSync("/proc/self/fd").length;
  console.log(JSON.stringify({ descriptors, connections: connections.size, rss: process.memoryUsage.rss() }));
}
process.exit(0);
