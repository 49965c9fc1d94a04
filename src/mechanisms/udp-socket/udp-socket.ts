import type { WaitOptions } from "../../core/channel.js";
import { ChannelError, type ErrorDetails } from "../../core/errors.js";
import { checkWaitOptions } from "../../core/wait.js";
import { coreAvailable } from "../../native/binding.js";
import { Bounds } from "../bounds.js";
import { resolveHost, textOf } from "../internet-address.js";
import { openByNode } from "./node-port.js";
import { openNatively } from "./open-natively.js";
import { type CheckedOptions, checkBindOptions, checkConnectOptions, type SocketPlan } from "./options.js";
import type { UdpBindOptions, UdpChannel, UdpConnectOptions } from "./types.js";
import { UdpPacketChannel } from "./udp-channel.js";

/**
 * Datagrams: messages of up to 65,507 bytes that the network may lose, double or reorder. See udp(7).
 *
 * Nothing tells a sender that its messages come too fast: what the receiver has no room for is dropped, and counted in `dropped`. Anybody who can reach the
 * socket can send to it, in anybody's name.
 */
export class UdpSocket {
  private constructor() {
    throw new TypeError("UdpSocket has no instances; use UdpSocket.bind() or connect()");
  }

  /** Binds a socket that carries Buffers. */
  static bind(options?: UdpBindOptions<Uint8Array, Buffer>): Promise<UdpChannel<Uint8Array, Buffer>>;
  /**
   * Binds a socket that hears from everybody and sends with `{ to }`; at `127.0.0.1` and a free port unless the options say otherwise.
   *
   * Nobody tells it when a message finds no receiver.
   *
   * @param options - `host`, `port`, codec, limits, multicast
   * @returns a promise of the bound socket
   * @throws (by the promise) TypeError or RangeError for a wrong argument; ChannelError `ERR_ADDRESS_IN_USE`, `ERR_ACCESS_DENIED`, `ERR_NO_PEER` for a `host` that has no
   *   address, `ERR_UNSUPPORTED` for a buffer that the system does not give, `ERR_SYSTEM`
   * @example
   * ```ts run
   * import { text, UdpSocket } from "sluice";
   *
   * await using receiver = await UdpSocket.bind({ codec: text() });
   * await using sender = await UdpSocket.connect({ port: receiver.localAddress.port, codec: text() });
   * await sender.send("temperature 21");
   * const { message, from } = await receiver.receiveEnvelope();
   * if (from !== undefined) await receiver.send(`noted: ${message}`, { to: from });
   * console.log(await sender.receive());
   * ```
   */
  static bind<Out, In = Out>(options: UdpBindOptions<Out, In>): Promise<UdpChannel<Out, In>>;
  static async bind(options: UdpBindOptions<unknown, unknown> = {}): Promise<UdpChannel<unknown>> {
    const complete = checkBindOptions(options);
    const { host, port, dualStack, reuseAddress } = complete;
    const [address = host] = await resolveHost(host, detailsOf("bind", host, port));
    const local = { host: address, port };
    return await open({ local, remote: undefined, dualStack, reuseAddress }, complete);
  }

  /** Connects a socket that carries Buffers. */
  static connect(options: UdpConnectOptions<Uint8Array, Buffer>): Promise<UdpChannel<Uint8Array, Buffer>>;
  /**
   * Makes a socket with one peer: it sends there, and hears from nobody else. Nothing travels before the first message, so that nobody need be there.
   *
   * When the peer's machine answers a message by saying that nobody has that port, the channel fails with `ERR_PEER_DIED`, at the next turn of the event loop or
   * the next `send`. A machine that is gone says nothing.
   *
   * @param options - `port`; `host`, codec, limits, multicast, and `signal` and `timeout` for looking up the host
   * @returns a promise of the channel
   * @throws (by the promise) TypeError or RangeError for a wrong argument; ChannelError `ERR_NO_PEER` when the name is unknown or no way leads there, `ERR_ACCESS_DENIED` for a
   *   broadcast address without `broadcast`, `ERR_TIMEOUT`, `ERR_UNSUPPORTED`, `ERR_SYSTEM`; the abort reason
   * @example
   * ```ts run
   * import { UdpSocket } from "sluice";
   *
   * await using receiver = await UdpSocket.bind();
   * await using sender = await UdpSocket.connect({ port: receiver.localAddress.port });
   * await sender.send(Buffer.from("whole"));
   * console.log(String(await receiver.receive()));
   * ```
   */
  static connect<Out, In = Out>(options: UdpConnectOptions<Out, In>): Promise<UdpChannel<Out, In>>;
  static async connect(options: UdpConnectOptions<unknown, unknown>): Promise<UdpChannel<unknown>> {
    const complete = checkConnectOptions(options);
    checkWaitOptions(options);
    const { host, port } = complete;
    const details = detailsOf("connect", host, port);
    const [address = host] = await boundsOf(options, details).during(resolveHost(host, details));
    const remote = { host: address, port };
    return await open(
      { local: options.localAddress, remote, dualStack: false, reuseAddress: false },
      complete,
    );
  }
}

async function open(
  plan: SocketPlan,
  options: CheckedOptions<unknown, unknown>,
): Promise<UdpPacketChannel<unknown, unknown>> {
  const port = coreAvailable() ? openNatively(plan, options) : await openByNode(plan, options);
  return new UdpPacketChannel(port, plan.remote, options);
}

function detailsOf(operation: string, host: string, port: number): ErrorDetails {
  return { operation, mechanism: "udp-socket", address: { host, port } };
}

function boundsOf(options: WaitOptions, details: ErrorDetails): Bounds {
  const { host, port } = details.address as { host: string; port: number };
  return new Bounds(options, () => {
    const text = `Cannot connect to ${textOf({ host, port })}: the name was not found within ${options.timeout ?? 0} ms`;
    return new ChannelError("ERR_TIMEOUT", text, details);
  });
}
