import type { ChildProcess, StdioOptions } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import {
  AnonymousPipe,
  type Channel,
  MessageQueue,
  type MessageQueueIdentity,
  NamedPipe,
  type SendOptions,
  SharedBuffer,
  TcpSocket,
  UnixSocket,
  type WaitOptions,
} from "sluice";

/** A channel of bytes, as far as the tour uses it. */
export type Carrier = Pick<
  Channel<Uint8Array, Buffer>,
  "send" | "sendMany" | "flush" | "receive" | "receiveMany" | typeof Symbol.asyncDispose
>;

/** One row of the tour: how the second process waits for the first, and how the first reaches it. */
export interface Route {
  readonly name: string;
  /** The size of one message in bytes. */
  readonly messageSize: number;
  /** In the second process. Fulfils once the first can connect; then the channel comes. */
  listen(folder: string): Promise<() => Promise<Carrier>>;
  /** In the first process. */
  connect(folder: string, wait: WaitOptions): Promise<Carrier>;
  /** Starts the second process, where the channel comes with it: `connect` gives that. */
  readonly spawn?: (command: string, args: readonly string[], stdio: StdioOptions) => ChildProcess;
  /** What an answer must say beside its bytes. */
  answer?(folder: string): SendOptions;
}

type PacketEngine = "native" | "node-unix-socket";

const CHUNK = 64 * 1024;

/** In milliseconds, for every wait of the tour: a channel that hangs is a row that says so, not a tour that never ends. */
export const timeout = 30_000;

/** In the first process: the channel that the second was started with. */
let inherited: Carrier | undefined;

const anonymousPipe: Route = {
  name: "AnonymousPipe",
  messageSize: CHUNK,
  spawn: (command, args, stdio) => {
    const { child, channel } = AnonymousPipe.spawn(command, args, { stdio });
    inherited = channel;
    return child;
  },
  listen: () => Promise.resolve(() => Promise.resolve(AnonymousPipe.inherit())),
  connect: () =>
    inherited === undefined
      ? Promise.reject(new Error("the second process is not started"))
      : Promise.resolve(inherited),
};

const namedPipe: Route = {
  name: "NamedPipe",
  messageSize: CHUNK,
  // Opening waits for the other side, so both open at the same time; whoever is first makes the FIFOs.
  listen: (folder) => Promise.resolve(() => NamedPipe.openDuplex(`${folder}/pipe`, { side: "a", timeout })),
  connect: (folder, wait) => NamedPipe.openDuplex(`${folder}/pipe`, { side: "b", ...wait }),
};

/** A queue for each direction, which the second process makes and the first removes. */
function messageQueues(kind: "posix" | "sysv"): Route {
  const queueOf = (folder: string, to: "first" | "second"): [string, MessageQueueIdentity] =>
    kind === "posix"
      ? [`/${folder.replaceAll("/", "-")}-${to}`, { kind }]
      : [folder, { kind, projectId: to === "first" ? 1 : 2 }];
  const open = async (folder: string, from: "first" | "second", create: boolean): Promise<Carrier> => {
    const to = from === "first" ? "second" : "first";
    const [outName, outQueue] = queueOf(folder, to);
    const [inName, inQueue] = queueOf(folder, from);
    const outgoing = await MessageQueue.open(outName, { ...outQueue, direction: "send", create });
    const incoming = await MessageQueue.open(inName, { ...inQueue, direction: "receive", create });
    return {
      send: (message, options) => outgoing.send(message, options),
      sendMany: (messages, options) => outgoing.sendMany(messages, options),
      flush: (options) => outgoing.flush(options),
      receive: (options) => incoming.receive(options),
      receiveMany: (options) => incoming.receiveMany(options),
      [Symbol.asyncDispose]: async () => {
        await Promise.all([outgoing.close(), incoming.close()]);
        if (from === "second") return;
        MessageQueue.unlink(outName, outQueue);
        MessageQueue.unlink(inName, inQueue);
      },
    };
  };
  return {
    name: kind === "posix" ? "MessageQueue POSIX" : "MessageQueue System V",
    messageSize: 8192,
    listen: async (folder) => {
      const channel = await open(folder, "second", true);
      return () => Promise.resolve(channel);
    },
    connect: (folder) => open(folder, "first", false),
  };
}

const stream: Route = {
  name: "UnixSocket stream",
  messageSize: CHUNK,
  listen: async (folder) => {
    const listener = await UnixSocket.listen(`${folder}/stream`);
    return async () => {
      const channel = await listener.accept({ timeout });
      await listener.close();
      return channel;
    };
  },
  connect: (folder, wait) => UnixSocket.connect(`${folder}/stream`, wait),
};

function seqpacket(engine: PacketEngine): Route {
  return {
    name: `UnixSocket seqpacket (${engine})`,
    messageSize: CHUNK,
    listen: async (folder) => {
      const listener = await UnixSocket.listen(`${folder}/seqpacket`, { type: "seqpacket", engine });
      return async () => {
        const channel = await listener.accept({ timeout });
        await listener.close();
        return channel;
      };
    },
    connect: (folder, wait) =>
      UnixSocket.connect(`${folder}/seqpacket`, { type: "seqpacket", engine, ...wait }),
  };
}

function dgram(engine: PacketEngine): Route {
  return {
    name: `UnixSocket dgram (${engine})`,
    messageSize: CHUNK,
    listen: async (folder) => {
      const channel = await UnixSocket.bind(`${folder}/dgram`, { engine, ...datagramOptions(engine) });
      return () => Promise.resolve(channel);
    },
    connect: (folder, wait) => {
      const localAddress = `${folder}/dgram-answers`;
      const options = { type: "dgram", engine, localAddress, ...datagramOptions(engine), ...wait } as const;
      return UnixSocket.connect(`${folder}/dgram`, options);
    },
    // The native engine tells the address in the envelope (`from`), the package does not: so it is agreed on.
    answer: (folder) => ({ to: `${folder}/dgram-answers` }),
  };
}

/** The package does not tell who has sent a datagram. Nobody else can reach the tour's folder, so all may send there. */
function datagramOptions(engine: PacketEngine): { allow: "self" | "anyone" } {
  return { allow: engine === "native" ? "self" : "anyone" };
}

const sharedBuffer: Route = {
  name: "SharedBuffer channel",
  messageSize: CHUNK,
  listen: async (folder) => {
    const listener = await SharedBuffer.listen(`${folder}/ring`);
    return async () => {
      const channel = await listener.accept({ timeout });
      await listener.close();
      return channel;
    };
  },
  connect: (folder, wait) => SharedBuffer.connect(`${folder}/ring`, wait),
};

const tcp: Route = {
  name: "TcpSocket",
  messageSize: CHUNK,
  listen: async (folder) => {
    const listener = await TcpSocket.listen({ port: 0 });
    writeFileSync(`${folder}/port`, String(listener.address.port));
    return async () => {
      const channel = await listener.accept({ timeout });
      await listener.close();
      return channel;
    };
  },
  connect: (folder, wait) =>
    TcpSocket.connect({ port: Number(readFileSync(`${folder}/port`, "utf8")), ...wait }),
};

/** Every channel that carries bytes between two processes. */
export const routes: readonly Route[] = [
  anonymousPipe,
  namedPipe,
  messageQueues("posix"),
  messageQueues("sysv"),
  stream,
  seqpacket("native"),
  seqpacket("node-unix-socket"),
  dgram("native"),
  dgram("node-unix-socket"),
  sharedBuffer,
  tcp,
];
