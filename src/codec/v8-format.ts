/*
 * A look through bytes in V8's serialisation format before V8 reads them. V8 checks most lengths against the bytes that are there, but it
 * allocates the announced length of an array with holes, and the announced maximum of a resizable buffer, without any. A heap that is full ends
 * the process, so such bytes must not reach it.
 *
 * The tags are those of v8/src/objects/value-serializer.cc, format versions 13 to 15 (Node.js 20 to 26), as far as v8.serialize() writes them.
 */

/** How many places arrays with holes may announce beyond the bytes of the message: 512 KiB of memory at most. */
const spareHoles = 65_536;
/** V8 reads nested values by recursion; the stack holds about three times as many levels. */
const maxDepth = 1000;
const oldestVersion = 13;
const newestVersion = 15;

/** `__proto__` in the forms in which V8 writes and reads strings, by their tags. */
const PROTOTYPE_NAMES: ReadonlyMap<number, Buffer> = new Map([
  [0x53, Buffer.from("__proto__")],
  [0x22, Buffer.from("__proto__")],
  [0x63, Buffer.from("__proto__", "utf16le")],
]);

/** As an array takes it, to which "7" is an index, and "07" and "4294967295" are names; -1 for a name. */
function indexOf(key: string): number {
  return /^(0|[1-9]\d{0,9})$/.test(key) && Number(key) < 0xffff_ffff ? Number(key) : -1;
}

/** What is wrong with these bytes. */
class Problem extends Error {}

class Inspector {
  readonly #bytes: Uint8Array;
  readonly #viewKinds: number;
  #position = 0;
  #depth = 0;
  #lastSkip = 0;
  #holesLeft: number;

  constructor(bytes: Uint8Array, viewKinds: number) {
    this.#bytes = bytes;
    this.#viewKinds = viewKinds;
    this.#holesLeft = spareHoles + bytes.length;
  }

  message(): void {
    if (this.#byte() !== 0xff) throw new Problem("they do not begin as V8's format does");
    const version = this.#byte();
    if (version < oldestVersion || version > newestVersion) {
      throw new Problem(`its format version ${version} is not one of ${oldestVersion} to ${newestVersion}`);
    }
    this.#value();
    const rest = this.#bytes.length - this.#position;
    if (rest > 0) throw new Problem(`${rest} bytes follow the value`);
  }

  #value(): void {
    if (++this.#depth > maxDepth) throw new Problem(`it has more than ${maxDepth} objects within each other`);
    this.#tagged(this.#tag());
    this.#depth--;
  }

  #tagged(tag: number): void {
    switch (tag) {
      case 0x5f: // _ undefined
      case 0x30: // 0 null
      case 0x54: // T true
      case 0x46: // F false
      case 0x79: // y Boolean object, true
      case 0x78: // x Boolean object, false
      case 0x2d: // - a hole that came about while the array was written
        return;
      case 0x49: // I int32
      case 0x55: // U uint32
      case 0x5e: // ^ reference to an earlier object
        this.#varint();
        return;
      case 0x4e: // N double
      case 0x44: // D Date
      case 0x6e: // n Number object
        this.#skip(8);
        return;
      case 0x5a: // Z bigint
      case 0x7a: // z BigInt object
        this.#skip(this.#varint() >>> 1);
        return;
      case 0x53: // S string, UTF-8
      case 0x22: // " string, Latin-1
      case 0x63: // c string, UTF-16
      case 0x42: // B ArrayBuffer
        this.#skip(this.#varint());
        return;
      case 0x73: // s String object
        this.#value();
        return;
      case 0x52: // R RegExp
        this.#value();
        this.#varint();
        return;
      case 0x6f: // o object
        this.#propertiesUntil(0x7b, 1, Infinity);
        return;
      case 0x61: // a array with holes
        this.#propertiesUntil(0x40, 2, this.#holes(this.#varint()));
        return;
      case 0x41: // A array without holes
        this.#propertiesUntil(0x24, 2, this.#elements(this.#varint()));
        return;
      case 0x3b: // ; Map
        this.#valuesUntil(0x3a, 1);
        return;
      case 0x27: // ' Set
        this.#valuesUntil(0x2c, 1);
        return;
      case 0x72: // r Error
        this.#error();
        return;
      case 0x5c: // \ a view, written by Node.js
        this.#view();
        return;
      case 0x7e: // ~
        throw new Problem("it has a resizable ArrayBuffer, of which only a copy of fixed length can be sent");
      default:
        throw new Problem(`it has a value of an unknown kind (tag 0x${tag.toString(16)})`);
    }
  }

