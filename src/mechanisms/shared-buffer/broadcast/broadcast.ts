import { bytes } from "../../../codec/index.js";
import type { Credentials, Receiver, Sender, WaitOptions } from "../../../core/channel.js";
import type { Codec } from "../../../core/codec.js";
import { type ErrorDetails, unsupported } from "../../../core/errors.js";
import { extend } from "../../../core/extend.js";
import {
  type ChannelOptions,
  checkCount,
  checkMethods,
  checkOptions,
  type QueueLimits,
  resolveQueueLimits,
} from "../../../core/options.js";
import { PacketChannel } from "../../../core/packet-channel.js";
import type { ChannelTraits } from "../../../core/traits.js";
import { loadCore } from "../../../native/binding.js";
import { checkChoice } from "../../check-option.js";
import { type ConnectingOptions, connectSocket } from "../../connecting-socket.js";
import { checkListeningOptions, type ListeningOptions } from "../../listening-socket.js";
import { parseSocketAddress } from "../../socket-address.js";
import { openOnceFree } from "../../socket-binding.js";
import { awaitHello } from "../await-hello.js";
import { checkCapacity, DEFAULT_MAX_CAPACITY } from "../shared-buffer-connection.js";
import { largestBroadcast } from "./broadcast-layout.js";
import { BroadcastPort } from "./broadcast-port.js";
import { FollowPort } from "./follow-port.js";
import { type Hello, receiveHello } from "./hello.js";

/** Options of `SharedBuffer.broadcast`. */
export interface BroadcastOptions<Out> extends ListeningOptions {
  /** Turns messages into bytes. Without one, `send` takes a `Uint8Array`. */
  readonly codec?: Codec<Out, unknown> | undefined;
  /** The largest message in bytes, after encoding. A quarter of the capacity less 8 bytes by default and at most. */
  readonly maxMessageSize?: number | undefined;
  /**
   * Bytes of the ring: how far a follower may be behind before it misses messages. A power of two from 4,096 (or the page size, if larger) to 1 GiB, 4 MiB by
   * default. Each message takes 8 bytes more than it has, rounded up to 8. Memory is taken as it is first used.
   */
  readonly capacity?: number | undefined;
  /** Followers at a time: each costs the writer a descriptor and a page of memory. 256 by default; more are hung up. */
  readonly maxFollowers?: number | undefined;
}

/** Options of `SharedBuffer.follow`. */
export interface FollowOptions<In> extends ConnectingOptions {
  /** Turns bytes into messages. Without one, `receive` gives a `Buffer`. */
  readonly codec?: Codec<never, In> | undefined;
  /** The largest message in bytes that is accepted; a larger one is `ERR_MESSAGE_TOO_LARGE` in its place. The writer's limit by default. */
  readonly maxMessageSize?: number | undefined;
  /** How much may wait for a `receive` before reading stops; then messages wait in the ring, and are missed in the end. */
  readonly receiveQueue?: QueueLimits | undefined;
  /** The largest capacity to accept from the writer, in bytes. 64 MiB by default. */
  readonly maxCapacity?: number | undefined;
  /** Where to begin: with the next message (`"now"`, the default) or with all that is still in the ring (`"oldest"`). */
  readonly from?: "now" | "oldest" | undefined;
}

/** The writer's end of a broadcast. `send` waits for nobody, and fulfils when the message is in the ring. */
export interface BroadcastSender<Out> extends Sender<Out> {
  /** How many follow now. */
  readonly followers: number;
  /**
   * How many bytes of the ring the slowest follower has not read, as the followers tell: up to the capacity, over which it misses messages. To look at, or to slow down by where all
   * followers are trusted.
   */
  readonly lag: number;
  /** How many were not let in: by `allow`, or because there were `maxFollowers`. */
  readonly refused: number;
}

/** A follower's end of a broadcast. */
export interface BroadcastReceiver<In> extends Receiver<In> {
  /** The writer, as the kernel told it at `follow`. */
  readonly peer: Credentials;
  /** How many messages were overwritten before they were read, in all. Those before one message: `receiveEnvelope().missed`. */
  readonly missed: number;
}

const DEFAULT_CAPACITY = 4 * 1024 * 1024;
const DEFAULT_FOLLOWERS = 256;
const MOST_FOLLOWERS = 65_536;

const TRAITS: Omit<ChannelTraits, "direction" | "maxMessageSize"> = {
  mechanism: "shared-buffer",
  boundaries: "kernel",
  ordered: true,
  reliable: false,
  scope: "host",
  peerIdentity: "connection",
  persistent: false,
  passesHandles: false,
};

class Broadcast<Out> extends PacketChannel<Out, never> implements BroadcastSender<Out> {
  declare protected readonly port: BroadcastPort;

  get followers(): number {
    return this.port.followers;
  }

