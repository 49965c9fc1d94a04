/** Whose work a contestant is: ours, the limit in C, or what people use today. */
export type Kind = "sluice" | "c" | "node";

/** How a contestant is run. */
export type Program =
  | { readonly module: string; readonly style: string; readonly spin?: boolean }
  | { readonly mechanism: string; readonly style: string };

/** One line of the tables. */
export interface Entry {
  readonly name: string;
  readonly kind: Kind;
  readonly program: Program;
  /** The package of the registry that it measures. */
  readonly package?: string;
  /** Takes part in `--quick`. */
  readonly quick?: boolean;
  /** Sizes of one-way messages, in bytes. */
  readonly oneWay?: readonly number[];
  /** Sizes of round trips, in bytes. */
  readonly roundTrip?: readonly number[];
  /** Spins: it needs a processor for each side. */
  readonly twoCoresOnly?: boolean;
  readonly fanOut?: boolean;
  /** Says that a subscriber more costs the publisher nothing: it is measured with several numbers of them. */
  readonly fanOutToAnyNumber?: boolean;
  readonly idle?: boolean;
  readonly calls?: boolean;
  /** What a reader must know. */
  readonly note?: string;
}

const all = [64, 1024, 65_536, 1_048_576];
const packets = [64, 1024, 65_536];
const small = [64, 1024];
const large = [65_536, 1_048_576];
const trips = [64, 4096];

const sluice = (name: string, module: string, style: string, rest: Partial<Entry>): Entry => ({
  name: `sluice ${name}`,
  kind: "sluice",
  program: { module: `sluice-${module}`, style },
  ...rest,
});

const limit = (name: string, mechanism: string, style: string, rest: Partial<Entry>): Entry => ({
  name: `C ${name}`,
  kind: "c",
  program: { mechanism, style },
  ...rest,
});

const peer = (name: string, module: string, style: string, rest: Partial<Entry>): Entry => ({
  name,
  kind: "node",
  program: { module, style },
  ...rest,
});

/** The system's default limits are 8,192 bytes a message. */
function queue(kind: "POSIX" | "System V"): Entry[] {
  const module = kind === "POSIX" ? "queue-posix" : "queue-sysv";
  return [
    sluice(`MessageQueue ${kind}, sendMany/receiveMany`, module, "many", { quick: true, oneWay: small }),
    sluice(`MessageQueue ${kind}, send/for await`, module, "each", {
      quick: true,
      oneWay: small,
      roundTrip: trips,
    }),
  ];
}

/** Around one ring. Subscribers verify that all has come, so the publisher waits for the slowest of them. */
const broadcasts = Object.entries({
  "SharedBuffer broadcast, sendMany/receiveMany": "many",
  "SharedBuffer broadcast, waiting for nobody": "unpaced",
  "SharedBuffer broadcast, send/for await": "each",
  "pubsub over SharedBuffer broadcast": "pubsub",
}).map(([name, style]) => sluice(name, "broadcast", style, { fanOut: true, fanOutToAnyNumber: true }));

