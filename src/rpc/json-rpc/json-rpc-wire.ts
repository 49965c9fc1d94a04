import { parseUntrustedJson } from "../../codec/parse-json.js";
import { decodeUtf8 } from "../../codec/utf8.js";
import type { Limits } from "../limits.js";
import type { Outbox } from "../outbox.js";
import type { ErrorBody } from "../remote-error.js";
import { type CallId, type Wire, WireError, type WireSink } from "../wire.js";
import { Batch } from "./batch.js";
import { INVALID_REQUEST, outgoingError, incomingError, PARSE_ERROR } from "./error-codes.js";

/** The most requests in a batch. */
const MOST_IN_BATCH = 1024;

/** Notifications that end a call: of the Language Server Protocol, and of the Model Context Protocol. */
const CANCEL_REQUEST = "$/cancelRequest";
const CANCELLED = "notifications/cancelled";

/** JSON-RPC 2.0: each message of the channel is one JSON text, a request, notification or response or a batch of them. */
export class JsonRpcWire implements Wire {
  readonly streams: boolean = false;
  readonly strictIds: boolean = false;
  readonly #outbox: Outbox;
  readonly #maxInputSize: number;
  // What is read: the elements of a batch, or one message.
  #elements: readonly unknown[] = [];
  #next = 0;
  #batch: Batch | undefined;
  /** Why the message is none. */
  #fault: ErrorBody | undefined;

  constructor(outbox: Outbox, limits: Limits) {
    this.#outbox = outbox;
    this.#maxInputSize = limits.maxInputSize;
  }

  // ---- writing --------------------------------------------------------------------------------------------------------

  hello(): void {
    // JSON-RPC has no greeting.
  }

  call(id: number, method: string, input: unknown): void {
    this.#send({ jsonrpc: "2.0", id, method, params: paramsOf(input) });
  }

  notify(method: string, input: unknown): void {
    this.#send({ jsonrpc: "2.0", method, params: paramsOf(input) });
  }

  cancel(id: number): void {
    this.#send({ jsonrpc: "2.0", method: CANCEL_REQUEST, params: { id } });
  }

  result(id: CallId, output: unknown, reply: unknown): void {
    if (output instanceof Uint8Array) throw new TypeError("JSON-RPC has no form for plain bytes");
    // A response must have a result; null stands for nothing.
    this.#reply({ jsonrpc: "2.0", id, result: output === undefined ? null : output }, reply);
  }

  error(id: CallId, error: ErrorBody, reply: unknown): void {
    this.#reply({ jsonrpc: "2.0", id, error: outgoingError(error) }, reply);
  }

  inputItem(): number {
    return noStreams();
  }

  outputItem(): number {
    return noStreams();
  }

  inputEnd(): void {
    noStreams();
  }

  inputError(): void {
    noStreams();
  }

  outputCredit(): void {
    // Who iterates a call that is no stream is told so by its answer.
  }

  open(): void {
    noStreams();
  }

  inputCredit(): void {
    noStreams();
  }

  inputStop(): void {
    noStreams();
  }

  // ---- reading --------------------------------------------------------------------------------------------------------

