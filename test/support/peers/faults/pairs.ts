// Both ends of each mechanism in this process. Whatever is opened is the stage's to end, also when the next step fails.
import {
  AnonymousPipe,
  type Channel,
  ChannelError,
  MessageQueue,
  NamedPipe,
  SharedBuffer,
  TcpSocket,
  UdpSocket,
  UnixSocket,
  type WaitOptions,
} from "sluice";
import { systemVKey } from "./census.js";
import type { Stage } from "./stage.js";
import type { TrafficOptions } from "./traffic.js";

export type End = Channel<Uint8Array, Buffer>;

/** How the two ends of a mechanism are made, and what its messages may expect. */
export interface Pair extends TrafficOptions {
  /** The end that sends in every mechanism, and the one that receives. */
  open(stage: Stage): Promise<readonly [sender: End, receiver: End]>;
  /** Whether the other end sends too. */
  readonly bothWays: boolean;
  /** Whether the sender has to wait while nobody receives. */
  readonly waits: boolean;
}

interface Listener {
  accept(options: WaitOptions): Promise<End>;
  close(): Promise<void>;
}

// A connection that the listener refuses, since it cannot find out whose it is, never comes.
const PATIENCE_MS = 1500;

async function connected(
  stage: Stage,
  listening: Promise<Listener>,
  connect: () => Promise<End>,
): Promise<[End, End]> {
  const listener = stage.own(await listening);
  const [sender, receiver] = await Promise.all([
    connect().then((end) => stage.own(end)),
    listener.accept({ timeout: PATIENCE_MS }).then((end) => stage.own(end)),
  ]);
  await listener.close();
  return [sender, receiver];
}

/** What opens both at once, and may fail with one of them open. */
async function together(
  stage: Stage,
  sender: Promise<unknown>,
  receiver: Promise<unknown>,
): Promise<[End, End]> {
  return Promise.all([
    sender.then((end) => stage.own(end as End)),
    receiver.then((end) => stage.own(end as End)),
  ]);
}

function both(stage: Stage, sender: unknown, receiver: unknown): [End, End] {
  return [stage.own(sender as End), stage.own(receiver as End)];
}

/** A path that is used for one connection only; the lock beside a socket is left where its removal failed. */
const place = (stage: Stage): string => stage.path("place");

const large = [4, 100, 5000, 9, 8000, 64, 64, 70_000, 64, 3000, 17];

function queue(kind: "posix" | "sysv"): Pair["open"] {
  return async (stage) => {
    const name = kind === "sysv" ? systemVKey : `/sluice-faults-${process.pid}`;
    // What a user may have of POSIX queues (RLIMIT_MSGQUEUE) is little, and shared by all tests.
    const maxMessages = kind === "posix" ? 4 : undefined;
    let made = false;
    stage.defer(() => {
      if (removed(name, kind) && !made) stage.problem("LEAK: a queue that was not opened");
    });
    const sender = await MessageQueue.open(name, {
      kind,
      create: true,
      exclusive: true,
      direction: "send",
      maxMessages,
    });
    made = true;
    stage.own(sender);
    return both(stage, sender, await MessageQueue.open(name, { kind, direction: "receive" }));
  };
}

/** Whether there was such a queue. */
function removed(name: string | number, kind: "posix" | "sysv"): boolean {
  try {
    MessageQueue.unlink(name, { kind });
    return true;
  } catch (error) {
    if (error instanceof ChannelError && error.code === "ERR_NO_PEER") return false;
    throw error;
  }
}

export const pairs: Readonly<Record<string, Pair>> = {
  "unix-stream": {
    bothWays: true,
    waits: true,
    sizes: large,
    open: (stage) =>
      connected(stage, UnixSocket.listen(place(stage)), () => UnixSocket.connect(place(stage))),
  },
  "unix-seqpacket": {
    bothWays: true,
    waits: true,
    sizes: large,
    open: (stage) =>
      connected(stage, UnixSocket.listen(place(stage), { type: "seqpacket", engine: "native" }), () =>
        UnixSocket.connect(place(stage), { type: "seqpacket", engine: "native" }),
      ),
  },
  "unix-dgram": {
    bothWays: false,
    waits: true,
    ends: false,
    open: async (stage) => {
      const receiver = stage.own(await UnixSocket.bind(place(stage), { type: "dgram", engine: "native" }));
      const sender = await UnixSocket.connect(place(stage), { type: "dgram", engine: "native" });
      return both(stage, sender, receiver);
    },
  },
  "unix-seqpacket-pair": {
    bothWays: true,
    waits: true,
    sizes: large,
    open: async (stage) => both(stage, ...UnixSocket.pair({ type: "seqpacket", engine: "native" })),
  },
  "unix-dgram-pair": {
    bothWays: true,
    waits: true,
    open: async (stage) => both(stage, ...UnixSocket.pair({ type: "dgram", engine: "native" })),
  },
  "unix-stream-pair": {
    bothWays: true,
    waits: true,
    sizes: large,
    open: async (stage) => both(stage, ...UnixSocket.pair({ type: "stream" })),
  },
  "anonymous-pipe": {
    bothWays: false,
    waits: true,
    sizes: large,
    open: async (stage) => {
      const { reader, writer } = AnonymousPipe.create();
      return both(stage, writer, reader);
    },
  },
  "named-pipe": {
    bothWays: false,
    waits: true,
    sizes: large,
    open: async (stage) => {
      await NamedPipe.create(place(stage));
      const path = stage.path("place", true);
      return together(stage, NamedPipe.openWriter(path), NamedPipe.openReader(path));
    },
  },
  "named-pipe-duplex": {
    bothWays: true,
    waits: true,
    sizes: large,
    open: async (stage) => {
      const path = place(stage);
      stage.path("place.a", true);
      stage.path("place.b", true);
      return together(
        stage,
        NamedPipe.openDuplex(path, { side: "a" }),
        NamedPipe.openDuplex(path, { side: "b" }),
      );
    },
  },
  "message-queue-posix": { bothWays: false, waits: true, ends: false, open: queue("posix") },
  "message-queue-sysv": { bothWays: false, waits: true, ends: false, open: queue("sysv") },
  "shared-buffer": {
    bothWays: true,
    waits: true,
    sizes: large,
    open: (stage) =>
      connected(stage, SharedBuffer.listen(place(stage), { capacity: 262_144 }), () =>
        SharedBuffer.connect(place(stage), {}),
      ),
  },
  broadcast: {
    bothWays: false,
    waits: false,
    reliable: false,
    open: async (stage) => {
      const sender = stage.own(await SharedBuffer.broadcast(place(stage), { capacity: 65_536 }));
      const receiver = await SharedBuffer.follow(place(stage));
      return both(stage, sender, receiver);
    },
  },
  "tcp-socket": {
    bothWays: true,
    waits: true,
    sizes: large,
    open: async (stage) => {
      const listener = stage.own(await TcpSocket.listen({ port: 0 }));
      const { port } = listener.address;
      return connected(stage, Promise.resolve(listener), () => TcpSocket.connect({ port }));
    },
  },
  "udp-socket": {
    bothWays: false,
    waits: false,
    ends: false,
    reliable: false,
    open: async (stage) => {
      const receiver = stage.own(await UdpSocket.bind());
      const sender = await UdpSocket.connect({ port: receiver.localAddress.port });
      return both(stage, sender, receiver);
    },
  },
};