  get lag(): number {
    return this.port.lag;
  }

  get refused(): number {
    return this.port.refused;
  }
}

class Following<In> extends PacketChannel<never, In> implements BroadcastReceiver<In> {
  declare protected readonly port: FollowPort;
  readonly peer: Credentials;

  constructor(port: FollowPort, options: ConstructorParameters<typeof PacketChannel<never, In>>[1]) {
    super(port, options);
    this.peer = options.connection?.credentials ?? { pid: 0, uid: -1, gid: -1 };
  }

  get missed(): number {
    return this.port.missed;
  }

  override tryReceive(): In | undefined {
    if (this.incoming.pending === 0) this.port.readNow();
    return super.tryReceive();
  }

  protected override beforeWait(options: WaitOptions | undefined): void {
    // What can be had at once must be in the queue for a call that does not wait.
    if (options?.timeout === 0) this.port.readNow();
  }
}

/**
 * What one side writes the other maps for reading only. JavaScriptCore compiles `Atomics.load` to an instruction that writes what it has read: on such
 * memory that ends the process.
 */
function refuseBun(operation: string, address: string): void {
  if (!("bun" in process.versions)) return;
  throw unsupported(
    `Cannot ${operation} "${address}": Bun writes where Atomics.load should only read, which the memory of a broadcast forbids; use Node.js or Deno`,
    { operation, mechanism: "shared-buffer", address },
  );
}

/** Opens a broadcast at a path or an abstract name. */
export async function broadcast<Out>(
  path: string,
  options: BroadcastOptions<Out> = {},
): Promise<BroadcastSender<Out>> {
  const address = parseSocketAddress(path);
  checkListeningOptions(address, options);
  const maxFollowers = checkCount(
    "options.maxFollowers",
    options.maxFollowers ?? DEFAULT_FOLLOWERS,
    1,
    MOST_FOLLOWERS,
  );
  const codec = (options.codec ?? bytes()) as unknown as Codec<Out, never>;
  checkMethods("options.codec", codec, ["encode", "decode"]);
  refuseBun("listen", path);
  const core = loadCore();
  const capacity = checkCapacity("capacity", options.capacity, DEFAULT_CAPACITY, core.pageSize());
  const most = largestBroadcast(capacity);
  const maxMessageSize = checkCount("options.maxMessageSize", options.maxMessageSize ?? most, 1, most);
  const traits = extend(TRAITS, { direction: "send" as const, maxMessageSize });
  const { backlog, allow, mode, handles, onRefuse } = options;
  const listening = { backlog, allow, mode, handles, onRefuse, maxFollowers };
  const port = await openOnceFree(() => new BroadcastPort(core, address, capacity, listening));
  return new Broadcast<Out>(port, { codec, traits, address: address.path });
}

/** Follows the broadcast at a path or an abstract name. */
export async function follow<In>(
  path: string,
  options: FollowOptions<In> = {},
): Promise<BroadcastReceiver<In>> {
  const address = parseSocketAddress(path);
  checkOptions(options);
  const codec = (options.codec ?? bytes()) as Codec<never, In>;
  checkMethods("options.codec", codec, ["encode", "decode"]);
  refuseBun("connect", path);
  const core = loadCore();
  const maxCapacity = checkCapacity(
    "maxCapacity",
    options.maxCapacity,
    DEFAULT_MAX_CAPACITY,
    core.pageSize(),
  );
  checkChoice("from", options.from, ["now", "oldest"]);
  resolveQueueLimits("receiveQueue", options.receiveQueue);
  if (options.maxMessageSize !== undefined)
    checkCount("options.maxMessageSize", options.maxMessageSize, 1, Number.MAX_SAFE_INTEGER);
  const details: ErrorDetails = { operation: "connect", mechanism: "shared-buffer", address: path };
  const begin = performance.now();
  const { fd, credentials } = await connectSocket(address, "stream", "shared-buffer", options);
  let hello: Hello;
  try {
    const take = (): Hello | undefined => receiveHello(core, fd, maxCapacity, details);
    hello = await awaitHello(fd, take, details, options, performance.now() - begin);
  } catch (error) {
    core.close(fd);
    throw error;
  }
  const most = largestBroadcast(hello.capacity);
  const maxMessageSize = Math.min(options.maxMessageSize ?? most, most);
  const from = options.from ?? "now";
  const port = new FollowPort({ core, fd, hello, from, maxMessageSize, address: path });
  const channelOptions: ChannelOptions<never, In> & { codec: Codec<never, In> } = {
    codec,
    receiveQueue: options.receiveQueue,
  };
  const traits = extend(TRAITS, { direction: "receive" as const, maxMessageSize });
  return new Following<In>(
    port,
    extend(channelOptions, { traits, address: path, connection: { credentials } }),
  );
}
