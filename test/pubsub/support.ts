import { type Channel, type Listener, MemoryChannel, SharedBuffer, TcpSocket, UnixSocket } from "sluice";

type Bytes = Channel<Uint8Array, Buffer>;

/** A way to meet: where a publisher accepts, and how a subscriber comes. */
export interface Meeting {
  readonly target: Listener<Bytes>;
  connect(): Promise<Bytes>;
}

let number = 0;
export const newName = (): string => `\0sluice-pubsub-${process.pid}-${++number}`;

/** Ends of pairs in memory, as if from a listener. */
function memoryMeeting(): Meeting {
  const waiting: ((channel: Bytes) => void)[] = [];
  const come: Bytes[] = [];
  let fail: (error: Error) => void = () => undefined;
  const target: Listener<Bytes> = {
    address: "memory",
    accept: () =>
      new Promise((resolve, reject) => {
        fail = reject;
        const channel = come.shift();
        if (channel === undefined) waiting.push(resolve);
        else resolve(channel);
      }),
    close: () => {
      fail(new Error("closed"));
      return Promise.resolve();
    },
    statistics: () => ({ arrived: 0, waiting: come.length }),
    [Symbol.asyncIterator]: () => {
      throw new Error("not used");
    },
    [Symbol.asyncDispose]: () => target.close(),
  };
  return {
    target,
    connect: () => {
      const [left, right] = MemoryChannel.pair();
      const wait = waiting.shift();
      if (wait === undefined) come.push(left);
      else wait(left);
      return Promise.resolve(right);
    },
  };
}

/** Everything that a publisher can listen on. */
export const meetings: Readonly<Record<string, () => Promise<Meeting>>> = {
  memory: () => Promise.resolve(memoryMeeting()),
  "unix stream": async () => {
    const name = newName();
    return { target: await UnixSocket.listen(name), connect: () => UnixSocket.connect(name) };
  },
  "unix seqpacket": async () => {
    const name = newName();
    return {
      target: await UnixSocket.listen(name, { type: "seqpacket" }),
      connect: () => UnixSocket.connect(name, { type: "seqpacket" }),
    };
  },
  tcp: async () => {
    const target = await TcpSocket.listen({ port: 0 });
    return { target, connect: () => TcpSocket.connect({ port: target.address.port }) };
  },
  "shared buffer": async () => {
    const name = newName();
    return { target: await SharedBuffer.listen(name), connect: () => SharedBuffer.connect(name) };
  },
};
