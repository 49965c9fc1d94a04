import { parseUntrustedJson } from "../../codec/parse-json.js";
import type { Outbox } from "../outbox.js";
import { type ErrorBody, parseBody, stringifyBody } from "../remote-error.js";
import { notJson, type Wire, WireError, type WireSink } from "../wire.js";
import * as record from "./record.js";
import { checkName, RecordWriter } from "./record-writer.js";

interface RawBuffer extends Buffer {
  utf8Slice(start: number, end: number): string;
}

const { isUtf8 } = process.getBuiltinModule("node:buffer");
const NO_MESSAGE: Buffer = Buffer.alloc(0);

/** The compact wire: a header of twelve bytes and a body of JSON or plain bytes, several of them in a message of the channel. */
export class CompactWire implements Wire {
  readonly streams: boolean = true;
  readonly strictIds: boolean = true;
  readonly #write: RecordWriter;
  readonly #maxInputSize: number;
  #message = NO_MESSAGE;
  #offset = 0;
  // The first record must be the greeting, where it cannot be lost.
  #greeted: boolean;
  // Most calls are to the method that was called last.
  #lastName = "";
  #lastNameBytes = NO_MESSAGE;

  constructor(outbox: Outbox, maxInputSize: number, reliable: boolean) {
    this.#write = new RecordWriter(outbox);
    this.#maxInputSize = maxInputSize;
    this.#greeted = !reliable;
  }

  // ---- writing --------------------------------------------------------------------------------------------------------

  hello(): void {
    this.#write.value(record.HELLO, record.VERSION, 0, "", Buffer.from(record.GREETING));
  }

  call(id: number, method: string, input: unknown, streams: boolean): void {
    if (method.length > 80) checkName(method);
    this.#write.value(record.CALL, id, streams ? record.STREAMS : 0, method, input);
  }

  notify(method: string, input: unknown): void {
    checkName(method);
    this.#write.value(record.NOTIFY, 0, 0, method, input);
  }

  cancel(id: number): void {
    this.#write.bare(record.CANCEL, id);
  }

  inputItem(id: number, item: unknown): number {
    return this.#write.value(record.INPUT_ITEM, id, 0, "", item);
  }

  outputItem(id: number, item: unknown): number {
    return this.#write.value(record.OUTPUT_ITEM, id, 0, "", item);
  }

  inputEnd(id: number): void {
    this.#write.bare(record.INPUT_END, id);
  }

  inputError(id: number, error: ErrorBody): void {
    this.#write.json(record.INPUT_ERROR, id, stringifyBody(error));
  }

  outputCredit(id: number, items: number, bytes: number): void {
    this.#write.numbers(record.OUTPUT_CREDIT, id, items, bytes);
  }

  result(id: number, output: unknown): void {
    this.#write.value(record.RESULT, id, 0, "", output);
  }

  error(id: number, error: ErrorBody): void {
    this.#write.json(record.ERROR, id, stringifyBody(error));
  }

  open(id: number): void {
    this.#write.bare(record.OPEN, id);
  }

  inputCredit(id: number, items: number, bytes: number): void {
    this.#write.numbers(record.INPUT_CREDIT, id, items, bytes);
  }

  inputStop(id: number): void {
    this.#write.bare(record.INPUT_STOP, id);
  }

  // ---- reading --------------------------------------------------------------------------------------------------------

  feed(message: Buffer): void {
    this.#message = message;
    this.#offset = 0;
  }

  step(sink: WireSink): boolean {
    const message = this.#message;
    const start = this.#offset;
    if (start >= message.length) {
      this.#message = NO_MESSAGE;
      this.#offset = 0;
      return false;
    }
    const length = message.length - start < record.HEADER ? 0 : numberAt(message, start);
    const end = start + length;
    if (!this.#greeted) this.#greet(message, end);
    if (length < record.HEADER || end > message.length)
      throw new WireError(`a record of ${length} bytes stands where ${message.length - start} are left`);
    this.#offset = end;
    const kind = message[start + 4] ?? 0;
    const form = message[start + 5] ?? 0;
    const body = start + record.HEADER + (message[start + 6] ?? 0);
    const id = numberAt(message, start + 8);
    if (body > end) throw new WireError("the name of a method is longer than its record");
    if (kind <= record.OUTPUT_CREDIT)
      this.#fromCaller(sink, kind, form, id, start + record.HEADER, body, end);
    else this.#fromCallee(sink, kind, form, id, body, end);
    return true;
  }

  #greet(message: Buffer, end: number): void {
    const isHello =
      end <= message.length &&
      message[4] === record.HELLO &&
      message.toString("latin1", record.HEADER, end) === record.GREETING;
    if (!isHello) {
      const begin = JSON.stringify(message.toString("latin1", 0, Math.min(message.length, 24)));
      throw new WireError(
        `the peer does not speak the compact protocol of sluice/rpc (options.protocol): its first message begins with ${begin}`,
      );
    }
    this.#greeted = true;
  }

