import type { Address } from "../core/channel.js";
import { ChannelError, type ErrorCode } from "../core/errors.js";
import type { Mechanism } from "../core/traits.js";
import * as errno from "./constants.js";

const { getSystemErrorMap } = process.getBuiltinModule("node:util");

/** What {@link fromErrno} is told of the operation that failed. */
export interface ErrnoDetails {
  /** What was being done, one word: `"send"`, `"connect"`, `"listen"`, … */
  readonly operation: string;
  /** The mechanism it was done with. */
  readonly mechanism?: Mechanism | undefined;
  /** The address it was done to. */
  readonly address?: Address | undefined;
  /** The system call that refused. */
  readonly syscall?: string | undefined;
  /** The code, where the errno alone does not tell. */
  readonly code?: ErrorCode | undefined;
  /** The beginning of the text after "Cannot ", with the current value: `connect to unix socket "/run/a.sock"`. */
  readonly action?: string | undefined;
  /** The way out, appended to the text. */
  readonly hint?: string | undefined;
  /** The whole text, instead of one made of action, reason and hint. */
  readonly message?: string | undefined;
  /** The error beneath. */
  readonly cause?: unknown;
}

const codes: ReadonlyMap<number, ErrorCode> = new Map<number, ErrorCode>([
  [errno.EPERM, "ERR_ACCESS_DENIED"],
  [errno.EACCES, "ERR_ACCESS_DENIED"],
  [errno.EROFS, "ERR_ACCESS_DENIED"],
  [errno.EEXIST, "ERR_ADDRESS_IN_USE"],
  [errno.EADDRINUSE, "ERR_ADDRESS_IN_USE"],
  [errno.ENOENT, "ERR_NO_PEER"],
  [errno.ESRCH, "ERR_NO_PEER"],
  [errno.ENXIO, "ERR_NO_PEER"],
  [errno.ECONNREFUSED, "ERR_NO_PEER"],
  [errno.EPIPE, "ERR_PEER_DIED"],
  [errno.ECONNRESET, "ERR_PEER_DIED"],
  [errno.ECONNABORTED, "ERR_PEER_DIED"],
  [errno.EMSGSIZE, "ERR_MESSAGE_TOO_LARGE"],
  [errno.ENOSYS, "ERR_UNSUPPORTED"],
  [errno.EOPNOTSUPP, "ERR_UNSUPPORTED"],
  [errno.ENOPROTOOPT, "ERR_UNSUPPORTED"],
  [errno.ETIMEDOUT, "ERR_TIMEOUT"],
]);

// "Nobody is there" is what these mean when a peer was looked for. Where something was to be made, a folder is missing.
const making: ReadonlySet<string> = new Set(["create", "listen", "bind", "poll"]);
const missingPeer: ReadonlySet<number> = new Set([errno.ENOENT, errno.ENXIO]);

/** The error code for a negative errno of an operation, as {@link fromErrno} chooses it. */
export function codeOf(result: number, operation: string): ErrorCode {
  const number = Math.abs(result);
  if (missingPeer.has(number) && making.has(operation)) return "ERR_SYSTEM";
  return codes.get(number) ?? "ERR_SYSTEM";
}

// Node makes a new map of all errors at each call.
let names: ReturnType<typeof getSystemErrorMap> | undefined;

/** The name and the meaning of an errno: `["EPIPE", "broken pipe"]`. */
export function describeErrno(result: number): readonly [name: string, meaning: string] {
  names ??= getSystemErrorMap();
  return names.get(-Math.abs(result)) ?? [`errno ${Math.abs(result)}`, "unknown system error"];
}

/**
 * The {@link ChannelError} for a negative result of the native core. Its text is action, reason in words with the errno's name, and
 * way out.
 *
 * @param result - a negative errno, as the core returned it
 * @param details - what was being done
 */
export function fromErrno(result: number, details: ErrnoDetails): ChannelError {
  const [name, meaning] = describeErrno(result);
  const action = details.action ?? details.operation;
  const hint = details.hint === undefined ? "" : `; ${details.hint}`;
  const text = details.message ?? `Cannot ${action}: ${meaning} (${name})${hint}`;
  return new ChannelError(details.code ?? codeOf(result, details.operation), text, {
    operation: details.operation,
    mechanism: details.mechanism,
    address: details.address,
    syscall: details.syscall,
    errno: Math.abs(result),
    cause: details.cause,
  });
}
