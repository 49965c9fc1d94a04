import { loadCore } from "../../native/binding.js";
import { SOCK_STREAM } from "../../native/constants.js";
import { fromErrno } from "../../native/errors.js";
import type { Credentials } from "../../core/channel.js";
import { connectSocket } from "../connecting-socket.js";
import { ConnectionStream } from "../connection-stream.js";
import { ListeningSocket } from "../listening-socket.js";
import { readPeerCredentials } from "../peer-credentials.js";
import type { SocketAddress } from "../socket-address.js";
import type { CheckedOptions } from "./options.js";
import type { UnixSocketConnectOptions, UnixSocketListenOptions } from "./types.js";
import { UnixStreamChannel } from "./unix-socket-channel.js";
import { SocketListener } from "./unix-socket-listener.js";

const MECHANISM = "unix-stream";

/** Listens for streams. */
export function listenStream<Out, In>(
  address: SocketAddress,
  options: CheckedOptions<Out, In> & UnixSocketListenOptions<Out, In>,
): SocketListener<Out, In> {
  return new SocketListener(address.path, MECHANISM, (hooks) =>
    ListeningSocket.open(address, "stream", MECHANISM, options, {
      accepted: (fd, credentials) => {
        hooks.arrived(() => channelOf(fd, credentials, address.path, options));
      },
      failed: (error) => {
        hooks.failed(error);
      },
    }),
  );
}

/** Connects a stream. */
export async function connectStream<Out, In>(
  address: SocketAddress,
  options: CheckedOptions<Out, In> & UnixSocketConnectOptions<Out, In>,
): Promise<UnixStreamChannel<Out, In>> {
  const { fd, credentials } = await connectSocket(address, "stream", MECHANISM, options);
  return channelOf(fd, credentials, address.path, options);
}

/** Two ends of a stream in this process. */
export function pairStream<Out, In>(
  options: CheckedOptions<Out, In>,
): [UnixStreamChannel<Out, In>, UnixStreamChannel<Out, In>] {
  const core = loadCore();
  const fds = new Int32Array(2);
  const result = core.socketPair(SOCK_STREAM, fds);
  if (result < 0) throw fromErrno(result, { operation: "pair", mechanism: MECHANISM, syscall: "socketpair" });
  const [left = -1, right = -1] = fds;
  const credentials = readPeerCredentials(core, left);
  const peer = typeof credentials === "number" ? undefined : credentials;
  let leftChannel: UnixStreamChannel<Out, In>;
  try {
    leftChannel = channelOf(left, peer, undefined, options);
  } catch (error) {
    core.close(right);
    throw error;
  }
  try {
    return [leftChannel, channelOf(right, peer, undefined, options)];
  } catch (error) {
    leftChannel.destroy();
    throw error;
  }
}

/** The channel of a connected descriptor, which it owns; when it cannot be made the descriptor is closed. */
function channelOf<Out, In>(
  fd: number,
  peer: Credentials | undefined,
  address: string | undefined,
  options: CheckedOptions<Out, In>,
): UnixStreamChannel<Out, In> {
  let stream: ConnectionStream | undefined;
  try {
    stream = new ConnectionStream(fd, { mechanism: MECHANISM, address, maxHandles: options.maxHandles });
    return new UnixStreamChannel(stream, options, { address, peer });
  } catch (error) {
    if (stream === undefined) loadCore().close(fd);
    else stream.close(false);
    throw error;
  }
}
