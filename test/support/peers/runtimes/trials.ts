// Every mechanism, as a user would use it between two processes.
import {
  json,
  MemoryChannel,
  type Lease,
  MessageQueue,
  type MessageQueueIdentity,
  type Mutex,
  NamedPipe,
  SharedBuffer,
  Signal,
  type SignalName,
  TcpSocket,
  UdpSocket,
  UnixSocket,
} from "sluice";
import { publisher, subscriber } from "sluice/pubsub";
import { createClient, serve } from "sluice/rpc";
import { anonymousPipe } from "./anonymous-pipe.js";
import { check, converse, echo, jobOf, takeTurns, type Job, type Run, type Trial } from "./trial.js";

const codec = json<Job>();
/** One that queues, or what the test names for a runtime that cannot send it. */
const SIGNAL = (process.env["SLUICE_SMOKE_SIGNAL"] ?? "SIGRTMIN+3") as SignalName;

/** What two sides that connect have in common: the second one listens. */
function connection(
  name: string,
  listen: (folder: string) => ReturnType<typeof UnixSocket.listen<Job, Job>>,
  connect: (folder: string, wait: Run["wait"]) => ReturnType<typeof UnixSocket.connect<Job, Job>>,
): Trial {
  return {
    name,
    first: async (run) => {
      await run.ready();
      await using channel = await connect(run.folder, run.wait);
      await converse(channel, channel, run);
    },
    second: async (run) => {
      await using listener = await listen(run.folder);
      await run.ready();
      await using channel = await listener.accept(run.wait);
      await echo(channel, channel, run);
    },
  };
}

const namedPipe: Trial = {
  name: "NamedPipe",
  first: async ({ folder, ...run }) => {
    await run.ready();
    const options = { side: "a", codec, ...run.wait } as const;
    await using channel = await NamedPipe.openDuplex(`${folder}/pipe`, options);
    await converse(channel, channel, { folder, ...run });
    await channel.close();
    for (const end of ["a", "b"]) await NamedPipe.unlink(`${folder}/pipe.${end}`);
  },
  second: async (run) => {
    await run.ready();
    const options = { side: "b", codec, ...run.wait } as const;
    await using channel = await NamedPipe.openDuplex(`${run.folder}/pipe`, options);
    await echo(channel, channel, run);
  },
};

function messageQueue(name: string, kind: "posix" | "sysv"): Trial {
  const queue = (folder: string, to: 1 | 2): [string, MessageQueueIdentity] =>
    kind === "posix"
      ? [`/${folder.replaceAll("/", "-")}-${String(to)}`, { kind }]
      : [folder, { kind, projectId: to }];
  const open = (folder: string, to: 1 | 2, direction: "send" | "receive", create: boolean) => {
    const [where, identity] = queue(folder, to);
    return MessageQueue.open(where, { ...identity, direction, create, codec });
  };
  return {
    name,
    first: async (run) => {
      await run.ready();
      await using outgoing = await open(run.folder, 2, "send", false);
      await using incoming = await open(run.folder, 1, "receive", false);
      await converse(outgoing, incoming, run);
      for (const to of [1, 2] as const) MessageQueue.unlink(...queue(run.folder, to));
    },
    second: async (run) => {
      await using incoming = await open(run.folder, 2, "receive", true);
      await using outgoing = await open(run.folder, 1, "send", true);
      await run.ready();
      await echo(incoming, outgoing, run);
      await outgoing.flush(run.wait);
    },
  };
}

const dgram: Trial = {
  name: "UnixSocket dgram",
  first: async (run) => {
    await run.ready();
    const options = { type: "dgram", localAddress: `${run.folder}/answers`, codec } as const;
    await using channel = await UnixSocket.connect(`${run.folder}/dgram`, options);
    await converse(channel, channel, run);
  },
  second: async (run) => {
    await using channel = await UnixSocket.bind(`${run.folder}/dgram`, { type: "dgram", codec });
    await run.ready();
    const to = `${run.folder}/answers`;
    const sender = { ...run, send: (job: Job) => channel.send(job, { to, ...run.wait }) };
    await echo(channel, { send: sender.send, receive: () => channel.receive() }, run);
  },
};

const sharedMemory: Trial = {
  name: "SharedBuffer memory and locks",
  first: async (run) => {
    using memory = SharedBuffer.create({ name: nameOf(run), size: 4096 });
    await run.ready();
    await run.goOn();
    await run.ready();
    await count(memory, run);
    // The second process has its half when the sum is there.
    const mutex = memory.mutex(0);
    for (;;) {
      await using lease = await mutex.acquire(run.wait);
      if (lease.ownerDied) throw new Error("the owner of the lock died");
      if (memory.view(Int32Array, 64, 1)[0] === 2 * run.messages) break;
    }
  },
  second: async (run) => {
    await run.ready();
    await run.goOn();
    using memory = SharedBuffer.open(nameOf(run));
    await run.ready();
    await count(memory, run);
  },
};

const nameOf = ({ folder }: Run): string => `/${folder.replaceAll("/", "-")}`;

/** What a process makes for its first wait, it keeps; without this only chance would decide whether anybody waits. */
async function waitOnce(mutex: Mutex, wait: Run["wait"]): Promise<void> {
  let waiting: Promise<Lease>;
  {
    await using _held = await mutex.acquire(wait);
    waiting = mutex.acquire(wait);
  }
  await using _next = await waiting;
}

async function count(memory: SharedBuffer, { messages, wait }: Run): Promise<void> {
  const mutex = memory.mutex(0);
  const sum = memory.view(Int32Array, 64, 1);
  await waitOnce(mutex, wait);
  for (let number = 0; number < messages; number++) {
    await using lease = await mutex.acquire(wait);
    if (lease.ownerDied) throw new Error("the owner of the lock died");
    sum[0] = (sum[0] ?? 0) + 1;
  }
}

