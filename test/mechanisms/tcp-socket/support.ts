import {
  ChannelError,
  TcpSocket,
  type TcpChannel,
  type TcpConnectOptions,
  type TcpListener,
  type TcpListenOptions,
} from "sluice";

export type Bytes = TcpChannel<Uint8Array, Buffer>;

/** The error that this fails with; it must be a ChannelError. */
export async function failure(work: () => unknown): Promise<ChannelError> {
  try {
    await work();
  } catch (error) {
    if (error instanceof ChannelError) return error;
    throw error;
  }
  throw new Error("It was expected to fail, and did not");
}

/** Both ends of a connection, and the listener. */
export interface Connection extends AsyncDisposable {
  readonly listener: TcpListener<Uint8Array, Buffer>;
  readonly client: Bytes;
  readonly server: Bytes;
}

/** A connection in this process. */
export async function connection(
  listen: Partial<TcpListenOptions<Uint8Array, Buffer>> = {},
  connect: Partial<TcpConnectOptions<Uint8Array, Buffer>> = {},
): Promise<Connection> {
  const listener = await TcpSocket.listen({ port: 0, ...listen });
  const accepted = listener.accept();
  const { host, port } = listener.address;
  const client = await TcpSocket.connect({ host, port, ...connect });
  const server = await accepted;
  return {
    listener,
    client,
    server,
    [Symbol.asyncDispose]: async () => {
      client.destroy();
      server.destroy();
      await Promise.all([client.closed, server.closed, listener.close()]);
    },
  };
}

/** Waits for a condition that somebody else brings about, a turn of the event loop at a time. */
export async function until(condition: () => boolean): Promise<void> {
  const end = performance.now() + 10_000;
  while (!condition()) {
    if (performance.now() > end) throw new Error("The condition did not come about within 10 s");
    await new Promise((resolve) => setImmediate(resolve));
  }
}
