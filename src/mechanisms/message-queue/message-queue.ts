import { bytes } from "../../codec/index.js";
import { extend } from "../../core/extend.js";
import { checkCount, checkMethods, checkOptions, resolveQueueLimits } from "../../core/options.js";
import type { ChannelTraits } from "../../core/traits.js";
import { loadCore } from "../../native/binding.js";
import {
  checkChoice,
  type MessageQueueChannel,
  type MessageQueueIdentity,
  type MessageQueueOptions,
  planQueue,
} from "./options.js";
import { PosixPort } from "./posix-port.js";
import { openPosixQueue, posixPlace, unlinkPosixQueue } from "./posix-queue.js";
import { QueueChannel } from "./queue-channel.js";
import type { Place } from "./queue-errors.js";
import type { QueuePort } from "./queue-port.js";
import { SysvPort } from "./sysv-port.js";
import { openSysvQueue, removeSysvQueue, sysvPlace } from "./sysv-queue.js";

const TRAITS: Omit<ChannelTraits, "direction" | "maxMessageSize"> = {
  mechanism: "message-queue",
  boundaries: "kernel",
  ordered: true,
  reliable: true,
  scope: "host",
  peerIdentity: "none",
  persistent: true,
  passesHandles: false,
};

/**
 * Message queues of the kernel: whole messages that wait in the system until somebody takes them, whether or not the sender still lives. Any number of processes
 * may send and receive on one queue; each message goes to one of them.
 *
 * - *POSIX* queues, mq_overview(7): a name such as `"/jobs"`, and a priority of 0 to 32767 with each message; the highest is received first.
 * - *System V* queues, sysvipc(7): a key or a path, and a type with each message; a receiver may ask for one type, or for the lowest up to one.
 *
 * A queue has no peer: nothing tells of a process that leaves, and there is no end but the removal of a System V queue. It stays, with its messages, until
 * {@link MessageQueue.unlink} or a restart of the system.
 */
export class MessageQueue {
  private constructor() {
    throw new TypeError("MessageQueue has no instances; use MessageQueue.open()");
  }

