import type { MakeIncoming } from "./base-channel.js";
import type { Codec } from "./codec.js";
import type { ChannelOptions } from "./options.js";
import type { PacketDetails } from "./packet-port.js";
import type { ChannelTraits } from "./traits.js";

/** What a mechanism tells its base class. */
export interface BaseChannelOptions<Out, In> extends ChannelOptions<Out, In> {
  readonly traits: ChannelTraits;
  readonly codec: Codec<Out, In>;
  /** The address that errors name. */
  readonly address?: string | undefined;
  /** What is known of every message's sender on this connection. */
  readonly connection?: PacketDetails | undefined;
  /** How many descriptors may travel with a message. None by default. */
  readonly maxHandles?: number | undefined;
  /** Makes the receiving half, where a mechanism has one of its own. */
  readonly makeIncoming?: MakeIncoming<In> | undefined;
}
