/** The most bytes that a header section may take, its empty line included. */
export const maxHeaderSection = 4096;

const lengthField = "content-length";

const carriageReturn = 0x0d;
const lineFeed = 0x0a;
const colon = 0x3a;
const space = 0x20;
const tab = 0x09;

/** What the next byte belongs to. Numbers, since the comparison runs for each byte. */
const atLineStart = 0;
const inName = 1;
const inOtherValue = 2;
const beforeDigits = 3;
const inDigits = 4;
const afterDigits = 5;
const atLineFeed = 6;
const atLastLineFeed = 7;

/** Whether a byte may be part of a field's name: `tchar` of RFC 9110, section 5.6.2. */
const isNameByte: readonly boolean[] = Array.from({ length: 256 }, (_, byte) =>
  /[!#$%&'*+.^_`|~0-9A-Za-z-]/.test(String.fromCharCode(byte)),
);

/** Reads a header section byte by byte, so that it may come in any pieces and none is looked at twice. It keeps no bytes. */
export class HeaderParser {
  /** Whether the empty line has come. */
  complete = false;
  /** The value of Content-Length, as far as it has come; -1 before. The caller stops when it grows too large. */
  contentLength = -1;
  #state = atLineStart;
  /** How many bytes of the name have come, and whether they are those of Content-Length. */
  #nameLength = 0;
  #nameMatches = true;

  /** Takes one byte. Says what is wrong with it, or `undefined`. */
  accept(byte: number): string | undefined {
    switch (this.#state) {
      case atLineStart:
        if (byte === carriageReturn) return this.#goTo(atLastLineFeed);
        this.#nameLength = 0;
        this.#nameMatches = true;
        this.#state = inName;
        return this.#acceptName(byte);
      case inName:
        return byte === colon ? this.#endName() : this.#acceptName(byte);
      case inOtherValue:
        if (byte === carriageReturn) return this.#goTo(atLineFeed);
        return byte === tab || (byte >= space && byte < 0x7f)
          ? undefined
          : unexpected(byte, "the value of a header field");
      case beforeDigits:
        if (byte === space || byte === tab) return undefined;
        this.#state = inDigits;
        this.contentLength = 0;
        return isDigit(byte)
          ? this.#acceptDigit(byte)
          : unexpected(byte, "Content-Length, which must be decimal digits");
      case inDigits:
        if (isDigit(byte)) return this.#acceptDigit(byte);
        this.#state = afterDigits;
        return this.#acceptAfterDigits(byte);
      case afterDigits:
        return this.#acceptAfterDigits(byte);
      case atLineFeed:
        return byte === lineFeed
          ? this.#goTo(atLineStart)
          : unexpected(byte, "a header line, after its carriage return");
      default:
        return byte === lineFeed ? this.#end() : unexpected(byte, "the empty line behind the header");
    }
  }

  /** Makes ready for the next header section. */
  reset(): void {
    this.complete = false;
    this.contentLength = -1;
    this.#state = atLineStart;
  }

  #goTo(state: number): string | undefined {
    this.#state = state;
    return undefined;
  }

  #acceptName(byte: number): string | undefined {
    if (isNameByte[byte] !== true) return unexpected(byte, "the name of a header field");
    // 0x20 makes capitals small; of the other name bytes none becomes a letter or a hyphen by it.
    this.#nameMatches &&= (byte | 0x20) === lengthField.charCodeAt(this.#nameLength);
    this.#nameLength++;
    return undefined;
  }

  #endName(): string | undefined {
    if (this.#nameLength === 0) return "A header field has no name";
    if (!this.#nameMatches || this.#nameLength !== lengthField.length) return this.#goTo(inOtherValue);
    // Two that differ are read differently by different programs; two that agree are no better a sign.
    if (this.contentLength !== -1) return "The header has a second Content-Length";
    return this.#goTo(beforeDigits);
  }

  #acceptDigit(byte: number): string | undefined {
    this.contentLength = this.contentLength * 10 + (byte - 0x30);
    return undefined;
  }

  #acceptAfterDigits(byte: number): string | undefined {
    if (byte === carriageReturn) return this.#goTo(atLineFeed);
    return byte === space || byte === tab
      ? undefined
      : unexpected(byte, "Content-Length, which must be decimal digits");
  }

  #end(): string | undefined {
    if (this.contentLength === -1) return "The header has no Content-Length";
    this.complete = true;
    return undefined;
  }
}

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}

function unexpected(byte: number, where: string): string {
  return `Byte 0x${byte.toString(16).padStart(2, "0")} is not allowed in ${where}`;
}
