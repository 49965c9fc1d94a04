import { ChannelError } from "../../../core/errors.js";
import { extend } from "../../../core/extend.js";
import { fromErrno, ENOENT, ENOTDIR, ECONNREFUSED } from "../../../native/binding.js";
import type { PacketPortOptions } from "./engine.js";

/** The parts of a port's options that errors speak of. */
export type Place = Pick<PacketPortOptions, "type" | "address">;

/** The error of a send that this errno refused. */
export function sendError(result: number, place: Place, to?: string): ChannelError {
  const address = to ?? place.address;
  const missing = to !== undefined && [-ENOENT, -ENOTDIR, -ECONNREFUSED].includes(result);
  return fromErrno(result, {
    operation: "send",
    mechanism: `unix-${place.type}`,
    address,
    syscall: "sendmsg",
    action: `send on unix-${place.type}${named(address)}`,
    code: missing ? "ERR_NO_PEER" : undefined,
    hint: missing ? "nobody has this address; send when the receiver is bound" : undefined,
  });
}

/** The error that ends a channel whose peer is gone. */
export function peerDied(place: Place, operation: "send" | "receive", result?: number): ChannelError {
  const details = {
    operation,
    mechanism: `unix-${place.type}` as const,
    address: place.address,
    syscall: operation === "send" ? "sendmsg" : "recvmsg",
  };
  const action = `${operation} on unix-${place.type}${named(place.address)}`;
  const hint = "the peer is gone; connect again";
  if (result !== undefined)
    return fromErrno(result, extend(details, { action, code: "ERR_PEER_DIED" as const, hint }));
  return new ChannelError(
    "ERR_PEER_DIED",
    `Cannot ${action}: the peer closed it without reading all that was sent; connect again`,
    details,
  );
}

/** The error in the place of a packet that was longer than the memory for it. */
export function truncated(place: Place, length: number | undefined, limit: number): ChannelError {
  const what = length === undefined ? `of more than ${limit} bytes` : `of ${length} bytes`;
  return new ChannelError(
    "ERR_MESSAGE_TRUNCATED",
    `Cannot receive on unix-${place.type}${named(place.address)}: a message ${what} came and was cut and dropped, ${limit} is what this side reads; raise options.maxMessageSize`,
    { operation: "receive", mechanism: `unix-${place.type}`, address: place.address, syscall: "recvmsg" },
  );
}

/** The error in the place of a packet with descriptors that could not be kept. */
export function tooManyHandles(place: Place, most: number): ChannelError {
  return new ChannelError(
    "ERR_MESSAGE_TOO_LARGE",
    `Cannot receive on unix-${place.type}${named(place.address)}: a message came with more descriptors than may come (${most}, by options.maxHandles) or than this process can open; it was dropped, and they are closed`,
    { operation: "receive", mechanism: `unix-${place.type}`, address: place.address, syscall: "recvmsg" },
  );
}

/** The error of descriptors that were sent with an empty message. */
export function handlesNeedBytes(place: Place): ChannelError {
  return new ChannelError(
    "ERR_INVALID_MESSAGE",
    `Cannot send on unix-${place.type}${named(place.address)}: descriptors travel with at least one byte, and this message is empty`,
    { operation: "send", mechanism: `unix-${place.type}`, address: place.address, syscall: "sendmsg" },
  );
}

function named(address: string | undefined): string {
  return address === undefined ? "" : ` ${JSON.stringify(address)}`;
}

/** What node-unix-socket says, in words only, when the peer is gone. */
const GONE = /broken pipe|refused|reset|not connected/i;

/** The error of a write that node-unix-socket has refused. */
export function writeRefused(place: Place, cause: Error): ChannelError {
  const gone = GONE.test(cause.message);
  const text = `Cannot send on unix-${place.type}${named(place.address)}: ${cause.message}${gone ? "; the peer is gone, connect again" : ""}`;
  return new ChannelError(gone ? "ERR_PEER_DIED" : "ERR_SYSTEM", text, {
    operation: "send",
    mechanism: `unix-${place.type}`,
    address: place.address,
    syscall: "write",
    cause,
  });
}
