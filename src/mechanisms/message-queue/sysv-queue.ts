import { checkCount } from "../../core/options.js";
import { reached } from "../../core/step.js";
import { describe } from "../../core/wait.js";
import {
  EEXIST,
  EIDRM,
  EINVAL,
  ENOENT,
  ENOSPC,
  EPERM,
  loadCore,
  MSG_CAPACITY,
  MSG_GID,
  MSG_STATUS_LENGTH,
  MSG_UID,
  type NativeCore,
} from "../../native/binding.js";
import type { Plan } from "./options.js";
import { checkOwner, checkSize, type Place, queueFailed, queueRefused } from "./queue-errors.js";
import { describeLimit, systemLimit } from "./system-limits.js";

const { statSync } = process.getBuiltinModule("node:fs");

const ATTEMPTS = 100;
/** Where /proc does not tell kernel.msgmax. */
const USUAL_MESSAGE_SIZE = 8192;

/** Which System V queue is meant. */
export interface SysvPlace extends Place {
  /** The key, as msgget(2) takes it. */
  readonly key: number;
}

/** A System V queue. It has an id and no descriptor: nothing is to be closed. */
export interface SysvQueue {
  readonly id: number;
  /** Bytes of the largest message. */
  readonly messageSize: number;
  /** Whether it was made just now. */
  readonly isNew: boolean;
}

/** The place of a key, or of a path with a project id. Throws what is wrong with it, or with the path. */
export function sysvPlace(name: unknown, projectId: number | undefined): SysvPlace {
  if (projectId !== undefined) checkCount("options.projectId", projectId, 1, 255);
  if (typeof name === "number") {
    if (projectId !== undefined) {
      throw new TypeError(`options.projectId goes with a path, received ${projectId} with the key ${name}`);
    }
    // Shells and ipcs(1) show keys without a sign. 0 is IPC_PRIVATE, a queue that nobody else could open.
    if (!Number.isInteger(name) || name === 0 || name < -(2 ** 31) || name >= 2 ** 32) {
      throw new RangeError(`name must be a key of 32 bits other than 0, received ${name}`);
    }
    const address = `0x${(name >>> 0).toString(16).padStart(8, "0")}`;
    return { kind: "sysv", address, key: name | 0 };
  }
  if (typeof name !== "string" || name === "" || name.includes("\0")) {
    throw new TypeError(
      `name must be a key, such as 0x1234, or a path that exists, received ${describe(name)}`,
    );
  }
  return { kind: "sysv", address: name, key: keyOf(name, projectId ?? 1) };
}

/** The key that ftok(3) makes of a path. */
function keyOf(path: string, projectId: number): number {
  try {
    const { ino, dev } = statSync(path, { bigint: true });
    return Number(BigInt.asIntN(32, (ino & 0xffffn) | ((dev & 0xffn) << 16n) | (BigInt(projectId) << 24n)));
  } catch (error) {
    const { errno } = error as NodeJS.ErrnoException;
    if (errno === undefined) throw error;
    const hint = "the path names the queue and must exist, on every side";
    throw queueFailed(errno, { kind: "sysv", address: path }, "find", { syscall: "stat", hint });
  }
}

/** Opens or makes a queue as planned. */
export function openSysvQueue(place: SysvPlace, plan: Plan): SysvQueue {
  const core = loadCore();
  const { IPC_CREAT = 0, IPC_EXCL = 0 } = core.constants;
  const access = { send: 0o200, receive: 0o400, both: 0o600 }[plan.direction];
  const messageSize = checkMessageSize(place, plan);
  const capacity = plan.maxMessages === undefined ? undefined : plan.maxMessages * messageSize;
  for (let attempt = 0; ; attempt++) {
    if (!plan.exclusive) {
      const id = core.msgGet(place.key, access);
      if (id >= 0) return examine(core, id, place, plan, messageSize, capacity);
      if (id !== -ENOENT || !plan.create) throw openFailed(id, place, plan);
    }
    const id = core.msgGet(place.key, IPC_CREAT | IPC_EXCL | plan.mode);
    if (id >= 0) return settle(core, id, place, plan, messageSize, capacity);
    if (id !== -EEXIST || plan.exclusive || attempt === ATTEMPTS) throw openFailed(id, place, plan);
  }
}

