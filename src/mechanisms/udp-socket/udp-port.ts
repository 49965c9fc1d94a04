import type { InternetAddress, SendOptions } from "../../core/channel.js";
import type { PacketPort } from "../../core/packet-port.js";

/** A packet port over UDP: what both engines provide. */
export interface UdpPort extends PacketPort {
  readonly localAddress: InternetAddress;
  /** Datagrams that came and were dropped. */
  readonly dropped: number;
  /** Sends one packet where `to` says; see {@link PacketPort.sendWith}. */
  sendWith(packet: Uint8Array, options: SendOptions): boolean;
  /** Joins or leaves a group; throws a ChannelError, or a TypeError or RangeError for an interface that there is not. */
  setMembership(group: string, interfaceName: string | undefined, member: boolean): void;
}
