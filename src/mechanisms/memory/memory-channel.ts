import { bytes } from "../../codec/index.js";
import type { Channel } from "../../core/channel.js";
import { extend } from "../../core/extend.js";
import type { ChannelOptions } from "../../core/options.js";
import { checkOptions } from "../../core/options.js";
import { PacketChannel } from "../../core/packet-channel.js";
import { type ChannelTraits, shareTraits } from "../../core/traits.js";
import { MemoryPort } from "./memory-port.js";

const TRAITS: ChannelTraits = shareTraits({
  mechanism: "memory",
  direction: "both",
  boundaries: "kernel",
  ordered: true,
  reliable: true,
  maxMessageSize: 16 * 1024 * 1024,
  scope: "process",
  peerIdentity: "none",
  persistent: false,
  passesHandles: false,
});

/**
 * A channel inside one process: the reference implementation of the contract, and what to test a program with that is given a
 * {@link Channel}. Messages are copied, and go through the codec, so that nothing behaves otherwise than between processes.
 */
export class MemoryChannel {
  private constructor() {
    throw new TypeError("MemoryChannel has no instances; use MemoryChannel.pair()");
  }

  /** Makes two connected ends that carry Buffers. */
  static pair(
    options?: ChannelOptions<Uint8Array, Buffer>,
  ): [Channel<Uint8Array, Buffer>, Channel<Uint8Array, Buffer>];
  /**
   * Makes two connected ends. Each end has queues of its own with the limits of `options`.
   *
   * @param options - codec and limits, the same for both ends; `maxMessageSize` is 16 MiB by default
   * @throws TypeError or RangeError for a wrong option
   * @example
   * ```ts run
   * import { json, MemoryChannel } from "sluice";
   *
   * const [left, right] = MemoryChannel.pair({ codec: json<{ job: number }>() });
   * await left.send({ job: 7 });
   * console.log(await right.receive()); // { job: 7 }
   * await left.close();
   * ```
   */
  static pair<Out, In = Out>(options: ChannelOptions<Out, In>): [Channel<Out, In>, Channel<Out, In>];
  static pair(options: ChannelOptions<unknown, unknown> = {}): [Channel<unknown>, Channel<unknown>] {
    checkOptions(options);
    const codec = options.codec ?? bytes();
    const [left, right] = MemoryPort.pair();
    const complete = extend(options, { codec, traits: TRAITS });
    return [new PacketChannel(left, complete), new PacketChannel(right, complete)];
  }
}