/** Everything that is measured. Names are what `--only` looks at and what the goals refer to. */
export const entries: readonly Entry[] = [
  sluice("SharedBuffer, sendMany/receiveMany", "shared-buffer", "many", {
    quick: true,
    oneWay: all,
    fanOut: true,
  }),
  sluice("SharedBuffer, send/for await", "shared-buffer", "each", {
    quick: true,
    oneWay: all,
    roundTrip: trips,
    fanOut: true,
    idle: true,
  }),
  sluice("SharedBuffer, sendMany/visit in place", "shared-buffer", "visit", { quick: true, oneWay: small }),
  sluice("SharedBuffer, loans", "shared-buffer", "loans", { quick: true, oneWay: large }),
  {
    name: "sluice SharedBuffer, spinning",
    kind: "sluice",
    program: { module: "sluice-shared-buffer", style: "each", spin: true },
    quick: true,
    roundTrip: trips,
    twoCoresOnly: true,
  },
  sluice("SharedBuffer, polling", "shared-buffer", "polling", {
    quick: true,
    roundTrip: trips,
    twoCoresOnly: true,
  }),
  sluice("UnixSocket stream, sendMany/receiveMany", "stream", "many", {
    quick: true,
    oneWay: all,
    fanOut: true,
  }),
  sluice("UnixSocket stream, send/for await", "stream", "each", {
    quick: true,
    oneWay: all,
    roundTrip: trips,
    fanOut: true,
    idle: true,
  }),
  sluice("UnixSocket seqpacket, sendMany/receiveMany", "seqpacket-native", "many", {
    quick: true,
    oneWay: packets,
  }),
  sluice("UnixSocket seqpacket, send/for await", "seqpacket-native", "each", {
    oneWay: packets,
    roundTrip: trips,
    quick: true,
    fanOut: true,
    idle: true,
  }),
  sluice("UnixSocket dgram, sendMany/receiveMany", "dgram-native", "many", { quick: true, oneWay: packets }),
  sluice("UnixSocket dgram, send/for await", "dgram-native", "each", {
    quick: true,
    oneWay: packets,
    roundTrip: trips,
  }),
  sluice("UnixSocket seqpacket on node-unix-socket", "seqpacket-package", "each", {
    oneWay: packets,
    roundTrip: trips,
  }),
  // The package does not tell a receiver who sends, so it cannot answer: no round trips.
  sluice("UnixSocket dgram on node-unix-socket", "dgram-package", "each", { oneWay: packets }),
  sluice("TcpSocket, sendMany/receiveMany", "tcp", "many", { quick: true, oneWay: all, fanOut: true }),
  sluice("TcpSocket, send/for await", "tcp", "each", {
    quick: true,
    oneWay: all,
    roundTrip: trips,
    fanOut: true,
    idle: true,
  }),
  sluice("UdpSocket, send/receive", "udp", "each", { quick: true, roundTrip: trips }),
  sluice("NamedPipe, sendMany/receiveMany", "named-pipe", "many", { quick: true, oneWay: all }),
  sluice("NamedPipe, send/for await", "named-pipe", "each", {
    quick: true,
    oneWay: all,
    roundTrip: trips,
    idle: true,
  }),
  ...(["POSIX", "System V"] as const).flatMap((kind) => queue(kind)),
  ...broadcasts,
  sluice("pubsub over UnixSocket stream", "pubsub", "pubsub", { fanOut: true }),
  sluice("AnonymousPipe, sendMany/receiveMany", "anonymous-pipe", "many", {
    quick: true,
    oneWay: all,
    fanOut: true,
  }),
  sluice("AnonymousPipe, send/for await", "anonymous-pipe", "each", {
    quick: true,
    oneWay: all,
    roundTrip: trips,
    fanOut: true,
  }),

  sluice("rpc over SharedBuffer", "shared-buffer", "rpc", { quick: true, calls: true }),
  sluice("rpc over UnixSocket stream", "stream", "rpc", { quick: true, calls: true }),

  limit("shared ring, busy", "ring", "busy", { quick: true, oneWay: all }),
  limit("shared ring, asleep (futex)", "ring", "asleep", { oneWay: all, roundTrip: trips, fanOut: true }),
  limit("shared ring, spinning", "ring", "spinning", { quick: true, roundTrip: trips, twoCoresOnly: true }),
  limit("bare futex", "futex", "each", { quick: true, roundTrip: trips }),
  limit("bare eventfd", "eventfd", "each", { roundTrip: trips }),
  limit("unix stream, one write a message", "stream", "each", {
    quick: true,
    oneWay: all,
    roundTrip: trips,
    fanOut: true,
  }),
  limit("unix stream, batched", "stream", "batched", { quick: true, oneWay: small }),
  limit("unix seqpacket, one call a message", "seqpacket", "each", {
    quick: true,
    oneWay: all,
    roundTrip: trips,
  }),
  limit("unix dgram, one call a message", "dgram", "each", { quick: true, oneWay: all, roundTrip: trips }),
  limit("TCP, one write a message", "tcp", "each", {
    quick: true,
    oneWay: all,
    roundTrip: trips,
    fanOut: true,
  }),
  limit("TCP, batched", "tcp", "batched", { quick: true, oneWay: small }),
  limit("UDP, one call a message", "udp", "each", { quick: true, roundTrip: trips }),
  limit("FIFO, one write a message", "fifo", "each", { quick: true, oneWay: all, roundTrip: trips }),
  limit("FIFO, batched", "fifo", "batched", { oneWay: small }),
  limit("POSIX queue, one call a message", "mq", "each", { quick: true, oneWay: small, roundTrip: trips }),
  limit("System V queue, one call a message", "sysv", "each", {
    quick: true,
    oneWay: small,
    roundTrip: trips,
  }),
  limit("pipe, one write a message", "pipe", "each", { oneWay: all, roundTrip: trips, fanOut: true }),
  limit("pipe, batched", "pipe", "batched", { oneWay: small }),

  peer("node:net, naive framing", "node-net", "naive", {
    quick: true,
    oneWay: all,
    roundTrip: trips,
    fanOut: true,
    idle: true,
  }),
  peer("node:net over TCP, naive framing", "node-net-tcp", "naive", {
    quick: true,
    oneWay: all,
    roundTrip: trips,
    fanOut: true,
  }),
  peer("node:net, slab and onread", "node-net-slab", "slab", { quick: true, oneWay: all, roundTrip: trips }),
  peer("child_process, JSON", "child-process-json", "send", {
    quick: true,
    oneWay: all,
    roundTrip: trips,
    fanOut: true,
    note: "the payload is a string",
  }),
  peer("child_process, advanced", "child-process-advanced", "send", {
    oneWay: all,
    roundTrip: trips,
    fanOut: true,
  }),
  peer("MessagePort", "message-port", "post", {
    quick: true,
    oneWay: all,
    roundTrip: trips,
    fanOut: true,
    note: "between two threads of one process",
  }),
  peer("node:net, JSON by hand", "node-net-calls", "by-hand", { package: "birpc", quick: true, calls: true }),
  peer("birpc over node:net", "node-net-calls", "birpc", { package: "birpc", quick: true, calls: true }),
  peer("vscode-jsonrpc over node:net", "node-net-calls", "vscode-jsonrpc", {
    package: "vscode-jsonrpc/node.js",
    quick: true,
    calls: true,
  }),
  peer("node-ipc", "node-ipc", "emit", {
    package: "node-ipc",
    oneWay: all,
    roundTrip: trips,
    fanOut: true,
    note: "the payload is a string",
  }),
  peer("zeromq", "zeromq", "await", { package: "zeromq", oneWay: all, roundTrip: trips, fanOut: true }),
  peer("node-unix-socket seqpacket", "node-unix-socket-seqpacket", "write", {
    package: "node-unix-socket",
    quick: true,
    oneWay: packets,
    roundTrip: trips,
  }),
  peer("node-unix-socket dgram", "node-unix-socket-dgram", "send", {
    package: "node-unix-socket",
    quick: true,
    oneWay: small,
    roundTrip: trips,
  }),
  peer("unix-dgram", "unix-dgram", "send", {
    package: "unix-dgram",
    quick: true,
    oneWay: small,
    roundTrip: trips,
  }),
];
