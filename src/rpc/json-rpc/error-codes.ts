import type { ErrorBody } from "../remote-error.js";

// JSON-RPC 2.0, section 5.1.
export const PARSE_ERROR = -32_700;
export const INVALID_REQUEST = -32_600;
const METHOD_NOT_FOUND = -32_601;
const INVALID_PARAMS = -32_602;
const SERVER_ERROR = -32_000;
// The Language Server Protocol.
const REQUEST_CANCELLED = -32_800;

const NUMBERS: Readonly<Record<string, number>> = {
  ERR_UNKNOWN_METHOD: METHOD_NOT_FOUND,
  ERR_INVALID_MESSAGE: INVALID_PARAMS,
};

const NAMES = new Map<number, string>([
  [METHOD_NOT_FOUND, "ERR_UNKNOWN_METHOD"],
  [INVALID_PARAMS, "ERR_INVALID_MESSAGE"],
]);

interface JsonRpcError {
  readonly code: number;
  readonly message: string;
  readonly data?: unknown;
}

/**
 * An error as JSON-RPC has it. A whole number as `code` goes as it is; other codes, and a name that is not "Error", go in `data` as
 * `{ name, code, data }`, where `data` alone would go otherwise.
 */
export function outgoingError({ name, message, code, data, stack }: ErrorBody): JsonRpcError {
  if (typeof code === "number" && Number.isInteger(code)) return { code, message, data: formOf(data) };
  const number = Object.hasOwn(NUMBERS, String(code)) ? NUMBERS[String(code)] : undefined;
  const found = number ?? (name === "AbortError" ? REQUEST_CANCELLED : SERVER_ERROR);
  if (name === "Error" && code === undefined && stack === undefined)
    return { code: found, message, data: formOf(data) };
  return { code: found, message, data: { name, code, data: formOf(data), stack } };
}

/** The data, unless JSON has no form for it: the error itself matters more. */
function formOf(data: unknown): unknown {
  try {
    JSON.stringify(data);
    return data;
  } catch {
    // A cycle, a bigint, or it throws when it is read.
    return undefined;
  }
}

/** An error that a JSON-RPC peer has answered with. */
export function incomingError(error: unknown): ErrorBody {
  if (typeof error !== "object" || error === null)
    return { name: "Error", message: "the peer has answered with an error that is none", data: error };
  const { code, message, data } = error as Partial<Record<keyof JsonRpcError, unknown>>;
  const text =
    typeof message === "string" ? message : "the peer has answered with an error without a message";
  const number = typeof code === "number" ? code : undefined;
  if (isOurs(data))
    return { name: data.name, message: text, code: data.code ?? number, data: data.data, stack: data.stack };
  const known = number === undefined ? undefined : (NAMES.get(number) ?? number);
  return { name: "Error", message: text, code: known, data };
}

function isOurs(data: unknown): data is ErrorBody {
  if (typeof data !== "object" || data === null) return false;
  const { name, code, stack } = data as Partial<Record<keyof ErrorBody, unknown>>;
  return (
    typeof name === "string" &&
    (code === undefined || typeof code === "string" || typeof code === "number") &&
    (stack === undefined || typeof stack === "string")
  );
}