  /** Opens a queue to send. */
  static open<Out = Uint8Array>(
    name: string | number,
    options: MessageQueueOptions<Out, unknown> & { readonly direction: "send" },
  ): Promise<MessageQueueChannel<Out, never>>;
  /** Opens a queue to receive. */
  static open<In = Buffer>(
    name: string | number,
    options: MessageQueueOptions<never, In> & { readonly direction: "receive" },
  ): Promise<MessageQueueChannel<never, In>>;
  /** Opens a queue that carries bytes. */
  static open(
    name: string | number,
    options?: MessageQueueOptions<Uint8Array, Buffer>,
  ): Promise<MessageQueueChannel<Uint8Array, Buffer>>;
  /**
   * Opens a queue, or makes it. Fulfils when it is open, which never waits for anybody.
   *
   * `send(message, { priority })` is for POSIX queues, 0 by default; `send(message, { type })` for System V queues, 1 by default. Messages of one priority or
   * type keep the order in which they were sent. When the queue is full, messages wait in the channel's `sendQueue`, in the order of `send` whatever their priority, and
   * `send` waits when that is full too. `flush` tells when all are in the kernel's queue, where they outlive this process.
   *
   * `receive({ type })` on a System V queue: a positive type takes the next message of that type, 0 (the default) the next of all, a negative one the first
   * of the lowest type up to its absolute value. `receiveEnvelope` tells a message's `priority` or `type`.
   *
   * Nothing is read ahead: a message is taken from the kernel when a receive is there to get it, so that none is lost with a channel that closes. `receiveQueue` only
   * limits what one `receiveMany` takes. A message over `maxMessageSize` is taken, dropped and told by `ERR_MESSAGE_TOO_LARGE`.
   *
   * @param name - POSIX: a slash and one name of 1 to 255 bytes. System V: a key of 32 bits, or a path that exists, of which ftok(3) makes the key
   * @param options - kind, direction, how to make the queue, codec and limits
   * @returns the channel. The call rejects with `ERR_NO_PEER` where there is no such queue, `ERR_ADDRESS_IN_USE` for one that exists although `exclusive`, or is too small,
   *   `ERR_ACCESS_DENIED` where rights are missing, `allow` does not name its owner, or a limit of the system refuses what is asked for (the text names it: `fs.mqueue.msg_max`,
   *   `fs.mqueue.msgsize_max`, `kernel.msgmax`, `kernel.msgmnb`), `ERR_SYSTEM` where there are too many (RLIMIT_MSGQUEUE, `fs.mqueue.queues_max`, `kernel.msgmni`), a
   *   `TypeError` or `RangeError` for a wrong argument, and `ERR_UNSUPPORTED` without the native core
   * @example
   * ```ts run
   * import { json, MessageQueue } from "sluice";
   *
   * const name = `/jobs-${process.pid}`;
   * const codec = json<{ job: number }>();
   * await using queue = await MessageQueue.open(name, { codec, create: true });
   * await queue.send({ job: 1 });
   * await queue.send({ job: 2 }, { priority: 5 });
   * console.log(await queue.receive()); // { job: 2 }
   * console.log(queue.stat().messages); // 1
   * MessageQueue.unlink(name);
   * ```
   */
  static open<Out, In = Out>(
    name: string | number,
    options: MessageQueueOptions<Out, In>,
  ): Promise<MessageQueueChannel<Out, In>>;
  // eslint-disable-next-line @typescript-eslint/require-await -- wrong arguments reject, as in all waiting calls
  static async open(
    name: string | number,
    options: MessageQueueOptions<never, unknown> = {},
  ): Promise<MessageQueueChannel<never, unknown>> {
    const plan = planQueue(options);
    const codec = options.codec ?? bytes();
    checkMethods("options.codec", codec, ["encode", "decode"]);
    resolveQueueLimits("sendQueue", options.sendQueue);
    resolveQueueLimits("receiveQueue", options.receiveQueue);
    const channelOver = (
      port: QueuePort,
      place: Place,
      maxMessageSize: number,
    ): MessageQueueChannel<never, unknown> => {
      const traits = extend(TRAITS, { direction: plan.direction, maxMessageSize });
      return new QueueChannel(
        port,
        extend(options, { maxMessageSize, codec, traits, address: place.address }),
      );
    };
    if (kindOf(options) === "sysv") {
      const place = sysvPlace(name, options.projectId);
      const queue = openSysvQueue(place, plan);
      const limit = options.maxMessageSize ?? queue.messageSize;
      try {
        return channelOver(new SysvPort(queue, place, limit), place, limit);
      } catch (error) {
        // Nobody has it: left there, it would be in the way of the next attempt.
        if (queue.isNew) loadCore().msgRemove(queue.id);
        throw error;
      }
    }
    const place = posixPlace(name);
    const queue = openPosixQueue(place, plan);
    try {
      return channelOver(new PosixPort(queue, place), place, options.maxMessageSize ?? queue.messageSize);
    } catch (error) {
      const core = loadCore();
      core.close(queue.fd);
      if (queue.isNew) core.mqUnlink(place.address);
      throw error;
    }
  }

  /**
   * Removes a queue.
   *
   * A POSIX queue loses its name: channels that have it open go on, with the messages in it, until the last closes. A System V queue is gone at once with all its
   * messages: for its channels that is the end (`ERR_END_OF_CHANNEL` for receives, `ERR_PEER_DIED` for messages that did not leave).
   *
   * @param name - as for {@link MessageQueue.open}
   * @param options - `kind`, and `projectId` with a path
   * @throws ChannelError `ERR_NO_PEER` when there is no such queue, `ERR_ACCESS_DENIED` when it belongs to somebody else, `ERR_UNSUPPORTED`; a TypeError or RangeError for a
   *   wrong argument
   * @example
   * ```ts run
   * import { MessageQueue } from "sluice";
   *
   * const queue = await MessageQueue.open(0x5eed, { kind: "sysv", create: true });
   * MessageQueue.unlink(0x5eed, { kind: "sysv" });
   * for await (const message of queue) console.log(message); // ends at once
   * ```
   */
  static unlink(name: string | number, options: MessageQueueIdentity = {}): void {
    checkOptions(options);
    if (kindOf(options) === "sysv") removeSysvQueue(sysvPlace(name, options.projectId));
    else unlinkPosixQueue(posixPlace(name));
  }
}

function kindOf({ kind, projectId }: MessageQueueIdentity): "posix" | "sysv" {
  checkChoice("kind", kind, ["posix", "sysv"]);
  if (kind === "sysv") return kind;
  if (projectId !== undefined) {
    checkCount("options.projectId", projectId, 1, 255);
    throw new TypeError(`options.projectId needs { kind: "sysv" }, received ${projectId}`);
  }
  return "posix";
}
