import type { ErrorBody } from "./remote-error.js";

/** The number of a call; over JSON-RPC whatever the caller chose. */
export type CallId = number | string | null;

/** What came over the wire, told to the two halves of a connection. */
export interface WireSink {
  // ---- from a caller ----
  /** `streams`: the input is a stream. `reply`: what the wire wants to be given with the answer. */
  called(id: CallId, method: string, input: unknown, streams: boolean, reply: unknown): void;
  /** What cannot be called, with the reason; its method is "" where nobody knows. `answers`: it is to be told. */
  refused(id: CallId, method: string, error: ErrorBody, answers: boolean, reply: unknown): void;
  notified(method: string, input: unknown): void;
  cancelled(id: CallId): void;
  inputItem(id: CallId, item: unknown, size: number): void;
  inputEnd(id: CallId): void;
  inputFailed(id: CallId, error: ErrorBody): void;
  outputCredit(id: CallId, items: number, bytes: number): void;
  // ---- from a callee ----
  answered(id: CallId, output: unknown): void;
  failed(id: CallId, error: ErrorBody): void;
  opened(id: CallId): void;
  outputItem(id: CallId, item: unknown, size: number): void;
  inputCredit(id: CallId, items: number, bytes: number): void;
  inputStopped(id: CallId): void;
}

/**
 * How calls are written and read. The functions that write throw a `TypeError` for a value without a form and a ChannelError
 * `ERR_MESSAGE_TOO_LARGE`; nothing was written then.
 */
export interface Wire {
  /** Takes a message of the channel, to be read by `step`. */
  feed(message: Buffer): void;
  /** Reads one thing from the message and tells the sink; `false`: there is no more. Throws a {@link WireError} when the peer breaks the protocol. */
  step(sink: WireSink): boolean;
  /** The first message, before all others. */
  hello(): void;
  call(id: number, method: string, input: unknown, streams: boolean): void;
  notify(method: string, input: unknown): void;
  cancel(id: number): void;
  /** These give the bytes of the item, as the other side counts them. */
  inputItem(id: number, item: unknown): number;
  outputItem(id: CallId, item: unknown): number;
  inputEnd(id: number): void;
  inputError(id: number, error: ErrorBody): void;
  outputCredit(id: number, items: number, bytes: number): void;
  result(id: CallId, output: unknown, reply: unknown): void;
  error(id: CallId, error: ErrorBody, reply: unknown): void;
  open(id: CallId): void;
  inputCredit(id: CallId, items: number, bytes: number): void;
  inputStop(id: CallId): void;
  /** Whether there are streams. */
  readonly streams: boolean;
  /** Whether an id that is in use breaks the protocol, rather than being refused. */
  readonly strictIds: boolean;
}

/** The peer has broken the protocol; the connection cannot go on. */
export class WireError extends Error {
  /** What kind of error it is, for texts. */
  override readonly name = "WireError";
}

/** Why these bytes are no JSON value, in one line. */
export function notJson(what: string, error: unknown): ErrorBody {
  const reason = error instanceof Error ? error.message : String(error);
  return { name: "Error", code: "ERR_INVALID_MESSAGE", message: `the ${what} is no JSON value: ${reason}` };
}
