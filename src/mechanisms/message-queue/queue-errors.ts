import { ChannelError, type ErrorCode } from "../../core/errors.js";
import { type ErrnoDetails, fromErrno } from "../../native/binding.js";
import type { Authorisation } from "../authorise.js";
import { ownerRefusal } from "../trusted-owner.js";
import type { MessageQueueKind } from "./options.js";

/** Which queue an error is about. */
export interface Place {
  readonly kind: MessageQueueKind;
  /** As the user calls it: a name, a path, or a key in hexadecimal. */
  readonly address: string;
}

type More = Partial<Pick<ErrnoDetails, "code" | "hint" | "syscall">>;

/** "the POSIX message queue "/jobs"". */
export function describeQueue({ kind, address }: Place): string {
  return `the ${kind === "posix" ? "POSIX" : "System V"} message queue ${JSON.stringify(address)}`;
}

/** The error of an operation on a queue that this errno has refused. */
export function queueFailed(result: number, place: Place, operation: string, more: More): ChannelError {
  return fromErrno(result, {
    operation,
    mechanism: "message-queue",
    address: place.address,
    action: `${operation} ${describeQueue(place)}`,
    ...more,
  });
}

/** An error of an operation on a queue that no system call has refused. */
export function queueRefused(code: ErrorCode, place: Place, operation: string, text: string): ChannelError {
  return new ChannelError(code, `Cannot ${operation} ${describeQueue(place)}: ${text}`, {
    operation,
    mechanism: "message-queue",
    address: place.address,
  });
}

/** Throws unless a queue that was there already belongs to somebody who is trusted. */
export function checkOwner(place: Place, authorisation: Authorisation, uid: number, gid: number): void {
  const text = ownerRefusal(authorisation, uid, gid);
  if (text !== undefined) throw queueRefused("ERR_ACCESS_DENIED", place, "open", text);
}

/** Throws when a queue that was there already is too small for what was asked for. */
export function checkSize(place: Place, what: string, wanted: number | undefined, found: number): void {
  if (wanted === undefined || wanted <= found) return;
  const text = `it exists, with ${what} ${found} instead of ${wanted}; remove it with MessageQueue.unlink(), or ask for less`;
  throw queueRefused("ERR_ADDRESS_IN_USE", place, "open", text);
}
