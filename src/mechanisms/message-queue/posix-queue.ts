import { reached } from "../../core/step.js";
import { describe } from "../../core/wait.js";
import {
  EEXIST,
  EINVAL,
  EMFILE,
  ENOENT,
  ENOSPC,
  loadCore,
  MQ_ATTRIBUTES_LENGTH,
  MQ_MESSAGE_SIZE,
  MQ_MOST_MESSAGES,
  type NativeCore,
  STATUS_GID,
  STATUS_LENGTH,
  STATUS_UID,
} from "../../native/binding.js";
import type { Plan } from "./options.js";
import { checkOwner, checkSize, type Place, queueFailed } from "./queue-errors.js";
import { describeLimit, systemLimit } from "./system-limits.js";

/** What another process does with the name meanwhile may make it come and go, but not for ever. */
const ATTEMPTS = 100;

/** A POSIX queue, open. */
export interface OpenQueue {
  readonly fd: number;
  /** Bytes of the largest message. */
  readonly messageSize: number;
  /** Whether it was made just now. */
  readonly isNew: boolean;
}

/** The place of a name such as "/jobs". Throws what is wrong with it. See mq_overview(7). */
export function posixPlace(name: unknown): Place {
  if (typeof name !== "string")
    throw new TypeError(`name must be a string such as "/jobs", received ${describe(name)}`);
  const bare = name.slice(1);
  if (!name.startsWith("/") || bare === "" || bare === "." || bare === ".." || /[/\0]/.test(bare)) {
    throw new TypeError(
      `name must be a slash and one name such as "/jobs", with no further slash and no NUL, received ${describe(name)}`,
    );
  }
  const length = Buffer.byteLength(bare);
  if (length > 255)
    throw new RangeError(`name must have at most 255 bytes after its slash, received ${length}`);
  return { kind: "posix", address: name };
}

/** Opens or makes a queue as planned. */
export function openPosixQueue(place: Place, plan: Plan): OpenQueue {
  const core = loadCore();
  const { O_RDONLY = 0, O_WRONLY = 0, O_RDWR = 0, O_CREAT = 0, O_EXCL = 0 } = core.constants;
  const access = { send: O_WRONLY, receive: O_RDONLY, both: O_RDWR }[plan.direction];
  for (let attempt = 0; ; attempt++) {
    if (!plan.exclusive) {
      const fd = core.mqOpen(place.address, access, 0, 0, 0);
      if (fd >= 0) return checked(core, fd, () => examine(core, fd, place, plan));
      if (fd !== -ENOENT || !plan.create) throw openFailed(fd, place, plan, 0, 0);
    }
    // Made by itself, so that it is known who has made it and whose limits it has.
    const messages = plan.maxMessages ?? usual("fs.mqueue.msg_default", "fs.mqueue.msg_max");
    const size = plan.maxMessageSize ?? usual("fs.mqueue.msgsize_default", "fs.mqueue.msgsize_max");
    const fd = core.mqOpen(place.address, access | O_CREAT | O_EXCL, plan.mode, messages, size);
    if (fd >= 0) return checked(core, fd, () => settle(core, fd, place, plan, size));
    if (fd !== -EEXIST || plan.exclusive || attempt === ATTEMPTS)
      throw openFailed(fd, place, plan, messages, size);
  }
}

/** Removes a name; whoever has the queue open keeps it. */
export function unlinkPosixQueue(place: Place): void {
  const result = loadCore().mqUnlink(place.address);
  if (result < 0) throw queueFailed(result, place, "unlink", { syscall: "mq_unlink" });
}

function checked(core: NativeCore, fd: number, examineIt: () => OpenQueue): OpenQueue {
  try {
    return examineIt();
  } catch (error) {
    core.close(fd);
    throw error;
  }
}

/** The umask may have taken rights away that were asked for. */
function settle(core: NativeCore, fd: number, place: Place, plan: Plan, messageSize: number): OpenQueue {
  STEP: reached("posix queue: made");
  const result = core.setMode(fd, plan.mode);
  STEP: reached("posix queue: mode set");
  if (result >= 0) return { fd, messageSize, isNew: true };
  core.mqUnlink(place.address);
  throw queueFailed(result, place, "create", { syscall: "fchmod" });
}

function examine(core: NativeCore, fd: number, place: Place, plan: Plan): OpenQueue {
  const status = new BigInt64Array(STATUS_LENGTH);
  const statusResult = core.status(fd, status);
  if (statusResult < 0) throw queueFailed(statusResult, place, "open", { syscall: "statx" });
  checkOwner(place, plan.authorisation, Number(status[STATUS_UID]), Number(status[STATUS_GID]));
  const attributes = new BigInt64Array(MQ_ATTRIBUTES_LENGTH);
  const result = core.mqAttributes(fd, attributes);
  if (result < 0) throw queueFailed(result, place, "open", { syscall: "mq_getattr" });
  const messageSize = Number(attributes[MQ_MESSAGE_SIZE]);
  checkSize(place, "maxMessages", plan.maxMessages, Number(attributes[MQ_MOST_MESSAGES]));
  checkSize(place, "maxMessageSize", plan.maxMessageSize, messageSize);
  return { fd, messageSize, isNew: false };
}

/** What mq_open(3) takes by itself when it is told no limits. */
function usual(
  normal: "fs.mqueue.msg_default" | "fs.mqueue.msgsize_default",
  most: "fs.mqueue.msg_max" | "fs.mqueue.msgsize_max",
): number {
  const least = normal === "fs.mqueue.msg_default" ? 10 : 8192;
  return Math.min(systemLimit(normal) ?? least, systemLimit(most) ?? least);
}

function openFailed(result: number, place: Place, plan: Plan, messages: number, size: number): Error {
  const syscall = "mq_open";
  const operation = plan.create ? "create" : "open";
  switch (result) {
    case -ENOENT:
      return queueFailed(result, place, operation, {
        syscall,
        code: "ERR_NO_PEER",
        hint: "make it with { create: true }",
      });
    case -EEXIST:
      return queueFailed(result, place, operation, {
        syscall,
        hint: "open it without options.exclusive, choose another name, or remove it with MessageQueue.unlink()",
      });
    case -EINVAL: {
      const limits = `${describeLimit("fs.mqueue.msg_max")}, ${describeLimit("fs.mqueue.msgsize_max")}`;
      return queueFailed(result, place, operation, {
        syscall,
        code: "ERR_ACCESS_DENIED",
        hint: `of maxMessages ${messages} and maxMessageSize ${size} one is over the system's limit: ${limits}`,
      });
    }
    case -EMFILE:
      return queueFailed(result, place, operation, {
        syscall,
        hint: `either this process has too many descriptors open (RLIMIT_NOFILE), or ${messages} messages of ${size} bytes are more than the user's queues may hold (RLIMIT_MSGQUEUE)`,
      });
    case -ENOSPC:
      return queueFailed(result, place, operation, {
        syscall,
        hint: `the system has no room for more queues: ${describeLimit("fs.mqueue.queues_max")}`,
      });
    default:
      return queueFailed(result, place, operation, { syscall });
  }
}
