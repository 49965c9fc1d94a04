import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Framing } from "../../src/core/codec.js";
import { contentLength, lengthPrefixed, lines, nul } from "../../src/codec/index.js";
import { cut, decodeAll, encodeAll } from "./stream.js";

const maxMessageSize = 64;

const framings: readonly [string, Framing][] = [
  ["lengthPrefixed()", lengthPrefixed()],
  ['lengthPrefixed({ byteOrder: "big" })', lengthPrefixed({ byteOrder: "big" })],
  ["lengthPrefixed({ bytes: 2 })", lengthPrefixed({ bytes: 2 })],
  ['lengthPrefixed({ bytes: 2, byteOrder: "big" })', lengthPrefixed({ bytes: 2, byteOrder: "big" })],
  ["lines()", lines()],
  ["lines({ stripCarriageReturn: true })", lines({ stripCarriageReturn: true })],
  ["nul()", nul()],
  ["contentLength()", contentLength()],
];

/** Bytes among which those that framings are made of are frequent. */
const spicyBytes = fc
  .array(fc.oneof(fc.integer({ min: 0, max: 255 }), fc.constantFrom(0x00, 0x0a, 0x0d, 0x3a, 0x43, 0x35)), {
    maxLength: maxMessageSize,
  })
  .map((bytes) => Buffer.from(bytes));

/** What garbage may be: random bytes, and pieces of headers in a wrong order. */
const garbage = fc
  .array(
    fc.oneof(
      spicyBytes,
      fc
        .constantFrom(
          "Content-Length: ",
          "content-length:",
          "7",
          "-1",
          "99999999999999999999",
          "\r\n",
          "\r",
          "\n",
          "\0",
          "X-Y: z",
        )
        .map((part) => Buffer.from(part)),
    ),
    { maxLength: 12 },
  )
  .map((parts) => Buffer.concat(parts));

const cuts = fc.array(fc.nat(400), { maxLength: 12 });

describe.each(framings)("%s", (_name, framing) => {
  const message = spicyBytes.filter((payload) => framing.refuse?.(payload) === undefined);
  const messages = fc.array(message, { maxLength: 6 });

  it("gives back the messages that were sent, whatever pieces they arrive in", () => {
    fc.assert(
      fc.property(messages, cuts, (sent, offsets) => {
        const bytes = encodeAll(framing, sent);
        expect(decodeAll(framing, cut(bytes, offsets), maxMessageSize)).toEqual({
          messages: sent,
          error: undefined,
        });
      }),
      { numRuns: 500 },
    );
  });

  it("gives back the messages at every cut in two, and byte by byte", () => {
    fc.assert(
      fc.property(messages, (sent) => {
        const bytes = encodeAll(framing, sent);
        const expected = { messages: sent, error: undefined };
        for (let offset = 0; offset <= bytes.length; offset++) {
          expect(decodeAll(framing, cut(bytes, [offset]), maxMessageSize)).toEqual(expected);
        }
        const everywhere = Array.from(bytes, (_, offset) => offset);
        expect(decodeAll(framing, cut(bytes, everywhere), maxMessageSize)).toEqual(expected);
      }),
      { numRuns: 20 },
    );
  });

  it("reads garbage the same in every cut, and never gives a message over the limit", () => {
    fc.assert(
      fc.property(garbage, cuts, (bytes, offsets) => {
        const whole = decodeAll(framing, [bytes], maxMessageSize);
        const inPieces = decodeAll(framing, cut(bytes, offsets), maxMessageSize);
        expect(inPieces.messages).toEqual(whole.messages);
        expect(inPieces.error?.code).toBe(whole.error?.code);
        for (const { length } of whole.messages) expect(length).toBeLessThanOrEqual(maxMessageSize);
      }),
      { numRuns: 1000 },
    );
  });

  it("reads garbage behind good messages without losing the messages", () => {
    fc.assert(
      fc.property(messages, garbage, cuts, (sent, bytes, offsets) => {
        const stream = Buffer.concat([encodeAll(framing, sent), bytes]);
        const { messages: received } = decodeAll(framing, cut(stream, offsets), maxMessageSize);
        expect(received.slice(0, sent.length)).toEqual(sent);
      }),
    );
  });

  it("takes a message of exactly the limit and refuses one byte more", () => {
    const largest = Buffer.alloc(maxMessageSize, "x");
    const bytes = encodeAll(framing, [largest, Buffer.alloc(maxMessageSize + 1, "x")]);
    const { messages: received, error } = decodeAll(framing, [bytes], maxMessageSize);
    expect(received).toEqual([largest]);
    expect(error?.code).toBe("ERR_MESSAGE_TOO_LARGE");
    expect(error?.message).toContain(String(maxMessageSize));
  });

  it("keeps empty messages, also under a limit of 0", () => {
    const sent = [Buffer.alloc(0), Buffer.alloc(0), Buffer.alloc(0)];
    expect(decodeAll(framing, [encodeAll(framing, sent)], 0)).toEqual({ messages: sent, error: undefined });
    expect(decodeAll(framing, [encodeAll(framing, [Buffer.from("x")])], 0).error?.code).toBe(
      "ERR_MESSAGE_TOO_LARGE",
    );
  });

  it("ends without a message and without an error when nothing came", () => {
    expect(decodeAll(framing, [], maxMessageSize)).toEqual({ messages: [], error: undefined });
  });

  it("serves several streams at once", () => {
    const first = framing.createDecoder(maxMessageSize);
    const second = framing.createDecoder(maxMessageSize);
    const bytes = encodeAll(framing, [Buffer.from("abc")]);
    expect(first.find(bytes, 0, bytes.length - 1)).toBe(false);
    expect(second.find(bytes, 0, bytes.length)).toBe(true);
    expect(first.find(bytes, 0, bytes.length)).toBe(true);
  });

  it("adds at most its overhead to a message", () => {
    const bytes = Buffer.alloc(framing.overhead);
    const behindHeader = framing.writeHeader(bytes, 0, 0xffff);
    expect(framing.writeTrailer(bytes, behindHeader)).toBeLessThanOrEqual(framing.overhead);
  });

  it("refuses a maximum that is no size", () => {
    for (const wrong of [-1, Number.NaN, "64" as unknown as number]) {
      expect(() => framing.createDecoder(wrong)).toThrow(RangeError);
    }
  });
});
