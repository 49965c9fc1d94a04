import { parseUntrustedJson } from "../codec/parse-json.js";

/** An error as it travels. */
export interface ErrorBody {
  /** Its name. */
  readonly name: string;
  /** What went wrong, in words. */
  readonly message: string;
  /** What went wrong, as a value. */
  readonly code?: string | number | undefined;
  /** What a program may want to know. */
  readonly data?: unknown;
  /** Where it was thrown, if the other side tells. */
  readonly stack?: string | undefined;
}

/**
 * What a call rejects with when the other side answers with an error: one that the method threw, or one of
 * `ERR_UNKNOWN_METHOD`, `ERR_INVALID_MESSAGE` (the input is refused; `data` has the issues), `ERR_INVALID_OUTPUT`, `ERR_ACCESS_DENIED`,
 * `ERR_TOO_MANY_CALLS`, `ERR_MESSAGE_TOO_LARGE`, `ERR_CHANNEL_CLOSED` (the server closes), `ERR_TIMEOUT` (its time limit), `ERR_UNSUPPORTED`.
 * What this side finds out by itself is a `ChannelError`, but for `ERR_TOO_MANY_CALLS`.
 */
export class RemoteError extends Error {
  /** The error's name on the other side. */
  override readonly name: string;
  /** The error's `code` on the other side: a string, over JSON-RPC perhaps a number. */
  readonly code: string | number | undefined;
  /** The error's `data` on the other side. Nobody has checked it. */
  readonly data: unknown;
  /** The method that was called. */
  readonly method: string;

  /**
   * @param body - the error as it came
   * @param method - the method that was called
   */
  constructor(body: ErrorBody, method: string) {
    super(body.message);
    this.name = body.name;
    this.code = body.code;
    this.data = body.data;
    this.method = method;
    if (body.stack !== undefined) {
      this.stack = `${body.name}: ${body.message}\n    (the other side, in ${method})\n${body.stack}`;
    }
  }
}

/** An error on its way out. What is thrown need not be an Error. */
export function bodyOf(thrown: unknown, exposeStack: boolean): ErrorBody {
  if (!(thrown instanceof Error)) {
    const message = typeof thrown === "string" ? thrown : "something that is no Error was thrown";
    return { name: "Error", message, data: thrown };
  }
  const { name, message, code, data } = thrown as Error & { code?: unknown; data?: unknown };
  // The number that a DOMException has is older than codes, and no one's.
  const isCode = typeof code === "string" || (typeof code === "number" && !(thrown instanceof DOMException));
  return {
    name,
    message,
    code: isCode ? code : undefined,
    data,
    // Reading it writes it, which takes longer than all the rest.
    stack: exposeStack ? thrown.stack : undefined,
  };
}

/** An error body that has a JSON form, or nearly the same without what has none. */
export function stringifyBody(body: ErrorBody): string {
  try {
    return JSON.stringify(body);
  } catch {
    // `data` is a cycle, a bigint, or throws when it is read: the error itself matters more.
    return JSON.stringify({ name: body.name, message: body.message, code: body.code, stack: body.stack });
  }
}

/** The error body in a JSON text of the peer. Throws for what is none. */
export function parseBody(json: string): ErrorBody {
  return checkBody(parseUntrustedJson(json));
}

function checkBody(value: unknown): ErrorBody {
  if (typeof value !== "object" || value === null) throw new TypeError("an error must be an object");
  const { name, message, code, data, stack } = value as Partial<Record<keyof ErrorBody, unknown>>;
  if (typeof name !== "string" || typeof message !== "string")
    throw new TypeError("an error must have a name and a message");
  return {
    name,
    message,
    code: typeof code === "string" || typeof code === "number" ? code : undefined,
    data,
    stack: typeof stack === "string" ? stack : undefined,
  };
}
