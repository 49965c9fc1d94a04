import type { Channel, FileHandle } from "../../core/channel.js";
import { ChannelError } from "../../core/errors.js";
import type { CallEnded } from "../../rpc/serve-options.js";
import type { CallContext } from "../../rpc/types.js";
import { callerOf, type DaemonPeer, peerOf } from "../peer.js";
import { TokenBucket } from "./bucket.js";
import { CountedHandle } from "./counted-handle.js";
import { type Limits, QuotaError, type QuotaLimits, type QuotaName, resolveLimits } from "./limits.js";
import { keyOf, User } from "./user.js";

/** How often the queues are looked at, in milliseconds. */
const LOOK_MS = 50;

type AnyChannel = Channel<never, unknown>;

/** What one user has open. */
export interface QuotaUse {
  /** Who: `"uid:1000"`, `"tls:"` and the certificate's SHA-256, `"address:10.0.0.7"`, `"address:2001:db8::/64"`, or `"unknown"`. */
  readonly user: string;
  /** Channels. */
  readonly connections: number;
  /** Calls that run. */
  readonly callsInFlight: number;
  /** Bytes in the queues of the channels, now. */
  readonly queuedBytes: number;
  /** Descriptors that were sent and are not closed. */
  readonly descriptors: number;
}

/** Limits by user. Made by {@link quota}. Its functions may be passed on as they are. */
export interface Quota {
  /** For the option `allow` of `listen`: refuses before the first byte who has as many channels as may be, or comes too often. */
  readonly allow: (peer: DaemonPeer) => boolean;
  /** For the option `admit` of `serve` and `publisher`, and for accept loops: counts the channel until it is closed. `false`: it is one too many, and the caller's to destroy. */
  readonly admit: (channel: Channel<never, unknown>) => boolean;
  /** For the option `onCall` of `serve`: counts a call until it is over. Throws a {@link QuotaError} for one too many. */
  readonly onCall: (context: CallContext) => CallEnded;
  /** Counts a message, where messages are no calls. Throws a {@link QuotaError} for one too many. */
  message(channel: Channel<never, unknown>): void;
  /**
   * Counts the descriptors of a message until they are closed or taken.
   *
   * @returns the same, counted
   * @throws QuotaError when there are too many; all of them are closed then
   */
  keep(channel: Channel<never, unknown>, handles: readonly FileHandle[]): readonly FileHandle[];
  /** How often each limit was met. */
  readonly overflows: Readonly<Record<QuotaName, number>>;
  /** Who has something open, or had within the last seconds: nobody else is remembered. */
  readonly users: readonly QuotaUse[];
}

class UserQuota implements Quota {
  readonly overflows: Record<QuotaName, number> = {
    connections: 0,
    callsInFlight: 0,
    queuedBytes: 0,
    messagesPerSecond: 0,
    descriptors: 0,
    firstMessageTimeout: 0,
  };
  readonly #limits: Limits;
  readonly #users = new Map<string, User>();
  /** One of each: in a flood, noting where each was made would take longer than to refuse. */
  readonly #errors = new Map<QuotaName, QuotaError>();
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(limits: Limits) {
    this.#limits = limits;
  }

