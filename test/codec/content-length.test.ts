import { describe, expect, it } from "vitest";
import { contentLength } from "../../src/codec/index.js";
import { decodeAll, encodeAll, type Decoded } from "./stream.js";

const decode = (stream: string, maxMessageSize = 1000): Decoded =>
  decodeAll(contentLength(), [Buffer.from(stream, "latin1")], maxMessageSize);

const messagesOf = (stream: string): string[] => {
  const { messages, error } = decode(stream);
  expect(error).toBeUndefined();
  return messages.map((message) => message.toString());
};

describe("contentLength()", () => {
  it("writes the header of the Language Server Protocol", () => {
    expect(encodeAll(contentLength(), [Buffer.from("{}"), Buffer.alloc(0)]).toString()).toBe(
      "Content-Length: 2\r\n\r\n{}Content-Length: 0\r\n\r\n",
    );
  });

  it.each([
    [
      "a Content-Type before it",
      "Content-Type: application/vscode-jsonrpc; charset=utf-8\r\nContent-Length: 2\r\n\r\n{}",
    ],
    ["a Content-Type behind it", "Content-Length: 2\r\nContent-Type: application/vscode-jsonrpc\r\n\r\n{}"],
    ["small letters", "content-length: 2\r\n\r\n{}"],
    ["capitals", "CONTENT-LENGTH: 2\r\n\r\n{}"],
    ["no space behind the colon", "Content-Length:2\r\n\r\n{}"],
    ["spaces and tabs around the number", "Content-Length: \t 2 \t\r\n\r\n{}"],
    ["zeros before the number", "Content-Length: 0002\r\n\r\n{}"],
    [
      "fields with similar names",
      "Content-Lengths: 9\r\nContent-Lengt: 9\r\nX: \r\nContent-Length: 2\r\n\r\n{}",
    ],
  ])("reads a header with %s", (_what, frame) => {
    expect(messagesOf(frame + frame)).toEqual(["{}", "{}"]);
  });

  it.each([
    ["no Content-Length", "Content-Type: text/plain\r\n\r\n", "no Content-Length"],
    ["nothing at all", "\r\n{}", "no Content-Length"],
    [
      "two Content-Lengths, even if they agree",
      "Content-Length: 2\r\ncontent-length: 2\r\n\r\n{}",
      "second Content-Length",
    ],
    ["a negative length", "Content-Length: -2\r\n\r\n{}", "decimal digits"],
    ["a length with a sign", "Content-Length: +2\r\n\r\n{}", "decimal digits"],
    ["a hexadecimal length", "Content-Length: 0x2\r\n\r\n{}", "decimal digits"],
    ["a fractional length", "Content-Length: 2.0\r\n\r\n{}", "decimal digits"],
    ["an exponent", "Content-Length: 1e1\r\n\r\n{}", "decimal digits"],
    ["two numbers", "Content-Length: 2 2\r\n\r\n{}", "decimal digits"],
    ["an empty length", "Content-Length: \r\n\r\n{}", "decimal digits"],
    ["newlines alone", "Content-Length: 2\n\n{}", "0x0a"],
    ["a newline alone at the end", "Content-Length: 2\r\n\n{}", "0x0a"],
    ["a carriage return alone", "Content-Length: 2\rX: y\r\n\r\n{}", "carriage return"],
    ["a broken empty line", "Content-Length: 2\r\n\r{}", "empty line"],
    ["a space before the colon", "Content-Length : 2\r\n\r\n{}", "0x20"],
    ["a folded line", "Content-Length: 2\r\n more\r\n\r\n{}", "0x20"],
    ["a field without a name", ": 2\r\n\r\n{}", "0x3a"],
    ["a line without a colon", "garbage\r\n\r\n", "0x0d"],
    ["a control character in a value", "X: a\0b\r\nContent-Length: 2\r\n\r\n{}", "0x00"],
    ["a byte outside ASCII", "X: \xe9\r\nContent-Length: 2\r\n\r\n{}", "0xe9"],
    ["an HTTP request", "POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}", "0x20"],
    ["JSON without a header", '{"jsonrpc":"2.0"}', "0x7b"],
  ])("refuses a header with %s", (_what, stream, reason) => {
    const { messages, error } = decode(stream);
    expect(messages).toEqual([]);
    expect(error?.code).toBe("ERR_INVALID_MESSAGE");
    expect(error?.message).toContain(reason);
  });

  it("refuses a length over the limit before the header has ended", () => {
    expect(decode("Content-Length: 1001", 1000).error?.code).toBe("ERR_MESSAGE_TOO_LARGE");
  });

  it("refuses a length that no number can tell exactly, also without a limit", () => {
    const stream = Buffer.from(`Content-Length: ${"9".repeat(400)}\r\n\r\n`);
    expect(decodeAll(contentLength(), [stream], Infinity).error?.code).toBe("ERR_MESSAGE_TOO_LARGE");
  });

  it("takes a header section of exactly 4096 bytes and refuses a longer one", () => {
    const header = (size: number): string => {
      const rest = "\r\nContent-Length: 2\r\n\r\n";
      return `X: ${"y".repeat(size - 3 - rest.length)}${rest}`;
    };
    expect(messagesOf(`${header(4096)}{}`)).toEqual(["{}"]);
    expect(decode(`${header(4097)}{}`).error?.message).toContain("longer than 4096 bytes");
    expect(decode(`X: ${"y".repeat(5000)}`).error?.code).toBe("ERR_INVALID_MESSAGE");
  });

  it("tells exactly how many bytes the frame takes once it has the header", () => {
    const decoder = contentLength().createDecoder(1000);
    const bytes = Buffer.from("Content-Length: 500\r\n\r\n{}");
    expect(decoder.needed).toBe("content-length:0\r\n\r\n".length);
    expect(decoder.find(bytes, 0, 22)).toBe(false);
    expect(decoder.needed).toBe(23);
    expect(decoder.find(bytes, 0, 23)).toBe(false);
    expect(decoder.needed).toBe(523);
  });

  it("fails with ERR_MESSAGE_TRUNCATED when the stream ends in the header or in the message", () => {
    const stream = "Content-Length: 2\r\n\r\n{}";
    for (let length = 1; length < stream.length; length++) {
      expect(decode(stream.slice(0, length)).error?.code).toBe("ERR_MESSAGE_TRUNCATED");
    }
  });
});
