// One row for each mechanism: a channel of it that is really open, and what no traits say.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import {
  AnonymousPipe,
  type ChannelTraits,
  MemoryChannel,
  MessageQueue,
  NamedPipe,
  SharedBuffer,
  Signal,
  TcpSocket,
  UdpSocket,
  UnixSocket,
} from "sluice";

/** What is needed of a channel here: no message is sent. */
interface Opened {
  readonly traits: ChannelTraits;
  destroy(): void;
}

/** A size that a setting of the system decides: the table has what it is where nobody has touched that. */
interface SystemSize {
  /** Below /proc/sys. */
  readonly setting: string;
  readonly untouched: number;
  /** What `traits.maxMessageSize` is then. */
  readonly bytes: number;
}

/** A channel of the kind that a row is about; and one of the same mechanism that can more, with what makes it so. */
interface Opening {
  readonly channel: Opened;
  readonly other?: readonly [how: string, channel: Opened];
}

/** What a row is made of. */
export interface Row {
  /** In Markdown. */
  readonly title: string;
  /** Its name among the contestants of bench/, without "sluice". Absent: nobody measures it. */
  readonly measured?: string;
  /** Where it was measured, if not one way to one receiver. */
  readonly workload?: string;
  /** Opens what the row is about. */
  open(place: Place): Promise<Opening> | Opening;
  readonly systemSize?: SystemSize;
  /** Of what a message consists, where that is no bytes. */
  readonly data?: string;
  /** Who waits for whom. */
  readonly waits: string;
  /** Added to what the traits say of these. */
  readonly leaves?: string;
  readonly identity?: string;
  readonly descriptors?: string;
}

/** Where the channels may be. */
export interface Place {
  readonly folder: string;
  /** A name that nobody else has. */
  readonly name: string;
}

const whileFull = "the sender, while the kernel's buffer and the receiver's queue are full";
const queue = (kind: "posix" | "sysv") => async (place: Place) => {
  const name = kind === "posix" ? `/${place.name}` : place.folder;
  const identity = { kind, ...(kind === "sysv" && { projectId: 7 }) };
  const channel = await MessageQueue.open(name, { ...identity, create: true });
  MessageQueue.unlink(name, identity);
  return { channel };
};