  get users(): readonly QuotaUse[] {
    return Array.from(this.#users.values(), (user) => {
      user.measure();
      const { key, channels, calls, queuedBytes, descriptors } = user;
      return { user: key, connections: channels.size, callsInFlight: calls, queuedBytes, descriptors };
    });
  }

  readonly allow = (peer: DaemonPeer): boolean => {
    const user = this.#user(peer);
    try {
      return (
        this.#holds("messagesPerSecond", user.bucket?.take(performance.now()) ?? true) &&
        this.#holds("connections", user.channels.size < this.#limits.connections)
      );
    } finally {
      this.#forget(user);
    }
  };

  readonly admit = (channel: AnyChannel): boolean => {
    const user = this.#user(peerOf(channel));
    if (!this.#holds("connections", user.channels.size < this.#limits.connections)) return false;
    user.channels.add(channel);
    const timer = this.#awaitFirst(channel);
    void channel.closed.then(() => {
      clearTimeout(timer);
      user.channels.delete(channel);
      this.#forget(user);
    });
    if (this.#limits.queuedBytes !== Infinity)
      this.#timer ??= setInterval(() => {
        this.#look();
      }, LOOK_MS).unref();
    return true;
  };

  readonly onCall = (context: CallContext): CallEnded => {
    const user = this.#user(callerOf(context));
    try {
      this.#count(user, context.channel);
      this.#require("queuedBytes", user.queuedBytes <= this.#limits.queuedBytes);
      this.#require("callsInFlight", user.calls < this.#limits.callsInFlight);
      user.calls++;
    } finally {
      this.#forget(user);
    }
    return () => {
      user.calls--;
      this.#forget(user);
    };
  };

  message(channel: AnyChannel): void {
    const user = this.#user(peerOf(channel));
    try {
      this.#count(user, channel);
    } finally {
      this.#forget(user);
    }
  }

  keep(channel: AnyChannel, handles: readonly FileHandle[]): readonly FileHandle[] {
    const user = this.#user(peerOf(channel));
    if (!this.#holds("descriptors", user.descriptors + handles.length <= this.#limits.descriptors)) {
      for (const handle of handles) handle.close();
      this.#forget(user);
      throw this.#error("descriptors");
    }
    user.descriptors += handles.length;
    const closed = (): void => {
      user.descriptors--;
      this.#forget(user);
    };
    return handles.map((handle) => new CountedHandle(handle, closed));
  }

  #user(peer: DaemonPeer | undefined): User {
    const key = keyOf(peer);
    let user = this.#users.get(key);
    if (user === undefined) {
      const { messagesPerSecond } = this.#limits;
      const isLimited = messagesPerSecond !== Infinity;
      user = new User(key, isLimited ? new TokenBucket(messagesPerSecond, performance.now()) : undefined);
      this.#users.set(key, user);
    }
    return user;
  }

  /** Nothing is kept of a user who has nothing open, once it makes no difference to the rate. */
  #forget(user: User): void {
    if (!user.isIdle || user.isLeaving) return;
    const wait = user.bucket?.fullIn(performance.now()) ?? 0;
    if (wait <= 0) {
      this.#users.delete(user.key);
      return;
    }
    user.isLeaving = true;
    setTimeout(() => {
      user.isLeaving = false;
      this.#forget(user);
    }, Math.ceil(wait)).unref();
  }

  #count(user: User, channel: AnyChannel): void {
    const { bucket } = user;
    if (bucket === undefined || bucket.take(performance.now())) return;
    const error = this.#overflow("messagesPerSecond");
    // A socket that all share is nobody's to lose.
    if (bucket.isSunk && channel.traits.peerIdentity !== "message") channel.destroy(cutOff(channel, error));
    throw error;
  }

  #holds(name: QuotaName, holds: boolean): boolean {
    if (!holds) this.overflows[name]++;
    return holds;
  }

  #require(name: QuotaName, holds: boolean): void {
    if (!holds) throw this.#overflow(name);
  }

  #overflow(name: QuotaName): QuotaError {
    this.overflows[name]++;
    return this.#error(name);
  }

  #error(name: QuotaName): QuotaError {
    let error = this.#errors.get(name);
    if (error === undefined) this.#errors.set(name, (error = new QuotaError(name, this.#limits[name])));
    return error;
  }

  #awaitFirst(channel: AnyChannel): ReturnType<typeof setTimeout> | undefined {
    const { firstMessageTimeout } = this.#limits;
    if (firstMessageTimeout === Infinity) return undefined;
    // Where the event loop is late, the message may be there and unread: what is readable is read before an immediate runs.
    return setTimeout(() => {
      setImmediate(() => {
        if (channel.state !== "open" || channel.statistics().messagesReceived > 0) return;
        channel.destroy(cutOff(channel, this.#overflow("firstMessageTimeout")));
      });
    }, firstMessageTimeout).unref();
  }

  #look(): void {
    let isAnybodyThere = false;
    for (const user of this.#users.values()) {
      if (user.channels.size > 0) isAnybodyThere = true;
      const fullest = user.measure();
      const isOver = user.queuedBytes > this.#limits.queuedBytes;
      if (isOver && user.wasOver && fullest !== undefined)
        fullest.destroy(cutOff(fullest, this.#overflow("queuedBytes")));
      user.wasOver = isOver;
    }
    if (isAnybodyThere) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}

function cutOff(channel: AnyChannel, cause: QuotaError): ChannelError {
  const { mechanism } = channel.traits;
  return new ChannelError("ERR_ACCESS_DENIED", `Cut off from ${mechanism}: ${cause.message}`, {
    operation: "receive",
    mechanism,
    cause,
  });
}

/**
 * Limits what each user takes of this process, however many connections that is spread over: a uid, a certificate, or (over TCP without one) an address, of IPv6 a /64. One who meets a limit is refused, and
 * counted; the others do not notice.
 *
 * @param limits - for each user; 1 or more each
 * @throws TypeError or RangeError for limits that are none
 * @example
 * ```ts run
 * import { UnixSocket } from "sluice";
 * import { quota } from "sluice/daemon";
 * import { createClient, serve } from "sluice/rpc";
 *
 * const limits = quota({ connections: 4, callsInFlight: 1, messagesPerSecond: 1000, firstMessageTimeout: 5000 });
 * const methods = { wait: (ms: number) => new Promise((resolve) => setTimeout(resolve, ms)) };
 * const path = `/tmp/sluice-example-quota-${process.pid}.sock`;
 * await using server = serve(await UnixSocket.listen(path), methods, { admit: limits.admit, onCall: limits.onCall });
 * await using client = createClient<typeof methods>(await UnixSocket.connect(path));
 * const [first, second] = await Promise.allSettled([client.wait(10), client.wait(10)]);
 * console.log(first.status, second.status, limits.overflows.callsInFlight, server.peers); // fulfilled rejected 1 1
 * ```
 */
export function quota(limits: QuotaLimits): Quota {
  return new UserQuota(resolveLimits(limits));
}