  #fromCaller(
    sink: WireSink,
    kind: number,
    form: number,
    id: number,
    name: number,
    body: number,
    end: number,
  ): void {
    switch (kind) {
      case record.CALL: {
        const method = this.#name(name, body);
        const input = this.#value(form & ~record.STREAMS, body, end, "input");
        if (input instanceof Refusal) sink.refused(id, method, input.error, true, undefined);
        else sink.called(id, method, input, (form & record.STREAMS) !== 0, undefined);
        return;
      }
      case record.NOTIFY: {
        const method = this.#name(name, body);
        const input = this.#value(form, body, end, "input");
        if (input instanceof Refusal) sink.refused(id, method, input.error, false, undefined);
        else sink.notified(method, input);
        return;
      }
      case record.CANCEL:
        sink.cancelled(id);
        return;
      case record.INPUT_ITEM: {
        const item = this.#value(form, body, end, "item");
        if (item instanceof Refusal) sink.inputFailed(id, item.error);
        else sink.inputItem(id, item, end - body);
        return;
      }
      case record.INPUT_END:
        sink.inputEnd(id);
        return;
      case record.INPUT_ERROR:
        sink.inputFailed(id, this.#error(body, end));
        return;
      case record.OUTPUT_CREDIT:
        this.#credit(body, end);
        sink.outputCredit(id, numberAt(this.#message, body), numberAt(this.#message, body + 4));
        return;
      default:
        throw new WireError("a record has the kind 0");
    }
  }

  #fromCallee(sink: WireSink, kind: number, form: number, id: number, body: number, end: number): void {
    switch (kind) {
      case record.RESULT: {
        const output = this.#value(form, body, end, "output");
        if (output instanceof Refusal) sink.failed(id, output.error);
        else sink.answered(id, output);
        return;
      }
      case record.ERROR:
        sink.failed(id, this.#error(body, end));
        return;
      case record.OPEN:
        sink.opened(id);
        return;
      case record.OUTPUT_ITEM: {
        const item = this.#value(form, body, end, "item");
        if (item instanceof Refusal) sink.failed(id, item.error);
        else sink.outputItem(id, item, end - body);
        return;
      }
      case record.INPUT_CREDIT:
        this.#credit(body, end);
        sink.inputCredit(id, numberAt(this.#message, body), numberAt(this.#message, body + 4));
        return;
      case record.INPUT_STOP:
        sink.inputStopped(id);
        return;
      case record.HELLO:
        if (id !== record.VERSION)
          throw new WireError(
            `the peer speaks version ${id} of the protocol, this side version ${record.VERSION}`,
          );
        return;
      default:
        throw new WireError(`a record has the unknown kind ${kind}`);
    }
  }

  #name(start: number, end: number): string {
    const message = this.#message;
    const last = this.#lastNameBytes;
    const length = end - start;
    if (length === last.length && length > 0) {
      let index = 0;
      while (index < length && message[start + index] === last[index]) index++;
      if (index === length) return this.#lastName;
    }
    this.#lastNameBytes = Buffer.from(message.subarray(start, end));
    this.#lastName = this.#lastNameBytes.toString();
    return this.#lastName;
  }

  /** A value, or why there is none: that concerns one call, not the connection. */
  #value(form: number, start: number, end: number, what: string): unknown {
    if (form === record.NOTHING) return undefined;
    if (end - start > this.#maxInputSize && what !== "output") {
      const message = `the ${what} has ${end - start} bytes, the limit is ${this.#maxInputSize} (options.maxInputSize)`;
      return new Refusal({ name: "Error", code: "ERR_MESSAGE_TOO_LARGE", message });
    }
    if (form === record.BYTES) return this.#message.subarray(start, end);
    if (form !== record.JSON_TEXT) throw new WireError(`a body has the unknown form ${form}`);
    try {
      return parseUntrustedJson(this.#string(start, end));
    } catch (error) {
      return new Refusal(notJson(what, error));
    }
  }

  #error(start: number, end: number): ErrorBody {
    try {
      return parseBody(this.#string(start, end));
    } catch (error) {
      return notJson("error", error);
    }
  }

  #string(start: number, end: number): string {
    const message = this.#message as RawBuffer;
    const text = message.utf8Slice(start, end);
    // What is no UTF-8 comes out as U+FFFD; so does, of course, a U+FFFD.
    if (text.includes("\ufffd") && !isUtf8(message.subarray(start, end)))
      throw new SyntaxError("it is not valid UTF-8");
    return text;
  }

  #credit(body: number, end: number): void {
    if (end - body !== 8) throw new WireError(`a credit must have 8 bytes, this one has ${end - body}`);
  }
}

/** Why a body is no value. */
class Refusal {
  readonly error: ErrorBody;

  constructor(error: ErrorBody) {
    this.error = error;
  }
}

function numberAt(bytes: Buffer, offset: number): number {
  return (
    ((bytes[offset] ?? 0) |
      ((bytes[offset + 1] ?? 0) << 8) |
      ((bytes[offset + 2] ?? 0) << 16) |
      ((bytes[offset + 3] ?? 0) << 24)) >>>
    0
  );
}
