import { describe, expect, expectTypeOf, test } from "vitest";
import {
  type Channel,
  connect,
  json,
  listen,
  type Listener,
  type MessageQueueChannel,
  type Receiver,
  type Sender,
  type SharedBufferChannel,
  type SharedBufferListener,
  type TcpChannel,
  type TcpListener,
  type UdpChannel,
  type UnixDatagramSocket,
  type UnixSocketChannel,
  type UnixSocketListener,
} from "sluice";

interface Job {
  readonly job: number;
}
type Bytes = Uint8Array;

/** What the calls below would give: they are compiled and not made. */
function calls(path: string, port: number, choice: "tcp://host:1" | "unix:/x") {
  const codec = json<Job>();
  return {
    unix: () => connect("unix:/x"),
    unixCoded: () => connect("unix:/x", { codec, framing: undefined, allow: "root", timeout: 1 }),
    template: () => connect(`unix:${path}`, { codec }),
    seqpacket: () => connect("unix-seqpacket:@x", { codec, maxHandles: 1 }),
    dgram: () => connect("unix-dgram:/x", { codec, localAddress: "/y" }),
    fifo: () => connect("fifo:/x", { codec, writers: "many" }),
    shm: () => connect("shm:/x", { codec, spin: 10 }),
    mq: () => connect("mq:/x", { codec, create: true, signal: AbortSignal.timeout(1) }),
    sysv: () => connect("sysv:1", { codec }),
    tcp: () => connect(`tcp://${path}:${port}`, { codec, noDelay: true }),
    tls: () => connect("tls://host:1", { codec, tls: { ca: "" } }),
    udp: () => connect("udp://host:1", { codec, ttl: 3 }),
    string: () => connect(path),
    stringCoded: () => connect(path, { codec, timeout: 3, maxMessageSize: 1, sendQueue: { messages: 1 } }),
    choice: () => connect(choice, { codec }),
    listenUnix: () => listen("unix:/x", { codec, mode: 0o600 }),
    listenSeqpacket: () => listen("unix-seqpacket:/x", { codec }),
    listenDgram: () => listen("unix-dgram:/x", { codec }),
    listenFifo: () => listen("fifo:/x", { codec, keepOpen: true, mode: 0o600 }),
    listenShm: () => listen("shm:/x", { codec, capacity: 4096 }),
    listenMq: () => listen("mq:/x", { codec, maxMessages: 3 }),
    listenTcp: () => listen("tcp://host:0", { codec, maxConnections: 3 }),
    listenTls: () => listen("tls://host:0", { codec, tls: { key: "", cert: "" } }),
    listenUdp: () => listen(`udp://host:${port}`, { codec }),
    listenString: () => listen(path, { codec }),
    // @ts-expect-error -- no such scheme
    unknownScheme: () => connect("http://host:80"),
    // @ts-expect-error -- nor here
    unknownTemplate: () => listen(`ftp:${path}`),
    // @ts-expect-error -- the URL says the port
    port: () => connect("tcp://host:1", { port: 1 }),
    // @ts-expect-error -- TLS goes with tls://
    tcpWithTls: () => connect("tcp://host:1", { codec, tls: {} }),
    // @ts-expect-error -- the kernel keeps packets apart
    framedPackets: () => connect("unix-seqpacket:/x", { framing: { name: "" } }),
    // @ts-expect-error -- not every mechanism has it
    ofOne: () => connect(path, { codec, noDelay: true }),
    // @ts-expect-error -- a server needs an identity
    listenTlsWithout: () => listen("tls://host:1", { codec }),
  };
}
type Calls = ReturnType<typeof calls>;
type Gives<Name extends keyof Calls> = Awaited<ReturnType<Calls[Name]>>;

describe("the types follow the scheme", () => {
  test("of connect()", () => {
    expectTypeOf<Gives<"unix">>().toEqualTypeOf<UnixSocketChannel<Bytes, Buffer>>();
    expectTypeOf<Gives<"unixCoded">>().toEqualTypeOf<UnixSocketChannel<Job>>();
    expectTypeOf<Gives<"template">>().toEqualTypeOf<UnixSocketChannel<Job>>();
    expectTypeOf<Gives<"seqpacket">>().toEqualTypeOf<UnixSocketChannel<Job>>();
    expectTypeOf<Gives<"dgram">>().toEqualTypeOf<UnixSocketChannel<Job>>();
    expectTypeOf<Gives<"fifo">>().toEqualTypeOf<Sender<Job>>();
    expectTypeOf<Gives<"shm">>().toEqualTypeOf<SharedBufferChannel<Job, Job>>();
    expectTypeOf<Gives<"mq">>().toEqualTypeOf<MessageQueueChannel<Job, never>>();
    expectTypeOf<Gives<"sysv">>().toEqualTypeOf<MessageQueueChannel<Job, never>>();
    expectTypeOf<Gives<"tcp">>().toEqualTypeOf<TcpChannel<Job>>();
    expectTypeOf<Gives<"tls">>().toEqualTypeOf<TcpChannel<Job>>();
    expectTypeOf<Gives<"udp">>().toEqualTypeOf<UdpChannel<Job>>();
    expectTypeOf<Gives<"string">>().toEqualTypeOf<Channel<Bytes, Buffer>>();
    expectTypeOf<Gives<"stringCoded">>().toEqualTypeOf<Channel<Job>>();
    expectTypeOf<Gives<"choice">>().toEqualTypeOf<TcpChannel<Job> | UnixSocketChannel<Job>>();
    expect(calls).toBeTypeOf("function");
  });

  test("of listen()", () => {
    expectTypeOf<Gives<"listenUnix">>().toEqualTypeOf<UnixSocketListener<Job>>();
    expectTypeOf<Gives<"listenSeqpacket">>().toEqualTypeOf<UnixSocketListener<Job>>();
    expectTypeOf<Gives<"listenDgram">>().toEqualTypeOf<UnixDatagramSocket<Job>>();
    expectTypeOf<Gives<"listenFifo">>().toEqualTypeOf<Receiver<Job>>();
    expectTypeOf<Gives<"listenShm">>().toEqualTypeOf<SharedBufferListener<Job, Job>>();
    expectTypeOf<Gives<"listenMq">>().toEqualTypeOf<MessageQueueChannel<never, Job>>();
    expectTypeOf<Gives<"listenTcp">>().toEqualTypeOf<TcpListener<Job>>();
    expectTypeOf<Gives<"listenTls">>().toEqualTypeOf<TcpListener<Job>>();
    expectTypeOf<Gives<"listenUdp">>().toEqualTypeOf<UdpChannel<Job>>();
    expectTypeOf<Gives<"listenString">>().toEqualTypeOf<Listener<Channel<Job>> | Channel<Job>>();
    expect(calls).toBeTypeOf("function");
  });
});