  #elements(length: number): number {
    for (let left = length; left > 0; left--) this.#value();
    return length;
  }

  #holes(length: number): number {
    this.#holesLeft -= length;
    if (this.#holesLeft < 0) {
      throw new Problem(
        `it has arrays with holes that are too long for its bytes (one has a length of ${length})`,
      );
    }
    return length;
  }

  #view(): void {
    if (this.#varint() >= this.#viewKinds) throw new Problem("it has a view of an unknown kind");
    this.#skip(this.#varint());
  }

  /** Elements, keys and values, or members, then the end and the counts that follow it. V8 compares the counts. */
  #valuesUntil(endTag: number, counts: number): void {
    while (this.#peekTag() !== endTag) this.#value();
    this.#position++;
    for (let count = 0; count < counts; count++) this.#varint();
  }

  /**
   * Keys and values. V8 makes an ordinary property of a `__proto__`; but whoever then copies properties one by one, as some validators do, sets a
   * prototype with it. An array becomes as long as the highest index among its keys asks for, whatever length was announced; whoever goes through it visits all of that.
   */
  #propertiesUntil(endTag: number, counts: number, length: number): void {
    for (let tag = this.#peekTag(); tag !== endTag; tag = this.#peekTag()) {
      const start = this.#position + 1;
      this.#value();
      if (this.#isPrototypeName(tag)) throw new Problem('a property is called "__proto__"');
      if (length < Infinity && this.#indexFrom(tag, start) >= length)
        throw new Problem(`an array of length ${length} has an element behind its end`);
      this.#value();
    }
    this.#position++;
    for (let count = 0; count < counts; count++) this.#varint();
  }

  /** Whether what was read last, a value with this tag, is the string `__proto__`. */
  #isPrototypeName(tag: number): boolean {
    const name = PROTOTYPE_NAMES.get(tag);
    if (name === undefined || name.length !== this.#lastSkip) return false;
    return name.equals(this.#bytes.subarray(this.#position - name.length, this.#position));
  }

  /** The index that the key is which was read last, with this tag and its content from `start` on; -1 for a name. */
  #indexFrom(tag: number, start: number): number {
    const content = this.#bytes.subarray(start, this.#position);
    switch (tag) {
      case 0x49: // I int32, zigzag
      case 0x55: {
        // U uint32
        this.#position = start;
        const number = this.#varint();
        if (tag === 0x55) return indexOf(String(number));
        return number % 2 === 0 ? number / 2 : -1;
      }
      case 0x4e: // N double
        return indexOf(String(new DataView(content.buffer, content.byteOffset).getFloat64(0, true)));
      case 0x53: // S string, UTF-8
      case 0x22: // " string, Latin-1
      case 0x63: // c string, UTF-16
        return indexOf(
          Buffer.from(content.subarray(-this.#lastSkip)).toString(tag === 0x63 ? "utf16le" : "latin1"),
        );
      default:
        return -1;
    }
  }

  #error(): void {
    for (;;) {
      switch (this.#byte()) {
        case 0x45: // E EvalError
        case 0x52: // R RangeError
        case 0x46: // F ReferenceError
        case 0x53: // S SyntaxError
        case 0x54: // T TypeError
        case 0x55: // U URIError
          break;
        case 0x6d: // m message
        case 0x63: // c cause
        case 0x73: // s stack
          this.#value();
          break;
        case 0x2e: // . end
          return;
        default:
          throw new Problem("it has an Error of an unknown form");
      }
    }
  }

  #tag(): number {
    const tag = this.#peekTag();
    this.#position++;
    return tag;
  }

  /** The next tag, behind the zero bytes that V8 puts in to align wide strings. */
  #peekTag(): number {
    while (this.#bytes[this.#position] === 0) this.#position++;
    const tag = this.#bytes[this.#position];
    if (tag === undefined) throw new Problem("it is cut off");
    return tag;
  }

  #byte(): number {
    const byte = this.#bytes[this.#position++];
    if (byte === undefined) throw new Problem("it is cut off");
    return byte;
  }

  /** An unsigned number of 32 bits. V8 cuts longer ones, so they must not pass: it would see another length than this class. */
  #varint(): number {
    let number = 0;
    for (let scale = 1; scale <= 2 ** 28; scale *= 128) {
      const byte = this.#byte();
      number += (byte & 0x7f) * scale;
      if (byte < 0x80) {
        if (number > 0xffff_ffff) break;
        return number;
      }
    }
    throw new Problem("it has a number of more than 32 bits");
  }

  #skip(length: number): void {
    if (length > this.#bytes.length - this.#position) throw new Problem("it is cut off");
    this.#position += length;
    this.#lastSkip = length;
  }
}

/**
 * Why these bytes must not be given to V8, or `undefined` when they may. Whether they are a well-formed value V8 finds
 * out by itself.
 *
 * @param bytes - a message in V8's format
 * @param viewKinds - how many kinds of views the reader knows
 */
export function findProblem(bytes: Uint8Array, viewKinds: number): string | undefined {
  try {
    new Inspector(bytes, viewKinds).message();
    return undefined;
  } catch (error) {
    if (error instanceof Problem) return error.message;
    throw error;
  }
}
