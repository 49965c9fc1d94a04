import { type ChannelTraits, shareTraits } from "../../../core/traits.js";
import type { EngineName, PacketType } from "./engine.js";

/** What a channel on this kind of socket and engine may say of itself. */
export function packetTraits(
  type: PacketType,
  engine: EngineName,
  maxMessageSize: number,
  passesHandles = false,
): ChannelTraits {
  if (
    last?.type !== type ||
    last.engine !== engine ||
    last.traits.maxMessageSize !== maxMessageSize ||
    last.traits.passesHandles !== passesHandles
  ) {
    last = { type, engine, traits: describe(type, engine, maxMessageSize, passesHandles) };
  }
  return last.traits;
}

// Mostly the next channel is like the last.
let last:
  { readonly type: PacketType; readonly engine: EngineName; readonly traits: ChannelTraits } | undefined;

function describe(
  type: PacketType,
  engine: EngineName,
  maxMessageSize: number,
  passesHandles: boolean,
): ChannelTraits {
  return shareTraits({
    mechanism: `unix-${type}`,
    direction: "both",
    boundaries: "kernel",
    ordered: true,
    // The kernel never drops a packet on a Unix socket: a full receiver makes the sender wait.
    reliable: true,
    maxMessageSize,
    scope: "host",
    // The package reads packets without what the kernel says of their sender.
    peerIdentity: type === "seqpacket" ? "connection" : engine === "native" ? "message" : "none",
    persistent: false,
    passesHandles,
  });
}

/** What is read at least, so that a message somewhat over the limit is known by its length rather than cut. */
const LEAST_READ = 64 * 1024;

/** The bytes up to which an incoming message is read whole. */
export function readLimit(maxMessageSize: number): number {
  return Math.max(maxMessageSize, LEAST_READ);
}
