import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import type { InternetAddress, WaitOptions } from "../../core/channel.js";
import { ChannelError, type ErrorDetails } from "../../core/errors.js";
import { extend } from "../../core/extend.js";
import { checkWaitOptions } from "../../core/wait.js";
import { coreAvailable } from "../../native/binding.js";
import { Bounds } from "../bounds.js";
import { loadNet, loadTls } from "../builtin.js";
import { resolveHost, textOf } from "../internet-address.js";
import { errnoOf, tlsFailure } from "../socket-errors.js";
import { applySettings, type Arrival, arrivalOfDescriptor, arrivalOfSocket, toSocket } from "./arrival.js";
import { connectError } from "./connect-error.js";
import { connectNatively } from "./connect-natively.js";
import { isAllowed } from "./gate.js";
import type { CheckedConnectOptions } from "./options.js";
import type { TcpStreamChannel } from "./tcp-channel.js";
import { refusedOptions } from "./tls-reception.js";

/** Connects, shakes hands if TLS is asked for, and checks the server against `allow`. */
export async function connectTcp<Out, In>(
  options: CheckedConnectOptions<Out, In> & WaitOptions,
): Promise<TcpStreamChannel<Out, In>> {
  checkWaitOptions(options);
  const { host, port, allow } = options;
  const address = { host, port };
  const details: ErrorDetails = { operation: "connect", mechanism: "tcp-socket", address };
  const bounds = new Bounds(options, () => {
    const text = `Cannot connect to ${textOf(address)}: it did not answer within ${options.timeout ?? 0} ms`;
    return new ChannelError("ERR_TIMEOUT", text, details);
  });
  const arrival = await arrive(options, details, bounds);
  try {
    if (allow !== undefined && !(await bounds.during(isAllowed(allow, arrival.peer)))) {
      const text = `Cannot connect to ${textOf(address)}: options.allow refuses this server`;
      throw new ChannelError("ERR_ACCESS_DENIED", text, details);
    }
  } catch (error) {
    arrival.drop();
    throw error;
  }
  return arrival.open(options);
}

async function arrive<Out, In>(
  options: CheckedConnectOptions<Out, In>,
  details: ErrorDetails,
  bounds: Bounds,
): Promise<Arrival> {
  const { host, port, tls, localAddress } = options;
  const secureContext = tls === undefined ? undefined : contextOf(tls);
  let arrival: Arrival | undefined;
  if (coreAvailable()) {
    const hosts = await bounds.during(resolveHost(host, details));
    const fd = await connectNatively(hosts, port, localAddress, details, bounds);
    applySettings(fd, options);
    if (tls === undefined) arrival = arrivalOfDescriptor(fd);
    else {
      const raw = toSocket(fd);
      const settings = extend(tls, { secureContext });
      arrival = arrivalOfSocket(await shakeHands(raw, settings, host, details, bounds), raw);
    }
  } else {
    const socket = await connectByNode(options, details, bounds);
    arrival = arrivalOfSocket(
      tls === undefined
        ? socket
        : await shakeHands(socket, extend(tls, { secureContext }), host, details, bounds),
      socket,
    );
  }
  if (arrival !== undefined) return arrival;
  const text = `Cannot connect to ${textOf(details.address as InternetAddress)}: the server has closed the connection at once`;
  throw new ChannelError("ERR_PEER_DIED", text, details);
}

function contextOf(tls: NonNullable<CheckedConnectOptions<never, never>["tls"]>) {
  try {
    return tls.secureContext ?? loadTls().createSecureContext(tls);
  } catch (cause) {
    throw refusedOptions(cause);
  }
}

async function shakeHands(
  raw: Socket,
  tls: NonNullable<CheckedConnectOptions<never, never>["tls"]>,
  host: string,
  details: ErrorDetails,
  bounds: Bounds,
): Promise<TLSSocket> {
  // The name that the certificate must have. An address is no name to ask for by SNI, but the certificate may be for it.
  const servername = tls.servername ?? (loadNet().isIP(host) === 0 ? host : "");
  const socket = loadTls().connect(extend(tls, { socket: raw, host, servername }));
  try {
    await bounds.during(
      new Promise<void>((resolve, reject) => {
        socket.once("secureConnect", resolve);
        socket.once("error", reject);
      }),
    );
    return socket;
  } catch (error) {
    // What else it has to say about its end is of no interest.
    socket.on("error", () => undefined);
    socket.destroy();
    raw.destroy();
    throw inWords(error, details);
  }
}

async function connectByNode<Out, In>(
  options: CheckedConnectOptions<Out, In>,
  details: ErrorDetails,
  bounds: Bounds,
): Promise<Socket> {
  const { host, port, localAddress, noDelay, keepAlive, keepAliveInitialDelay } = options;
  const socket = new (loadNet().Socket)({ allowHalfOpen: true });
  try {
    await bounds.during(
      new Promise<void>((resolve, reject) => {
        socket.once("error", reject);
        socket.connect(
          {
            host,
            port,
            noDelay,
            keepAlive,
            keepAliveInitialDelay,
            ...(localAddress === undefined
              ? {}
              : { localAddress: localAddress.host, localPort: localAddress.port }),
          },
          resolve,
        );
      }),
    );
    return socket;
  } catch (error) {
    socket.on("error", () => undefined);
    socket.destroy();
    throw inWords(error, details);
  }
}

/** An error of node:net or node:tls in the words of this library; others, such as an abort's reason, as they are. */
function inWords(error: unknown, details: ErrorDetails): unknown {
  if (!(error instanceof Error) || error instanceof ChannelError || !("code" in error)) return error;
  const known = tlsFailure(error as NodeJS.ErrnoException, details);
  if (known !== undefined) return known;
  // A name with several addresses fails with an error for each.
  const first: unknown = error instanceof AggregateError ? error.errors[0] : error;
  const { code, syscall = "connect" } = first as NodeJS.ErrnoException;
  if (code === "ENOTFOUND" || code === "EAI_AGAIN") {
    const text = `Cannot connect: the host is not known here (${error.message}); check its name`;
    return new ChannelError("ERR_NO_PEER", text, { ...details, cause: error });
  }
  const result = errnoOf(first as NodeJS.ErrnoException);
  return result === 0 ? error : connectError(result, syscall, details, error);
}