/** The mechanisms, in the order of the table. */
export const rows: readonly Row[] = [
  {
    title: "[`Signal`](signals.md)",
    open() {
      const other = Signal.open(["SIGUSR1"], { peer: process.ppid });
      return { channel: Signal.open(["SIGUSR2"]), other: ["with `peer`", other] };
    },
    data: "a name and one 32-bit integer",
    waits: "nobody: a standard signal sent twice may arrive once",
  },
  {
    title: "[`AnonymousPipe`](anonymous-pipes.md)",
    measured: "AnonymousPipe",
    async open() {
      const { reader, writer } = AnonymousPipe.create();
      reader.destroy();
      const { channel, exited } = AnonymousPipe.spawn("true", []);
      await exited;
      return { channel: writer, other: ["`spawn`", channel] };
    },
    waits: "the sender, while the pipe is full (64 KiB)",
    identity: "your own child",
  },
  {
    title: "[`NamedPipe`](named-pipes.md)",
    measured: "NamedPipe",
    async open({ folder }) {
      const fifo = path.join(folder, "fifo");
      await NamedPipe.create(fifo);
      const reader = await NamedPipe.openReader(fifo);
      const writer = await NamedPipe.openWriter(fifo);
      reader.destroy();
      const [left, right] = await Promise.all([NamedPipe.openDuplex(fifo), NamedPipe.openDuplex(fifo)]);
      left.destroy();
      return { channel: writer, other: ["`openDuplex`", right] };
    },
    waits: "the sender, while the pipe is full (64 KiB); opening to write, for a reader",
    leaves: "its name stays",
    identity: "file rights",
  },
  {
    title: "[`MessageQueue`](message-queues.md) POSIX",
    measured: "MessageQueue POSIX",
    open: queue("posix"),
    systemSize: { setting: "fs/mqueue/msgsize_default", untouched: 8192, bytes: 8192 },
    waits: "the sender, while the queue is full (10 messages); nobody for a process that is not there",
    identity: "file rights",
  },
  {
    title: "[`MessageQueue`](message-queues.md) System V",
    measured: "MessageQueue System V",
    open: queue("sysv"),
    systemSize: { setting: "kernel/msgmax", untouched: 8192, bytes: 8192 },
    waits: "the sender, while the queue is full (16 KiB); nobody for a process that is not there",
    identity: "the queue's rights",
  },
  {
    title: "[`UnixSocket`](unix-sockets.md) stream",
    measured: "UnixSocket stream",
    open: () => pair("stream"),
    waits: whileFull,
    descriptors: "with `maxHandles`",
  },
  {
    title: "[`UnixSocket`](unix-packets.md) seqpacket",
    measured: "UnixSocket seqpacket",
    open: () => pair("seqpacket"),
    systemSize: { setting: "net/core/wmem_default", untouched: 212_992, bytes: 212_960 },
    waits: whileFull,
    descriptors: "with `maxHandles`",
  },
  {
    title: "[`UnixSocket`](unix-packets.md) dgram",
    measured: "UnixSocket dgram",
    open: async ({ name }) => ({ channel: await UnixSocket.bind(`\0${name}`) }),
    systemSize: { setting: "net/core/wmem_default", untouched: 212_992, bytes: 212_960 },
    waits: "the sender, while the receiver's queue is full",
  },
  {
    title: "[`SharedBuffer`](shared-memory.md#the-channel) ring",
    measured: "SharedBuffer",
    async open({ name }) {
      const listener = await SharedBuffer.listen(`\0${name}`);
      const channel = await SharedBuffer.connect(`\0${name}`);
      await listener.close();
      return { channel };
    },
    waits: "the sender, while the ring is full (1 MiB)",
  },
  {
    title: "[`SharedBuffer`](shared-memory.md) broadcast",
    measured: "SharedBuffer broadcast",
    workload: "fan-out-64-to-1",
    open: async ({ name }) => ({ channel: await SharedBuffer.broadcast(`\0${name}`) }),
    waits: "nobody: who is too slow misses messages, and is told how many",
  },
  {
    title: "[`TcpSocket`](internet-sockets.md#tcp)",
    measured: "TcpSocket",
    async open() {
      const listener = await TcpSocket.listen({ port: 0 });
      const channel = await TcpSocket.connect({ port: listener.address.port });
      await listener.close();
      return { channel };
    },
    waits: whileFull,
    identity: "a certificate, with mutual TLS",
  },
  {
    title: "[`UdpSocket`](internet-sockets.md#udp)",
    measured: "UdpSocket",
    open: async () => ({ channel: await UdpSocket.bind() }),
    waits: "nobody: what the receiver has no room for is dropped and counted",
  },
  {
    title: "`MemoryChannel`",
    measured: "MemoryChannel",
    open() {
      const [channel, other] = MemoryChannel.pair();
      other.destroy();
      return { channel };
    },
    waits: "the sender, while the receiver's queue is full",
    identity: "this process",
  },
];

/** The address of a stream tells who listens; both ends of a pair are this process. */
function pair(type: "stream" | "seqpacket"): { channel: Opened } {
  const [channel, other] = UnixSocket.pair({ type, maxHandles: 1 });
  other.destroy();
  return { channel };
}

/** Opens the channel of each row, hands it over, and leaves nothing behind. */
export async function openEach(
  use: (row: Row, traits: ChannelTraits, other: readonly [string, ChannelTraits] | undefined) => void,
): Promise<void> {
  const folder = mkdtempSync(path.join(tmpdir(), "sluice-ipc-table-"));
  try {
    for (const row of rows) {
      const { channel, other } = await row.open({ folder, name: path.basename(folder) });
      use(row, channel.traits, other && [other[0], other[1].traits]);
      channel.destroy();
      other?.[1].destroy();
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
