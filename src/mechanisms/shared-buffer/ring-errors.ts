import { ChannelError, type ErrorCode } from "../../core/errors.js";
import { ECONNRESET, EPIPE } from "../../native/constants.js";
import { fromErrno } from "../../native/errors.js";

/** An error of the channel over the ring. */
export function ringError(code: ErrorCode, operation: string, text: string, address: string): ChannelError {
  return new ChannelError(code, text, { operation, mechanism: "shared-buffer", address });
}

/** The error of a message that is longer than this side takes. */
export function oversizedError(length: number, limit: number, address: string): ChannelError {
  const text = `Cannot receive on shared-buffer: a message of ${length} bytes came, the limit is ${limit} (traits.maxMessageSize)`;
  return ringError("ERR_MESSAGE_TOO_LARGE", "receive", text, address);
}

/** The error of a channel whose peer has written what cannot be. */
export function violationError(violation: Error, address: string): ChannelError {
  const text = `Cannot go on with the peer of shared-buffer ${JSON.stringify(address)}: ${violation.message}`;
  return ringError("ERR_INVALID_MESSAGE", "receive", text, address);
}

/** The error of a channel whose peer is gone. */
export function goneError(orderly: boolean, address: string): ChannelError {
  const text = orderly
    ? "the peer has closed it"
    : "the peer ended without closing it; was its process killed?";
  return ringError("ERR_PEER_DIED", "send", `Cannot send on shared-buffer: ${text}`, address);
}

/**
 * The error of a channel whose peer could not be woken, though it is there: the system had no memory for that. `undefined` where it was, or has gone, which the poll
 * tells, with all that the peer had published.
 */
export function bellFailed(result: number, address: string): ChannelError | undefined {
  if (result >= 0 || result === -EPIPE || result === -ECONNRESET) return undefined;
  return fromErrno(result, {
    operation: "send",
    mechanism: "shared-buffer",
    address,
    syscall: "send",
    code: "ERR_SYSTEM",
    action: `wake the peer of shared-buffer ${JSON.stringify(address)}`,
    hint: "the channel has ended, since the peer may sleep for ever",
  });
}
