import type { IncomingStatistics } from "./incoming.js";
import type { OutgoingStatistics } from "./outgoing.js";

/** What waits in a queue now. */
export interface QueueDepth {
  /** Messages. */
  readonly messages: number;
  /** Bytes of them, on streams with what the framing adds on the way out. */
  readonly bytes: number;
}

export const NOTHING_QUEUED: QueueDepth = { messages: 0, bytes: 0 };

/** Messages that nobody got, by cause. */
export interface DropCounts {
  /** Received and refused by the codec or its schema, whatever `onInvalid` says of them. */
  readonly invalid: number;
  /**
   * Come and not taken: over `maxMessageSize`, cut by the kernel, with more descriptors than may come; or signals lost in a burst. Each was told to the receiver
   * in line as an error.
   */
  readonly unusable: number;
  /** Received, and still waiting in the queue when this side ended the channel. */
  readonly unread: number;
  /** Accepted by `send`, and still in this process when the channel broke or was destroyed. */
  readonly unsent: number;
  /** Dropped by the system because nobody had read what came before: UDP only. */
  readonly lost: number;
}

/** The reason why messages were dropped. */
export type DropCause = keyof DropCounts;

/**
 * What a channel has done so far: a snapshot, which does not change. Bytes are those of the encoded messages. Counting is always on; it costs a few
 * additions for a message, often for a whole batch.
 */
export interface ChannelStatistics {
  /** Messages that `send` and its like have accepted, loans included. */
  readonly messagesSent: number;
  /** Bytes of them. */
  readonly bytesSent: number;
  /** Messages that have come, those that still wait in the queue included; `dropped.invalid` are among them. */
  readonly messagesReceived: number;
  /** Bytes of them. */
  readonly bytesReceived: number;
  /** Messages that are accepted and have not left this process. */
  readonly sendQueue: QueueDepth;
  /** Messages that have come and wait to be received. What waits in a shared ring, or in the kernel, is not known here. */
  readonly receiveQueue: QueueDepth;
  /** How often a call has waited because there was no room to send: the receiver is slower than this side. */
  readonly sendWaits: number;
  /** How often reading has stopped because the receive queue was full: this side is slower than the sender. */
  readonly readPauses: number;
  /** Messages that nobody got, by cause. */
  readonly dropped: DropCounts;
}

/** What a listener has done so far. */
export interface ListenerStatistics {
  /** Channels that have come. */
  readonly arrived: number;
  /** Those of them that wait for an `accept`. */
  readonly waiting: number;
}

/** The numbers of both halves of a channel as one snapshot. */
export function statisticsOf(
  sent: OutgoingStatistics,
  sendQueue: QueueDepth,
  received: IncomingStatistics,
  unsent: number,
  lost: number,
): ChannelStatistics {
  const { invalid, unusable, unread } = received;
  return {
    messagesSent: sent.messages,
    bytesSent: sent.bytes,
    messagesReceived: received.messages,
    bytesReceived: received.bytes,
    sendQueue,
    receiveQueue: received.queue,
    sendWaits: sent.waits,
    readPauses: received.pauses,
    dropped: { invalid, unusable, unread, unsent, lost },
  };
}
