/*
 * A look through bytes of MessagePack before a decoder reads them. Decoders allocate the announced length of an array before its elements are there, know no
 * limit of depth, and change in silence what JavaScript cannot hold. Source: https://github.com/msgpack/msgpack/blob/master/spec.md
 */
const { isUtf8 } = process.getBuiltinModule("node:buffer");

/** How many arrays and maps may be within each other. */
export const MOST_DEPTH = 1000;
/** Up to this length a string is looked at byte by byte; a call for it costs more. */
const SHORT = 24;
const PROTOTYPE_NAME: Buffer = Buffer.from("__proto__");
const TIMESTAMP = -1;

/** What is wrong with these bytes. */
class Problem extends Error {}

class Inspector {
  /** Whether decoding gives views into the memory of the bytes. */
  hasBinary = false;
  readonly #bytes: Buffer;
  readonly #isForeign: boolean;
  #position = 0;
  /** Where the bytes of the last string, binary data or extension begin, behind their head. */
  #contentBegin = 0;

  constructor(bytes: Buffer, isForeign: boolean) {
    this.#bytes = bytes;
    this.#isForeign = isForeign;
  }

  message(): void {
    this.#value(0);
    const rest = this.#bytes.length - this.#position;
    if (rest > 0) throw new Problem(`${rest} bytes follow the value`);
  }

  #value(depth: number): void {
    const head = this.#number(1);
    if (head < 0x80 || head >= 0xe0) return; // small integers
    if (head < 0x90) this.#map(head & 0x0f, depth);
    else if (head < 0xa0) this.#array(head & 0x0f, depth);
    else if (head < 0xc0) this.#string(head & 0x1f);
    else this.#wide(head, depth);
  }

  #wide(head: number, depth: number): void {
    switch (head) {
      case 0xc0: // nil
      case 0xc2: // false
      case 0xc3: // true
        return;
      case 0xc4: // bin 8, 16, 32
      case 0xc5:
      case 0xc6:
        this.hasBinary = true;
        this.#content(this.#number(1 << (head - 0xc4)));
        return;
      case 0xc7: // ext 8, 16, 32
      case 0xc8:
      case 0xc9:
        this.#extension(this.#number(1 << (head - 0xc7)));
        return;
      case 0xca: // float 32
        this.#skip(4);
        return;
      case 0xcb: // float 64
        this.#skip(8);
        return;
      case 0xcc: // uint 8, 16, 32
      case 0xcd:
      case 0xce:
        this.#skip(1 << (head - 0xcc));
        return;
      case 0xcf: // uint 64
      case 0xd3: // int 64
        this.#wideInteger(head);
        return;
      case 0xd0: // int 8, 16, 32
      case 0xd1:
      case 0xd2:
        this.#skip(1 << (head - 0xd0));
        return;
      case 0xd4: // fixext 1, 2, 4, 8, 16
      case 0xd5:
      case 0xd6:
      case 0xd7:
      case 0xd8:
        this.#extension(1 << (head - 0xd4));
        return;
      case 0xd9: // str 8, 16, 32
      case 0xda:
      case 0xdb:
        this.#string(this.#number(1 << (head - 0xd9)));
        return;
      case 0xdc: // array 16, 32
      case 0xdd:
        this.#array(this.#number(2 << (head - 0xdc)), depth);
        return;
      case 0xde: // map 16, 32
      case 0xdf:
        this.#map(this.#number(2 << (head - 0xde)), depth);
        return;
      default:
        throw new Problem(`it has a value of an unknown kind (0x${head.toString(16)})`);
    }
  }

  // Each element takes a byte at least: a length that was announced and is not there ends the loop where the bytes end.
  #array(length: number, depth: number): void {
    checkDepth(depth);
    for (let left = length; left > 0; left--) this.#value(depth + 1);
  }

  #map(length: number, depth: number): void {
    checkDepth(depth);
    for (let left = length; left > 0; left--) {
      const begin = this.#position;
      this.#value(depth + 1);
      if (this.#position - begin > PROTOTYPE_NAME.length && this.#endsWithPrototypeName())
        throw new Problem('a key is "__proto__"');
      this.#value(depth + 1);
    }
  }

  /** A string, whatever the form of its head; or bytes, or an array with the string in it, of which a lenient decoder makes one. */
  #endsWithPrototypeName(): boolean {
    if (this.#position - this.#contentBegin !== PROTOTYPE_NAME.length) return false;
    return PROTOTYPE_NAME.equals(this.#bytes.subarray(this.#contentBegin, this.#position));
  }

  #content(length: number): void {
    this.#contentBegin = this.#position;
    this.#skip(length);
  }

  #string(length: number): void {
    this.#content(length);
    let at = this.#contentBegin;
    if (length <= SHORT) while (at < this.#position && (this.#bytes[at] ?? 0) < 0x80) at++;
    if (at < this.#position && !isUtf8(this.#bytes.subarray(at, this.#position)))
      throw new Problem("it has a string that is not valid UTF-8");
  }

  #wideInteger(head: number): void {
    const begin = this.#position;
    this.#skip(8);
    if (this.#isForeign) return;
    const high = head === 0xcf ? this.#bytes.readUInt32BE(begin) : this.#bytes.readInt32BE(begin);
    if (!Number.isSafeInteger(high * 2 ** 32 + this.#bytes.readUInt32BE(begin + 4)))
      throw new Problem("it has an integer beyond 2 ** 53, which a number cannot hold exactly");
  }

  #extension(length: number): void {
    this.hasBinary = true;
    const type = (this.#number(1) << 24) >> 24;
    const begin = this.#position;
    this.#content(length);
    if (this.#isForeign) return;
    if (type !== TIMESTAMP) throw new Problem(`it has a value of the extension type ${type}`);
    if (length !== 4 && length !== 8 && length !== 12)
      throw new Problem(`it has a timestamp of ${length} bytes`);
    if (length === 12) {
      const seconds = this.#bytes.readInt32BE(begin + 4) * 2 ** 32 + this.#bytes.readUInt32BE(begin + 8);
      if (Math.abs(seconds) > LATEST_SECONDS) throw new Problem("it has a timestamp that no Date can hold");
    }
  }

  /** An unsigned number of 1, 2 or 4 bytes. */
  #number(size: number): number {
    const begin = this.#position;
    this.#skip(size);
    let number = 0;
    for (let at = begin; at < begin + size; at++) number = number * 256 + (this.#bytes[at] ?? 0);
    return number;
  }

  #skip(length: number): void {
    if (length > this.#bytes.length - this.#position) throw new Problem("it is cut off");
    this.#position += length;
  }
}

/** The end of time of `Date`, ECMA-262. */
const LATEST_SECONDS = 8.64e12;

function checkDepth(depth: number): void {
  if (depth >= MOST_DEPTH)
    throw new Problem(`it has more than ${MOST_DEPTH} arrays and maps within each other`);
}

/** What a look at the bytes has brought. */
export interface Inspection {
  /** Why these bytes must not be given to a decoder; `undefined` when they may. */
  readonly problem: string | undefined;
  /** Whether decoding gives views into the memory of the bytes. */
  readonly hasBinary: boolean;
}

/**
 * Looks through a message.
 *
 * @param bytes - the message
 * @param isForeign - whether another decoder than the one we know reads it, which may know more extension types, and integers of 64 bits
 */
export function inspectMsgpack(bytes: Buffer, isForeign: boolean): Inspection {
  const inspector = new Inspector(bytes, isForeign);
  let problem: string | undefined;
  try {
    inspector.message();
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    problem = error.message;
  }
  return { problem, hasBinary: inspector.hasBinary };
}
