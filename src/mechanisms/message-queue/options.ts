import type { Channel } from "../../core/channel.js";
import { type ChannelOptions, checkCount, checkOptions } from "../../core/options.js";
import type { ChannelTraits } from "../../core/traits.js";
import { describe } from "../../core/wait.js";
import type { Allow, AllowFunction, Authorisation } from "../authorise.js";
import { resolveOwners } from "../trusted-owner.js";

/** Which of the system's two kinds of queue: mq_overview(7) or sysvipc(7). */
export type MessageQueueKind = "posix" | "sysv";

/** What tells one queue from all others. */
export interface MessageQueueIdentity {
  /** `"posix"` by default. */
  readonly kind?: MessageQueueKind | undefined;
  /**
   * System V, named by a path: the project id of ftok(3), 1 to 255; 1 by default. The key is made of its lowest 8 bits, those of the path's device, and the lowest 16 of
   * its inode, so two paths may have the same key, and a file that is made anew has another.
   */
  readonly projectId?: number | undefined;
}

/** Options of `MessageQueue.open`. */
export interface MessageQueueOptions<Out, In>
  extends Omit<ChannelOptions<Out, In>, "halfOpen">, MessageQueueIdentity {
  /**
   * What this side does: it asks for the right to do that alone. `"both"` by default; such a channel may receive what it has sent itself.
   */
  readonly direction?: ChannelTraits["direction"] | undefined;
  /** Makes the queue where it is missing. `false` by default: `ERR_NO_PEER`. */
  readonly create?: boolean | undefined;
  /** With `create`: a queue that exists is `ERR_ADDRESS_IN_USE` (O_EXCL). `false` by default: it is opened. */
  readonly exclusive?: boolean | undefined;
  /** The rights of a queue that is made, 0 to 0o777, exactly, whatever the umask. 0o600 by default. */
  readonly mode?: number | undefined;
  /**
   * How many messages the queue shall hold. One that is made holds so many (System V counts bytes, and gets room for so many of the largest); one that
   * exists and holds fewer is `ERR_ADDRESS_IN_USE`. Without this option it is as the system makes it: 10 messages by default on POSIX queues
   * (`fs.mqueue.msg_default`), 16 KiB on System V queues (`kernel.msgmnb`).
   */
  readonly maxMessages?: number | undefined;
  /**
   * The largest message in bytes, after encoding. A POSIX queue that is made gets this limit for all its users; one that exists and takes only smaller messages is
   * `ERR_ADDRESS_IN_USE`. By default what the queue takes: 8,192 bytes where the system's limits are untouched (`fs.mqueue.msgsize_default`, `kernel.msgmax`).
   */
  readonly maxMessageSize?: number | undefined;
  /**
   * Who may own a queue that exists: anybody could have made one of this name before, to read what you send. `"self"` by default: this user, or root.
   */
  readonly allow?: Exclude<Allow, AllowFunction> | undefined;
}

/** What is known of a queue at a moment. */
export interface MessageQueueStatus {
  /** Messages that wait. */
  readonly messages: number;
  /** Bytes of all messages that wait. `undefined` on a POSIX queue that is open for sending only. */
  readonly bytes: number | undefined;
  /** Messages that the queue holds at most. */
  readonly maxMessages: number;
  /** Bytes that the queue holds at most. */
  readonly maxBytes: number;
  /** Bytes of the largest message that it takes. */
  readonly maxMessageSize: number;
  /** Who has sent last: a process id, 0 for nobody yet. System V only. */
  readonly lastSender: number | undefined;
  /** Who has received last: a process id, 0 for nobody yet. System V only. */
  readonly lastReceiver: number | undefined;
}

/** A {@link Channel} over a message queue. */
export interface MessageQueueChannel<Out, In = Out> extends Channel<Out, In> {
  /**
   * What is known of the queue now. It says nothing of messages that wait in this process for room.
   *
   * @throws ChannelError `ERR_CHANNEL_CLOSED` after `close`, `ERR_NO_PEER` for a System V queue that was removed, `ERR_ACCESS_DENIED` for one that may not be read
   */
  stat(): MessageQueueStatus;
}

/** What a queue is opened with, all of it checked. */
export interface Plan {
  readonly direction: ChannelTraits["direction"];
  readonly create: boolean;
  readonly exclusive: boolean;
  readonly mode: number;
  readonly maxMessages: number | undefined;
  readonly maxMessageSize: number | undefined;
  readonly authorisation: Authorisation;
}

const MOST = 2 ** 31 - 1;

/** Checks what both kinds of queue have in common. */
export function planQueue(options: MessageQueueOptions<never, unknown>): Plan {
  checkOptions(options);
  checkChoice("direction", options.direction, ["send", "receive", "both"]);
  checkBoolean("create", options.create);
  checkBoolean("exclusive", options.exclusive);
  const { create = false, exclusive = false, maxMessages, maxMessageSize } = options;
  if (exclusive && !create) throw new TypeError("options.exclusive needs options.create, received true");
  if (maxMessages !== undefined) checkCount("options.maxMessages", maxMessages, 1, MOST);
  if (maxMessageSize !== undefined) checkCount("options.maxMessageSize", maxMessageSize, 1, MOST);
  return {
    direction: options.direction ?? "both",
    create,
    exclusive,
    mode: checkCount("options.mode", options.mode ?? 0o600, 0, 0o777),
    maxMessages,
    maxMessageSize,
    authorisation: resolveOwners(options.allow, "the owner of a queue has no pid"),
  };
}

/** Throws unless the value is one of these or absent. */
export function checkChoice(name: string, value: string | undefined, choices: readonly string[]): void {
  if (value !== undefined && !choices.includes(value)) {
    const list = choices.map((choice) => JSON.stringify(choice)).join(" or ");
    throw new TypeError(`options.${name} must be ${list}, received ${describe(value)}`);
  }
}

function checkBoolean(name: string, value: boolean | undefined): void {
  if (value !== undefined && typeof value !== "boolean") {
    throw new TypeError(`options.${name} must be a boolean, received ${describe(value)}`);
  }
}
