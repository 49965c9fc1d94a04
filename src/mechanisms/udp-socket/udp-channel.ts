import type { InternetAddress } from "../../core/channel.js";
import { extend } from "../../core/extend.js";
import { PacketChannel } from "../../core/packet-channel.js";
import { checkOptions } from "../../core/options.js";
import type { ChannelTraits } from "../../core/traits.js";
import { textOf } from "../internet-address.js";
import { type CheckedOptions, checkGroup, MAX_DATAGRAM } from "./options.js";
import type { MembershipOptions, UdpChannel } from "./types.js";
import type { UdpPort } from "./udp-port.js";

const TRAITS: ChannelTraits = {
  mechanism: "udp-socket",
  direction: "both",
  boundaries: "kernel",
  ordered: false,
  reliable: false,
  maxMessageSize: MAX_DATAGRAM,
  scope: "network",
  peerIdentity: "none",
  persistent: false,
  passesHandles: false,
};

/** A channel over a UDP socket. */
export class UdpPacketChannel<Out, In> extends PacketChannel<Out, In> implements UdpChannel<Out, In> {
  readonly localAddress: InternetAddress;
  readonly remoteAddress: InternetAddress | undefined;
  readonly #port: UdpPort;

  constructor(port: UdpPort, remote: InternetAddress | undefined, options: CheckedOptions<Out, In>) {
    const address = textOf(remote ?? port.localAddress);
    const connection = remote === undefined ? undefined : { from: remote };
    super(port, extend(options, { traits: TRAITS, address, connection }));
    this.#port = port;
    this.localAddress = port.localAddress;
    this.remoteAddress = remote;
  }

  get dropped(): number {
    return this.#port.dropped;
  }

  join(group: string, options?: MembershipOptions): void {
    this.#setMembership(group, options, true);
  }

  leave(group: string, options?: MembershipOptions): void {
    this.#setMembership(group, options, false);
  }

  #setMembership(group: string, options: MembershipOptions | undefined, member: boolean): void {
    checkGroup(group);
    checkOptions(options);
    if (this.state === "closed")
      throw this.error("ERR_CHANNEL_CLOSED", member ? "join" : "leave", "the channel is closed");
    this.#port.setMembership(group, options?.interface, member);
  }
}
