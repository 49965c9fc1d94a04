import { bytes } from "../../codec/index.js";
import type { Credentials, Listener } from "../../core/channel.js";
import { ChannelError, type ErrorDetails } from "../../core/errors.js";
import { extend } from "../../core/extend.js";
import {
  type ChannelOptions,
  checkCount,
  checkOptions,
  type QueueLimits,
  resolveQueueLimits,
} from "../../core/options.js";
import { describe } from "../../core/wait.js";
import { loadCore } from "../../native/binding.js";
import type { NativeCore } from "../../native/native-core.js";
import { AcceptorListener } from "../acceptor-listener.js";
import { type ConnectingOptions, connectSocket } from "../connecting-socket.js";
import { checkListeningOptions, type ListeningOptions, ListeningSocket } from "../listening-socket.js";
import { parseSocketAddress, type SocketAddress } from "../socket-address.js";
import { openOnceFree } from "../socket-binding.js";
import { awaitHello } from "./await-hello.js";
import { acceptMemory, offerMemory } from "./handshake.js";
import { largestPayload, LEAST_CAPACITY, MOST_CAPACITY } from "./ring-layout.js";
import type { RingMemory } from "./ring-memory.js";
import { RingPort } from "./ring-port.js";
import { RingChannel, type SharedBufferChannel } from "./shared-buffer-channel.js";

/** Options that both ends of a channel over shared memory have. */
export interface SharedBufferChannelSettings<Out, In> extends ChannelOptions<Out, In> {
  /** How much may be accepted beyond what the ring holds, before `send` waits. One message by default: the ring is the queue. */
  readonly sendQueue?: QueueLimits | undefined;
  /**
   * Microseconds for which a waiting receive looks for data in a loop before it sleeps; 0 (the default) to 1,000,000. It takes a CPU while it
   * looks, and spares the wake-up, which costs 5 to 50 µs. The event loop turns meanwhile. Useless, even harmful, when both processes share a core.
   */
  readonly spin?: number | undefined;
}

/** Options of `SharedBuffer.listen`. */
export interface SharedBufferListenOptions<Out, In>
  extends SharedBufferChannelSettings<Out, In>, ListeningOptions {
  /**
   * Bytes of each of a connection's two rings: a power of two from 4,096 (or the page size, if larger) to 1 GiB, 1 MiB by default. A message has at most half of
   * it less 8 bytes. Memory is taken as it is used, and kept until the connection ends.
   */
  readonly capacity?: number | undefined;
}

/** Options of `SharedBuffer.connect`. */
export interface SharedBufferConnectOptions<Out, In>
  extends SharedBufferChannelSettings<Out, In>, ConnectingOptions {
  /** The largest capacity to accept from the server, in bytes. 64 MiB by default. */
  readonly maxCapacity?: number | undefined;
}

/** Waits for clients and gives a channel for each. */
export interface SharedBufferListener<Out, In> extends Listener<SharedBufferChannel<Out, In>> {
  /** How many clients `allow` has refused. */
  readonly refused: number;
  /** Lets the listener keep the process alive (the default). */
  ref(): this;
  /** Lets the process end while this listens. */
  unref(): this;
}

const DEFAULT_CAPACITY = 1024 * 1024;
/** The largest capacity that a client takes, unless it says otherwise. */
export const DEFAULT_MAX_CAPACITY: number = 64 * 1024 * 1024;
const MOST_SPIN = 1_000_000;

class RingListener<Out, In>
  extends AcceptorListener<SharedBufferChannel<Out, In>, ListeningSocket>
  implements SharedBufferListener<Out, In>
{
  constructor(
    core: NativeCore,
    address: SocketAddress,
    capacity: number,
    options: SharedBufferListenOptions<Out, In>,
  ) {
    super(address.path, "shared-buffer", (hooks) =>
      ListeningSocket.open(address, "stream", "shared-buffer", options, {
        accepted: (fd, credentials) => {
          const memory = offer(core, fd, capacity, address.path);
          if (memory !== undefined)
            hooks.arrived(() => makeChannel(core, fd, memory, credentials, address.path, options));
        },
        failed: (error) => {
          hooks.failed(error);
        },
      }),
    );
  }

  get refused(): number {
    return this.source.refused;
  }
}