  feed(message: Buffer): void {
    this.#batch = undefined;
    this.#next = 0;
    this.#elements = [];
    if (message.length === 0) return;
    let value: unknown;
    try {
      if (message.length > this.#maxInputSize)
        throw new RangeError(
          `${message.length} bytes are more than this side takes, which is ${this.#maxInputSize} (options.maxInputSize)`,
        );
      value = parseUntrustedJson(decodeUtf8(message, "json-rpc"));
    } catch (error) {
      this.#fault = fault(PARSE_ERROR, error instanceof Error ? error.message : String(error));
      return;
    }
    if (!Array.isArray(value)) {
      this.#elements = [value];
      return;
    }
    if (value.length === 0 || value.length > MOST_IN_BATCH) {
      const text = `a batch must have 1 to ${MOST_IN_BATCH} elements, received ${value.length}`;
      this.#fault = fault(INVALID_REQUEST, text);
      return;
    }
    this.#elements = value;
    this.#batch = new Batch(value.filter(isAnswered).length, (text) => {
      this.#text(text);
    });
  }

  step(sink: WireSink): boolean {
    const found = this.#fault;
    if (found !== undefined) {
      this.#fault = undefined;
      sink.refused(null, "", found, true, undefined);
      return true;
    }
    if (this.#next >= this.#elements.length) {
      this.#elements = [];
      return false;
    }
    this.#read(this.#elements[this.#next++], sink);
    return true;
  }

  #read(element: unknown, sink: WireSink): void {
    if (!isObject(element)) {
      this.#refuse(sink, "a message must be an object");
      return;
    }
    const { id, method, params } = element;
    if (method !== undefined) this.#readRequest(id, method, params, "id" in element, sink);
    else if ("result" in element || "error" in element) this.#readResponse(element, sink);
    else this.#refuse(sink, "a message has neither a method nor a result nor an error", id);
  }

  #readRequest(id: unknown, method: unknown, params: unknown, answers: boolean, sink: WireSink): void {
    if (typeof method !== "string") this.#refuse(sink, "method must be a string", id);
    else if (params !== undefined && (typeof params !== "object" || params === null) && answers)
      this.#refuse(sink, "params must be an array or an object", id, method);
    else if (!answers) this.#readNotification(method, params, sink);
    else if (isId(id)) sink.called(id, method, params, false, this.#batch);
    else this.#refuse(sink, "id must be a string, a number or null", null, method);
  }

  #readNotification(method: string, params: unknown, sink: WireSink): void {
    if (method !== CANCEL_REQUEST && method !== CANCELLED) {
      sink.notified(method, params === null ? undefined : params);
      return;
    }
    const id = isObject(params) ? params[method === CANCELLED ? "requestId" : "id"] : undefined;
    if (isId(id)) sink.cancelled(id);
    if (method === CANCELLED) sink.notified(method, params);
  }

  #readResponse({ id, result, error }: Readonly<Record<string, unknown>>, sink: WireSink): void {
    // What the peer could not read has no id: nobody can be told, and the call's time runs out.
    if (id === null || id === undefined) {
      const text = isObject(error) && typeof error["message"] === "string" ? error["message"] : "no message";
      throw new WireError(`the peer could not read what this side has sent: ${text.slice(0, 200)}`);
    }
    if (error !== undefined) sink.failed(id as CallId, incomingError(error));
    else sink.answered(id as CallId, result);
  }

  // ---- beneath --------------------------------------------------------------------------------------------------------

  #refuse(sink: WireSink, text: string, id?: unknown, method = ""): void {
    sink.refused(isId(id) ? id : null, method, fault(INVALID_REQUEST, text), true, this.#batch);
  }

  #send(message: object): void {
    this.#text(JSON.stringify(message));
  }

  #reply(message: object, reply: unknown): void {
    const text = JSON.stringify(message);
    this.#outbox.checkSize(Buffer.byteLength(text));
    if (reply instanceof Batch) reply.add(text);
    else this.#text(text);
  }

  #text(text: string): void {
    const bytes = Buffer.from(text);
    this.#outbox.checkSize(bytes.length);
    this.#outbox.message(bytes);
  }
}

function fault(code: number, message: string): ErrorBody {
  return { name: "Error", code, message };
}

/** Whether an element of a batch gets an answer: requests, and what is no message at all. */
function isAnswered(element: unknown): boolean {
  if (!isObject(element)) return true;
  const isResponse = element["method"] === undefined && ("result" in element || "error" in element);
  return !isResponse && ("id" in element || typeof element["method"] !== "string");
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isId(id: unknown): id is CallId {
  return typeof id === "string" || typeof id === "number" || id === null;
}

/** `params` must be an array or an object; other inputs have no form, and wrapping them would be a silent difference. */
function paramsOf(input: unknown): unknown {
  if (input === undefined || (typeof input === "object" && input !== null && !(input instanceof Uint8Array)))
    return input;
  throw new TypeError(
    `an input over JSON-RPC must be an object, an array or undefined, received ${input === null ? "null" : input instanceof Uint8Array ? "plain bytes" : `a ${typeof input}`}`,
  );
}

function noStreams(): never {
  throw new TypeError("JSON-RPC has no streams");
}
