import type { Channel, InternetAddress, WaitOptions } from "../../core/channel.js";
import type { ChannelOptions } from "../../core/options.js";

/** How multicasts leave this socket, ip(7). */
export interface MulticastOptions {
  /** How many routers may pass a multicast on, plus one: 0 to 255. 1 by default, which keeps it in the local network. */
  readonly ttl?: number | undefined;
  /** Whether members on this machine receive what it sends. `true` by default. */
  readonly loopback?: boolean | undefined;
  /** The interface by which multicasts leave: its name (`"eth0"`, `"lo"`) or an address that it has. By default the routing table chooses. */
  readonly interface?: string | undefined;
}

/** Options that all UDP sockets have. */
export interface UdpSocketOptions<Out, In> extends Omit<ChannelOptions<Out, In>, "halfOpen"> {
  /** Lets this socket send to broadcast addresses (SO_BROADCAST). `false` by default: such a send is `ERR_ACCESS_DENIED`. */
  readonly broadcast?: boolean | undefined;
  /** How many routers may pass a datagram on, plus one: 1 to 255. By default what the system has. */
  readonly ttl?: number | undefined;
  /** How multicasts leave. */
  readonly multicast?: MulticastOptions | undefined;
  /**
   * Bytes that the kernel keeps for datagrams that have come and were not read yet (SO_RCVBUF as it then reads, so with the kernel's bookkeeping of some 700 bytes a datagram);
   * what finds it full is dropped. By default `net.core.rmem_default`. More than `net.core.rmem_max` takes the privilege CAP_NET_ADMIN.
   */
  readonly receiveBufferSize?: number | undefined;
  /** Bytes that the kernel keeps for datagrams that have not left yet (SO_SNDBUF), likewise. */
  readonly sendBufferSize?: number | undefined;
}

/** Options of {@link UdpSocket.bind}. */
export interface UdpBindOptions<Out, In> extends UdpSocketOptions<Out, In> {
  /**
   * The name or address to be bound to; looked up once. `"127.0.0.1"` by default, where only this machine can send. For multicasts: the group's address, so that nothing
   * else comes, or `"0.0.0.0"`.
   */
  readonly host?: string | undefined;
  /** The port, 0 to 65,535. 0, the default, takes a free one, which `localAddress` tells. */
  readonly port?: number | undefined;
  /** With an IPv6 `host` such as `"::"`: take IPv4 datagrams as well, and send to IPv4 addresses. `false` by default. */
  readonly dualStack?: boolean | undefined;
  /** Lets several sockets of this machine have the same address (SO_REUSEADDR), each of which gets every multicast. `false` by default. */
  readonly reuseAddress?: boolean | undefined;
}

/** Options of {@link UdpSocket.connect}. */
export interface UdpConnectOptions<Out, In> extends UdpSocketOptions<Out, In>, WaitOptions {
  /** The peer's name or address; looked up once. `"127.0.0.1"` by default. */
  readonly host?: string | undefined;
  /** The peer's port, 1 to 65,535. */
  readonly port: number;
  /** The address of this side, and its port (0: any). By default the kernel chooses. */
  readonly localAddress?: InternetAddress | undefined;
}

/** Where a group is joined or left. */
export interface MembershipOptions {
  /** The interface by which the group's datagrams come: its name (`"eth0"`, `"lo"`) or an address that it has. By default the routing table chooses. */
  readonly interface?: string | undefined;
}

/**
 * A channel over a UDP socket. A bound one sends with `send(message, { to: { host, port } })`, where `host` is an IP address, and `receiveEnvelope` tells the
 * sender's address as `from`. A connected one has one peer, and hears from nobody else.
 *
 * @typeParam Out - what `send` takes
 * @typeParam In - what `receive` gives
 */
export interface UdpChannel<Out, In = Out> extends Channel<Out, In> {
  /** This side's address, with the port that it has. */
  readonly localAddress: InternetAddress;
  /** The peer of a connected socket; `undefined` on a bound one. */
  readonly remoteAddress: InternetAddress | undefined;
  /** Datagrams that came and were dropped because nobody had read those before them, so far: the kernel's count. */
  readonly dropped: number;
  /**
   * Joins a multicast group: its datagrams come from now on.
   *
   * @throws TypeError or RangeError for what is no group or no interface; ChannelError `ERR_ADDRESS_IN_USE` when the socket is a member, `ERR_SYSTEM`, `ERR_CHANNEL_CLOSED`
   */
  join(group: string, options?: MembershipOptions): void;
  /**
   * Leaves a multicast group.
   *
   * @throws as `join`; `ERR_SYSTEM` with errno EADDRNOTAVAIL when the socket is no member
   */
  leave(group: string, options?: MembershipOptions): void;
}
