import { checkCount, checkOptions } from "../../core/options.js";
import { checkDuration } from "../../core/wait.js";

/** What each user may have. What is left out has no limit. */
export interface QuotaLimits {
  /** Channels that are open at a time. */
  readonly connections?: number | undefined;
  /** Calls that run at a time, streams included. */
  readonly callsInFlight?: number | undefined;
  /**
   * Bytes that wait in the queues of the user's channels, in and out, and for them: answers and publications. Looked at every 50 ms: while they are over the limit calls are refused, and if they still are at the
   * next look, the channel with the most of them is cut off.
   */
  readonly queuedBytes?: number | undefined;
  /**
   * Calls, notifications, subscriptions and connections a second; as many may come at once after a rest. Those that are refused count as well: who sends on at twice the rate loses the channel,
   * and comes in again once the rest is long enough.
   */
  readonly messagesPerSecond?: number | undefined;
  /** Descriptors that the user has sent and that are neither closed nor taken: see {@link Quota.keep}. */
  readonly descriptors?: number | undefined;
  /** Milliseconds within which a channel's first whole message must come, else it is cut off. */
  readonly firstMessageTimeout?: number | undefined;
}

/** A limit that a user has met. */
export type QuotaName = keyof QuotaLimits;

/** The names of all limits. */
export const QUOTA_NAMES: readonly QuotaName[] = [
  "connections",
  "callsInFlight",
  "queuedBytes",
  "messagesPerSecond",
  "descriptors",
  "firstMessageTimeout",
];

/** Limits with nothing left open. */
export type Limits = Readonly<Record<QuotaName, number>>;

/** Checks and completes limits. */
export function resolveLimits(limits: QuotaLimits): Limits {
  checkOptions(limits);
  for (const name of Object.keys(limits))
    if (!QUOTA_NAMES.includes(name as QuotaName))
      throw new TypeError(`limits.${name} is unknown; known are ${QUOTA_NAMES.join(", ")}`);
  const { firstMessageTimeout = Infinity } = limits;
  checkDuration("firstMessageTimeout", firstMessageTimeout);
  const count = (name: QuotaName): number =>
    limits[name] === undefined
      ? Infinity
      : checkCount(`limits.${name}`, limits[name], 1, Number.MAX_SAFE_INTEGER);
  return {
    connections: count("connections"),
    callsInFlight: count("callsInFlight"),
    queuedBytes: count("queuedBytes"),
    messagesPerSecond: count("messagesPerSecond"),
    descriptors: count("descriptors"),
    firstMessageTimeout,
  };
}

/** A user has met a limit. Over rpc the caller gets it as a `RemoteError` with the same code and data. */
export class QuotaError extends Error {
  /** For texts. */
  override readonly name = "QuotaError";
  /** The one code of all quotas. */
  readonly code = "ERR_QUOTA_EXCEEDED";
  /** Which limit it was. */
  readonly data: {
    /** Its name. */
    readonly quota: QuotaName;
    /** Its value. */
    readonly limit: number;
  };

  /**
   * @param quota - the limit
   * @param limit - its value
   */
  constructor(quota: QuotaName, limit: number) {
    super(`this user's quota is used up: ${quota} (${limit})`);
    this.data = { quota, limit };
  }
}