/** Removes a queue, and all messages in it, at once. */
export function removeSysvQueue(place: SysvPlace): void {
  const core = loadCore();
  const id = core.msgGet(place.key, 0);
  const result = id < 0 ? id : core.msgRemove(id);
  if (result < 0)
    throw queueFailed(result, place, "unlink", {
      syscall: id < 0 ? "msgget" : "msgctl",
      code: isGone(result) ? "ERR_NO_PEER" : undefined,
    });
}

/** Whether this result of a call with an id says that the queue is no more. */
export function isGone(result: number): boolean {
  return result === -EIDRM || result === -EINVAL;
}

function checkMessageSize(place: Place, plan: Plan): number {
  const most = systemLimit("kernel.msgmax");
  const wanted = plan.maxMessageSize;
  if (wanted === undefined || most === undefined || wanted <= most)
    return wanted ?? most ?? USUAL_MESSAGE_SIZE;
  const text = `options.maxMessageSize is ${wanted}, and the system's limit ${describeLimit("kernel.msgmax")}`;
  throw queueRefused("ERR_ACCESS_DENIED", place, "open", text);
}

function examine(
  core: NativeCore,
  id: number,
  place: Place,
  plan: Plan,
  messageSize: number,
  wanted: number | undefined,
): SysvQueue {
  const status = new BigInt64Array(MSG_STATUS_LENGTH);
  const result = core.msgStatus(id, status);
  if (result >= 0) {
    checkOwner(place, plan.authorisation, Number(status[MSG_UID]), Number(status[MSG_GID]));
    const found = Number(status[MSG_CAPACITY]);
    checkSize(place, "a capacity in bytes of", wanted, found);
    checkSize(place, "a capacity in bytes of", plan.maxMessageSize, found);
    // A message that is larger than the queue would wait for ever.
    return { id, messageSize: Math.min(messageSize, found), isNew: false };
  }
  if (isGone(result)) throw queueFailed(result, place, "open", { syscall: "msgctl", code: "ERR_NO_PEER" });
  // Who owns it is told to those who may read it. Everybody else has to trust it.
  if (plan.direction === "send" && plan.authorisation.isOpen) return { id, messageSize, isNew: false };
  const hint = 'the owner is told only to those who may read; { allow: "anyone" } asks for no owner';
  throw queueFailed(result, place, "open", { syscall: "msgctl", hint });
}

function settle(
  core: NativeCore,
  id: number,
  place: Place,
  plan: Plan,
  messageSize: number,
  wanted: number | undefined,
): SysvQueue {
  STEP: reached("sysv queue: made");
  const usual = systemLimit("kernel.msgmnb") ?? messageSize;
  const capacity =
    wanted ?? (plan.maxMessageSize !== undefined && messageSize > usual ? messageSize : undefined);
  if (capacity !== undefined) {
    const result = core.msgSetCapacity(id, capacity);
    if (result < 0) {
      core.msgRemove(id);
      const hint =
        result === -EPERM
          ? `${capacity} bytes for maxMessages × maxMessageSize are over the system's limit: ${describeLimit("kernel.msgmnb")}`
          : undefined;
      throw queueFailed(result, place, "create", { syscall: "msgctl", hint });
    }
  }
  STEP: reached("sysv queue: capacity set");
  return { id, messageSize: Math.min(messageSize, capacity ?? usual), isNew: true };
}

function openFailed(result: number, place: Place, plan: Plan): Error {
  const syscall = "msgget";
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
        hint: "open it without options.exclusive, choose another key, or remove it with MessageQueue.unlink()",
      });
    case -ENOSPC:
      return queueFailed(result, place, operation, {
        syscall,
        hint: `the system has no room for more queues: ${describeLimit("kernel.msgmni")}`,
      });
    default:
      return queueFailed(result, place, operation, { syscall });
  }
}