const broadcast: Trial = {
  name: "SharedBuffer broadcast",
  first: async (run) => {
    await run.ready();
    await using outgoing = await SharedBuffer.broadcast(`${run.folder}/first`);
    await using incoming = await SharedBuffer.follow(`${run.folder}/second`, run.wait);
    const sender = publisher(outgoing, { codec });
    const receiver = subscriber(incoming, { codec, topics: ["jobs"] });
    await run.goOn();
    await run.ready();
    for (let number = 0; number < run.messages; number++) {
      await sender.publish("jobs", jobOf(number));
      check((await receiver.receive(run.wait)).message, number);
    }
    await sender.close();
  },
  second: async (run) => {
    await using outgoing = await SharedBuffer.broadcast(`${run.folder}/second`);
    await run.ready();
    await run.goOn();
    await using incoming = await SharedBuffer.follow(`${run.folder}/first`, run.wait);
    const sender = publisher(outgoing, { codec });
    const receiver = subscriber(incoming, { codec, topics: ["jobs"] });
    // Nobody hears what was published before he came: so the first begins when both follow.
    await run.ready();
    for (let number = 0; number < run.messages; number++) {
      const { message } = await receiver.receive(run.wait);
      await sender.publish("jobs", message);
    }
    await sender.close();
  },
};

const tcp: Trial = {
  name: "TcpSocket",
  first: async (run) => {
    const port = Number(await run.ready());
    await using channel = await TcpSocket.connect({ port, codec, ...run.wait });
    await converse(channel, channel, run);
  },
  second: async (run) => {
    await using listener = await TcpSocket.listen({ port: 0, codec });
    await run.ready(String(listener.address.port));
    await using channel = await listener.accept(run.wait);
    await echo(channel, channel, run);
  },
};

const udp: Trial = {
  name: "UdpSocket",
  first: async (run) => {
    const port = Number(await run.ready());
    await using channel = await UdpSocket.connect({ port, codec, ...run.wait });
    await takeTurns(channel, channel, run);
  },
  second: async (run) => {
    await using channel = await UdpSocket.bind({ codec });
    await run.ready(String(channel.localAddress.port));
    for (let number = 0; number < run.messages; number++) {
      const { message, from } = await channel.receiveEnvelope(run.wait);
      check(message, number);
      await channel.send(message, { to: from, ...run.wait });
    }
  },
};

const signal: Trial = {
  name: "Signal",
  first: async (run) => {
    const pid = Number(await run.ready());
    await using channel = Signal.open([SIGNAL], { peer: pid });
    for (let value = 0; value < run.messages; value++) {
      await channel.send({ signal: SIGNAL, value }, run.wait);
      const { message, credentials } = await channel.receiveEnvelope(run.wait);
      if (message.value !== value + 1 || credentials?.pid !== pid)
        throw new Error(
          `signal ${String(value)} was answered by ${JSON.stringify({ message, credentials })}`,
        );
    }
  },
  second: async (run) => {
    await using channel = Signal.open([SIGNAL], { peer: process.ppid });
    await run.ready(String(process.pid));
    for (let number = 0; number < run.messages; number++) {
      const { value = 0 } = await channel.receive(run.wait);
      await channel.send({ signal: SIGNAL, value: value + 1 }, run.wait);
    }
  },
};

const memory: Trial = {
  name: "MemoryChannel",
  first: async (run) => {
    await run.ready();
    const [one, other] = MemoryChannel.pair({ codec });
    await Promise.all([converse(one, one, run), echo(other, other, run)]);
    await Promise.all([one.close(), other.close()]);
  },
  second: async (run) => {
    await run.ready();
  },
};

const methods = { echo: (job: Job) => job };

const calls: Trial = {
  name: "Calls (sluice/rpc)",
  first: async (run) => {
    await run.ready();
    const channel = await UnixSocket.connect(`${run.folder}/calls`, run.wait);
    await using client = createClient<typeof methods>(channel);
    for (let number = 0; number < run.messages; number++) check(await client.echo(jobOf(number)), number);
    await run.goOn();
  },
  second: async (run) => {
    await using server = serve(await UnixSocket.listen(`${run.folder}/calls`), methods);
    await run.ready();
    await run.goOn();
    if (server.peers > 1) throw new Error(`the server has ${String(server.peers)} clients`);
  },
};

/** In the order of the README's table. */
export const trials: readonly Trial[] = [
  signal,
  anonymousPipe,
  namedPipe,
  messageQueue("MessageQueue POSIX", "posix"),
  messageQueue("MessageQueue System V", "sysv"),
  connection(
    "UnixSocket stream",
    (folder) => UnixSocket.listen(`${folder}/stream`, { codec }),
    (folder, wait) => UnixSocket.connect(`${folder}/stream`, { codec, ...wait }),
  ),
  connection(
    "UnixSocket seqpacket",
    (folder) => UnixSocket.listen(`${folder}/packets`, { type: "seqpacket", codec }),
    (folder, wait) => UnixSocket.connect(`${folder}/packets`, { type: "seqpacket", codec, ...wait }),
  ),
  dgram,
  {
    name: "SharedBuffer channel",
    first: async (run) => {
      await run.ready();
      await using channel = await SharedBuffer.connect(`${run.folder}/ring`, { codec, ...run.wait });
      await converse(channel, channel, run);
    },
    second: async (run) => {
      await using listener = await SharedBuffer.listen(`${run.folder}/ring`, { codec });
      await run.ready();
      await using channel = await listener.accept(run.wait);
      await echo(channel, channel, run);
    },
  },
  sharedMemory,
  broadcast,
  tcp,
  udp,
  memory,
  calls,
];
