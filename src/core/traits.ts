/** The mechanisms that sluice has. */
export type Mechanism =
  | "memory"
  | "signal"
  | "anonymous-pipe"
  | "named-pipe"
  | "message-queue"
  | "unix-stream"
  | "unix-seqpacket"
  | "unix-dgram"
  | "shared-buffer"
  | "tcp-socket"
  | "udp-socket";

/**
 * What a channel can and cannot do: the comparison table of inter-process communication, as data.
 * What the traits deny fails with `ERR_UNSUPPORTED`; it is never silently different.
 */
export interface ChannelTraits {
  /** The mechanism beneath. */
  readonly mechanism: Mechanism;
  /** Which ways messages travel on this channel. */
  readonly direction: "send" | "receive" | "both";
  /** Who keeps messages apart: the kernel (or the ring), a framing in the byte stream, or nobody. */
  readonly boundaries: "kernel" | "framed" | "none";
  /** Whether messages arrive in the order of `send`: those of one priority or type, where a message has one. */
  readonly ordered: boolean;
  /** Whether every accepted message arrives while the peer lives. */
  readonly reliable: boolean;
  /** The largest message in bytes, after encoding. */
  readonly maxMessageSize: number;
  /** How far apart the two ends may be. */
  readonly scope: "process" | "host" | "network";
  /** Whether the kernel tells who the peer is: never, once a connection, or with each message. */
  readonly peerIdentity: "none" | "connection" | "message";
  /** Whether messages outlive the processes. */
  readonly persistent: boolean;
  /** Whether open file descriptors can travel with a message. */
  readonly passesHandles: boolean;
}

const shared = new Map<string, ChannelTraits>();
const MOST_SHARED = 256;

/**
 * These traits, frozen, as one object for all channels that have the same. `Object.freeze` gives each object a hidden class of its own that lives until a
 * full garbage collection: a program that opens and closes channels all day would carry megabytes of them.
 */
export function shareTraits(traits: ChannelTraits): ChannelTraits {
  // What is frozen was shared before: a mechanism's constant, or what a mechanism has remembered.
  if (Object.isFrozen(traits)) return traits;
  const key = JSON.stringify(traits);
  const known = shared.get(key);
  if (known !== undefined) return known;
  if (shared.size >= MOST_SHARED) shared.clear();
  const frozen = Object.freeze({ ...traits });
  shared.set(key, frozen);
  return frozen;
}