/** Gives a client its memory; `undefined`: that could not be, and it is disconnected. */
function offer(core: NativeCore, fd: number, capacity: number, path: string): RingMemory | undefined {
  const details = { operation: "accept", mechanism: "shared-buffer", address: path } as const;
  try {
    return offerMemory(core, fd, capacity, details);
  } catch (error) {
    core.close(fd);
    // The client has gone again, or is told by the end that there is no memory for it; the others are still served.
    if (error instanceof ChannelError) return undefined;
    throw error;
  }
}

/** Begins to listen at a path or an abstract name. */
export async function listen<Out, In>(
  path: string,
  options: SharedBufferListenOptions<Out, In> = {},
): Promise<SharedBufferListener<Out, In>> {
  const address = parseSocketAddress(path);
  checkListeningOptions(address, options);
  const core = loadCore();
  const capacity = checkCapacity("capacity", options.capacity, DEFAULT_CAPACITY, core.pageSize());
  checkSettings(options);
  if (options.maxMessageSize !== undefined) {
    checkCount("options.maxMessageSize", options.maxMessageSize, 1, largestPayload(capacity));
  }
  return openOnceFree(() => new RingListener(core, address, capacity, options));
}

/** Connects to a listener. */
export async function connect<Out, In>(
  path: string,
  options: SharedBufferConnectOptions<Out, In> = {},
): Promise<SharedBufferChannel<Out, In>> {
  const address = parseSocketAddress(path);
  checkOptions(options);
  const core = loadCore();
  const maxCapacity = checkCapacity(
    "maxCapacity",
    options.maxCapacity,
    DEFAULT_MAX_CAPACITY,
    core.pageSize(),
  );
  checkSettings(options);
  const begin = performance.now();
  const { fd, credentials } = await connectSocket(address, "stream", "shared-buffer", options);
  let memory: RingMemory;
  try {
    const details: ErrorDetails = { operation: "connect", mechanism: "shared-buffer", address: path };
    const take = (): RingMemory | undefined => acceptMemory(core, fd, maxCapacity, details);
    memory = await awaitHello(fd, take, details, options, performance.now() - begin);
  } catch (error) {
    core.close(fd);
    throw error;
  }
  return makeChannel(core, fd, memory, credentials, path, options);
}

function makeChannel<Out, In>(
  core: NativeCore,
  fd: number,
  memory: RingMemory,
  peer: Credentials,
  address: string,
  options: SharedBufferChannelSettings<Out, In>,
): SharedBufferChannel<Out, In> {
  const { codec = bytes() as unknown as NonNullable<typeof options.codec>, spin = 0 } = options;
  const most = largestPayload(memory.capacity);
  const maxMessageSize = Math.min(options.maxMessageSize ?? most, most);
  try {
    const port = new RingPort({ core, fd, memory, maxMessageSize, spin, address });
    // The ring is the queue. Another one before it would only copy every message twice while the ring is full.
    const sendQueue = options.sendQueue ?? { messages: 1 };
    return new RingChannel(port, extend(options, { codec, peer, address, maxMessageSize, sendQueue }));
  } catch (error) {
    memory.close();
    core.close(fd);
    throw error;
  }
}

/** Checks the size of a ring: a power of two within the limits. */
export function checkCapacity(
  name: string,
  value: number | undefined,
  standard: number,
  pageSize: number,
): number {
  const least = Math.max(LEAST_CAPACITY, pageSize);
  const capacity = checkCount(`options.${name}`, value ?? standard, least, MOST_CAPACITY);
  if ((capacity & (capacity - 1)) !== 0) {
    throw new RangeError(`options.${name} must be a power of two, received ${capacity}`);
  }
  return capacity;
}

/** Checks at once what would otherwise fail when the first client comes. */
function checkSettings<Out, In>(options: SharedBufferChannelSettings<Out, In>): void {
  if (
    options.spin !== undefined &&
    (typeof options.spin !== "number" || !(options.spin >= 0 && options.spin <= MOST_SPIN))
  ) {
    const text = `options.spin must be 0 to ${MOST_SPIN} microseconds, received ${describe(options.spin)}`;
    throw typeof options.spin === "number" ? new RangeError(text) : new TypeError(text);
  }
  if (options.maxMessageSize !== undefined) {
    checkCount("options.maxMessageSize", options.maxMessageSize, 1, Number.MAX_SAFE_INTEGER);
  }
  resolveQueueLimits("sendQueue", options.sendQueue);
  resolveQueueLimits("receiveQueue", options.receiveQueue);
}
