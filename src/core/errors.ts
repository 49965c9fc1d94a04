import type { Address } from "./channel.js";
import type { Mechanism } from "./traits.js";

/**
 * What went wrong, as a value to branch on. `docs/errors.md` tells the cause and the way out of each.
 *
 * - `ERR_CHANNEL_CLOSED`: this side has called `close` or `destroy`.
 * - `ERR_END_OF_CHANNEL`: the peer has ended in an orderly way and all that had arrived was delivered.
 * - `ERR_PEER_DIED`: the peer went away without an orderly end, or can take no more messages.
 * - `ERR_NO_PEER`: nobody is there: no such path, nobody listens, no such process.
 * - `ERR_ADDRESS_IN_USE`: the address belongs to somebody else, who is alive, or the name exists.
 * - `ERR_ACCESS_DENIED`: the system's rights or the `allow` option refuse.
 * - `ERR_MESSAGE_TOO_LARGE`: a message is over a limit; nothing of it was sent or kept.
 * - `ERR_MESSAGE_TRUNCATED`: the end came, or the kernel cut, in the middle of a message.
 * - `ERR_INVALID_MESSAGE`: bytes that are no message of this framing or codec.
 * - `ERR_TIMEOUT`: the `timeout` of the call ran out.
 * - `ERR_UNSUPPORTED`: this mechanism, engine, platform or kernel cannot do it.
 * - `ERR_OWNER_DIED`: the owner of a lock died and nobody said that the data was repaired.
 * - `ERR_SYSTEM`: any other errno; see `errno` and `syscall`.
 */
export type ErrorCode =
  | "ERR_CHANNEL_CLOSED"
  | "ERR_END_OF_CHANNEL"
  | "ERR_PEER_DIED"
  | "ERR_NO_PEER"
  | "ERR_ADDRESS_IN_USE"
  | "ERR_ACCESS_DENIED"
  | "ERR_MESSAGE_TOO_LARGE"
  | "ERR_MESSAGE_TRUNCATED"
  | "ERR_INVALID_MESSAGE"
  | "ERR_TIMEOUT"
  | "ERR_UNSUPPORTED"
  | "ERR_OWNER_DIED"
  | "ERR_SYSTEM";

/** A step of a path, as some validators give it. */
export interface IssuePathStep {
  /** The name or number of the property. */
  readonly key: PropertyKey;
}

/** One thing that is wrong with a message. */
export interface MessageIssue {
  /** What is wrong, in the words of whoever has found it. */
  readonly message: string;
  /** Where in the message. Absent: the whole of it. */
  readonly path?: readonly (PropertyKey | IssuePathStep)[] | undefined;
}

/** What a {@link ChannelError} tells beside its text. */
export interface ErrorDetails {
  /** What was being done: `"send"`, `"connect"`, `"listen"`, … */
  readonly operation: string;
  /** The mechanism it was done with. */
  readonly mechanism?: Mechanism | undefined;
  /** The address it was done to. */
  readonly address?: Address | undefined;
  /** The system call that refused. */
  readonly syscall?: string | undefined;
  /** The system's error number, positive, as in errno(3). */
  readonly errno?: number | undefined;
  /** What is wrong with the message, part by part. */
  readonly issues?: readonly MessageIssue[] | undefined;
  /** The error beneath this one. */
  readonly cause?: unknown;
}

/**
 * Every operational error of sluice. Branch on {@link ChannelError.code}, never on the text, which may change.
 * A wrong argument is a `TypeError` or `RangeError` instead: that is a mistake in the program, not an event to handle.
 *
 * @example
 * ```ts run
 * import { ChannelError, MemoryChannel } from "sluice";
 *
 * const [left] = MemoryChannel.pair();
 * await left.close();
 * try {
 *   await left.send(Buffer.from("late"));
 * } catch (error) {
 *   if (error instanceof ChannelError && error.code === "ERR_CHANNEL_CLOSED") console.log("closed, as expected");
 * }
 * ```
 */
export class ChannelError extends Error {
  /** What kind of error it is, for texts. */
  override readonly name = "ChannelError";
  /** What went wrong, as a value to branch on. */
  readonly code: ErrorCode;
  /** What was being done. */
  readonly operation: string;
  /** The mechanism it was done with. */
  readonly mechanism?: Mechanism;
  /** The address it was done to. */
  readonly address?: Address;
  /** The system call that refused. */
  readonly syscall?: string;
  /** The system's error number, positive, as in errno(3). */
  readonly errno?: number;
  /** What is wrong with the message, part by part: with `ERR_INVALID_MESSAGE` from a codec with a schema, which gives them. */
  readonly issues?: readonly MessageIssue[];

  /**
   * @param code - what went wrong
   * @param message - the action, the current value, the way out, in words
   * @param details - what a program may want to know
   */
  constructor(code: ErrorCode, message: string, details: ErrorDetails) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.operation = details.operation;
    if (details.mechanism !== undefined) this.mechanism = details.mechanism;
    if (details.address !== undefined) this.address = details.address;
    if (details.syscall !== undefined) this.syscall = details.syscall;
    if (details.errno !== undefined) this.errno = details.errno;
    if (details.issues !== undefined) this.issues = details.issues;
  }
}

/** The error of an operation that the mechanism, engine, platform or kernel cannot do. */
export function unsupported(message: string, details: ErrorDetails): ChannelError {
  return new ChannelError("ERR_UNSUPPORTED", message, details);
}
