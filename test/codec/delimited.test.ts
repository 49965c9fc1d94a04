import { describe, expect, it } from "vitest";
import { lines, nul } from "../../src/codec/index.js";
import { decodeAll } from "./stream.js";

const texts = (messages: readonly Buffer[]): string[] => messages.map((message) => message.toString());

describe("lines()", () => {
  it("gives what follows the last newline as a message when the stream ends", () => {
    const { messages, error } = decodeAll(lines(), [Buffer.from("one\n\nla"), Buffer.from("st")], 64);
    expect(texts(messages)).toEqual(["one", "", "last"]);
    expect(error).toBeUndefined();
  });

  it("keeps carriage returns, which are bytes of the message", () => {
    expect(texts(decodeAll(lines(), [Buffer.from("dos\r\n\r\nend\r")], 64).messages)).toEqual([
      "dos\r",
      "\r",
      "end\r",
    ]);
    expect(lines().refuse?.(Buffer.from("dos\r"))).toBeUndefined();
  });

  it("strips one carriage return before each end, where that is asked for", () => {
    const framing = lines({ stripCarriageReturn: true });
    const input = Buffer.from("dos\r\nunix\n\r\na\rb\r\r\nend\r");
    const expected = ["dos", "unix", "", "a\rb\r", "end"];
    expect(texts(decodeAll(framing, [input], 64).messages)).toEqual(expected);
    expect(
      texts(
        decodeAll(
          framing,
          Array.from(input, (byte) => Buffer.of(byte)),
          64,
        ).messages,
      ),
    ).toEqual(expected);
  });

  it("does not count the stripped carriage return against the limit", () => {
    const framing = lines({ stripCarriageReturn: true });
    const decode = (...pieces: string[]): string[] | string => {
      const { messages, error } = decodeAll(
        framing,
        pieces.map((piece) => Buffer.from(piece)),
        4,
      );
      return error?.code ?? texts(messages);
    };
    expect(decode("four\r\n")).toEqual(["four"]);
    expect(decode("four\r", "\n")).toEqual(["four"]);
    expect(decode("four\r")).toEqual(["four"]);
    expect(decode("four\r", "x")).toBe("ERR_MESSAGE_TOO_LARGE");
    expect(decode("four\r", "\r\n")).toBe("ERR_MESSAGE_TOO_LARGE");
  });

  it("refuses to frame a message with a newline in it, and says where", () => {
    const reason = "it has a newline at offset 1, where the peer would take it for the end";
    expect(lines().refuse?.(Buffer.from("a\nb"))).toBe(reason);
    const memory = new Uint8Array(Buffer.from("..a\nb\n")).buffer;
    expect(lines().refuse?.(new Uint8Array(memory, 2, 3))).toBe(reason);
    expect(lines().refuse?.(new Uint8Array(memory, 2, 1))).toBeUndefined();
  });

  it("refuses to frame a message that ends with the carriage return that the peer would strip", () => {
    const framing = lines({ stripCarriageReturn: true });
    expect(framing.refuse?.(Buffer.from("dos\r"))).toMatch(/carriage return/);
    expect(framing.refuse?.(Buffer.from("d\ros"))).toBeUndefined();
    expect(framing.refuse?.(Buffer.alloc(0))).toBeUndefined();
  });

  it("refuses an option of the wrong type", () => {
    expect(() => lines({ stripCarriageReturn: "yes" as unknown as boolean })).toThrow(
      /stripCarriageReturn .* not "yes"/,
    );
  });
});

describe("nul()", () => {
  it("reads what find -print0 writes, and a last name without its NUL", () => {
    expect(texts(decodeAll(nul(), [Buffer.from("a b\0c\nd\0\0e")], 64).messages)).toEqual([
      "a b",
      "c\nd",
      "",
      "e",
    ]);
  });

  it("refuses to frame a message with a NUL byte in it", () => {
    expect(nul().refuse?.(Buffer.from("a\0b"))).toMatch(/a NUL byte at offset 1/);
    expect(nul().refuse?.(Buffer.from("a\r\nb\r"))).toBeUndefined();
  });
});

describe.each([
  ["lines()", lines(), 0x0a],
  ["nul()", nul(), 0x00],
])("the decoder of %s", (_name, framing, delimiter) => {
  it("enforces the limit while no end comes", () => {
    const pieces = Array.from({ length: 10 }, () => Buffer.alloc(10, "x"));
    const { messages, error } = decodeAll(framing, pieces, 64);
    expect(messages).toEqual([]);
    expect(error?.code).toBe("ERR_MESSAGE_TOO_LARGE");
    expect(error?.message).toContain("at least 70 bytes");
  });

  it("looks at each byte of a long message once, wherever the bytes have moved", () => {
    const decoder = framing.createDecoder(Infinity);
    const searchedFrom: number[] = [];
    for (let length = 1000; length <= 5000; length += 1000) {
      const start = length / 100;
      const bytes = Buffer.alloc(start + length, "x");
      Object.defineProperty(bytes, "indexOf", {
        value(byte: number, from: number): number {
          searchedFrom.push(from - start);
          return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).indexOf(byte, from);
        },
      });
      expect(decoder.find(bytes, start, bytes.length)).toBe(false);
    }
    expect(searchedFrom).toEqual([0, 1000, 2000, 3000, 4000]);
  });

  it("finds its way in a large memory of which little is filled", () => {
    const memory = Buffer.alloc(1024 * 1024, "x");
    const decoder = framing.createDecoder(64);
    memory[30] = delimiter;
    memory[60] = delimiter;
    expect(decoder.find(memory, 10, 30)).toBe(false);
    expect(decoder.find(memory, 10, 59)).toBe(true);
    expect([decoder.payloadStart, decoder.payloadEnd, decoder.frameEnd]).toEqual([10, 30, 31]);
    expect(decoder.find(memory, 31, 31)).toBe(false);
    expect(decoder.find(memory, 31, 60)).toBe(false);
    expect(decoder.needed).toBe(30);
    expect(decoder.find(memory, 31, 61)).toBe(true);
    expect([decoder.payloadStart, decoder.payloadEnd, decoder.frameEnd]).toEqual([31, 60, 61]);
  });

  it("does not search a large memory far behind the end of the stream", () => {
    const memory = Buffer.alloc(1024 * 1024, "x");
    Object.defineProperty(memory, "indexOf", {
      value: () => {
        throw new Error("searched to the end of the memory");
      },
    });
    expect(framing.createDecoder(64).find(memory, 0, 10)).toBe(false);
  });
});
