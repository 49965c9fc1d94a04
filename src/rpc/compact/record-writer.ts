import type { Outbox } from "../outbox.js";
import { BYTES, HEADER, JSON_TEXT, MAX_NAME, NOTHING } from "./record.js";

/** Buffer's method without its checks; Node has it on every Buffer, and keeps it out of its types. */
interface RawBuffer extends Buffer {
  utf8Write(text: string, offset: number, length?: number): number;
}

/** Up to this length, text is written by a loop rather than by a call out of JavaScript. */
const SHORT = 48;

/** Writes records into an {@link Outbox}. */
export class RecordWriter {
  readonly #outbox: Outbox;

  constructor(outbox: Outbox) {
    this.#outbox = outbox;
  }

  /** A record with a value; returns the bytes of its body. Throws for a value without a form, or one that is too large. */
  value(kind: number, id: number, flags: number, name: string, value: unknown): number {
    if (value === undefined) return this.#text(kind, NOTHING | flags, id, name, "");
    if (value instanceof Uint8Array) return this.#bytes(kind, BYTES | flags, id, name, value);
    // The types of JSON.stringify forget that it gives undefined for functions and symbols.
    const json = JSON.stringify(value) as string | undefined;
    if (json === undefined) throw new TypeError(`JSON has no form for a ${typeof value}`);
    return this.#text(kind, JSON_TEXT | flags, id, name, json);
  }

  /** A record whose body is a JSON text. */
  json(kind: number, id: number, json: string): void {
    this.#text(kind, JSON_TEXT, id, "", json);
  }

  /** A record without a body. */
  bare(kind: number, id: number): void {
    this.#text(kind, NOTHING, id, "", "");
  }

  /** A record with two numbers. */
  numbers(kind: number, id: number, first: number, second: number): void {
    const outbox = this.#outbox;
    outbox.checkSize(HEADER + 8);
    const start = outbox.reserve(HEADER + 8);
    const { slab } = outbox;
    header(slab, start, HEADER + 8, kind, BYTES, 0, id);
    slab.writeUInt32LE(first, start + HEADER);
    slab.writeUInt32LE(second, start + HEADER + 4);
    outbox.wrote(start + HEADER + 8);
  }

  #text(kind: number, form: number, id: number, name: string, text: string): number {
    const outbox = this.#outbox;
    // No character of a string takes more than three bytes; what that suffices for is not measured.
    let bound = HEADER + 3 * (name.length + text.length);
    if (!outbox.fits(bound)) {
      bound = HEADER + Buffer.byteLength(name) + Buffer.byteLength(text);
      outbox.checkSize(bound);
      if (outbox.reserve(bound) < 0) return this.#large(bound, kind, form, id, name, text);
    }
    const start = outbox.reserve(bound);
    const slab = outbox.slab as RawBuffer;
    let end = start + HEADER;
    let nameLength = 0;
    if (name !== "") {
      nameLength = write(slab, name, end);
      end += nameLength;
    }
    const bodyLength = text === "" ? 0 : write(slab, text, end);
    end += bodyLength;
    header(slab, start, end - start, kind, form, nameLength, id);
    outbox.wrote(end);
    return bodyLength;
  }

  #bytes(kind: number, form: number, id: number, name: string, bytes: Uint8Array): number {
    const outbox = this.#outbox;
    const nameLength = Buffer.byteLength(name);
    const size = HEADER + nameLength + bytes.length;
    outbox.checkSize(size);
    const start = outbox.reserve(size);
    const target = start < 0 ? Buffer.allocUnsafe(size) : outbox.slab;
    const from = Math.max(start, 0);
    header(target, from, size, kind, form, nameLength, id);
    target.write(name, from + HEADER);
    target.set(bytes, from + HEADER + nameLength);
    if (start < 0) outbox.message(target);
    else outbox.wrote(start + size);
    return bytes.length;
  }

  #large(size: number, kind: number, form: number, id: number, name: string, text: string): number {
    const message = Buffer.allocUnsafe(size);
    const nameLength = message.write(name, HEADER);
    header(message, 0, size, kind, form, nameLength, id);
    const bodyLength = message.write(text, HEADER + nameLength);
    this.#outbox.message(message);
    return bodyLength;
  }
}

/** Throws unless this can be the name of a method on this wire. */
export function checkName(name: string): void {
  if (name === "" || name.length > MAX_NAME || Buffer.byteLength(name) > MAX_NAME)
    throw new RangeError(
      `the name of a method must have 1 to ${MAX_NAME} bytes, received ${name.length} characters`,
    );
}

function header(
  target: Buffer,
  start: number,
  length: number,
  kind: number,
  form: number,
  nameLength: number,
  id: number,
): void {
  target[start] = length;
  target[start + 1] = length >>> 8;
  target[start + 2] = length >>> 16;
  target[start + 3] = length >>> 24;
  target[start + 4] = kind;
  target[start + 5] = form;
  target[start + 6] = nameLength;
  target[start + 7] = 0;
  target[start + 8] = id;
  target[start + 9] = id >>> 8;
  target[start + 10] = id >>> 16;
  target[start + 11] = id >>> 24;
}

/** Writes text as UTF-8; returns its length in bytes. There is room for three bytes a character, or exactly enough. */
function write(slab: RawBuffer, text: string, start: number): number {
  const { length } = text;
  if (length > SHORT) return slab.utf8Write(text, start);
  for (let index = 0; index < length; index++) {
    const code = text.charCodeAt(index);
    if (code > 0x7f) return slab.utf8Write(text, start);
    slab[start + index] = code;
  }
  return length;
}
