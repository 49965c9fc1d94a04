import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { none } from "../../src/codec/index.js";
import { cut, decodeAll, encodeAll } from "./stream.js";

describe("none()", () => {
  it("says that it keeps no boundaries", () => {
    expect(none().boundaries).toBe("none");
    expect(none().overhead).toBe(0);
  });

  it("gives every byte in order, in pieces no larger than the limit", () => {
    const pieces = fc.array(fc.uint8Array({ minLength: 1, maxLength: 40 }), { maxLength: 8 });
    fc.assert(
      fc.property(
        pieces,
        fc.array(fc.nat(300)),
        fc.integer({ min: 1, max: 50 }),
        (sent, offsets, maxMessageSize) => {
          const bytes = encodeAll(none(), sent);
          const { messages, error } = decodeAll(none(), cut(bytes, offsets), maxMessageSize);
          expect(error).toBeUndefined();
          expect(Buffer.concat(messages)).toEqual(bytes);
          for (const { length } of messages) expect(length).toBeLessThanOrEqual(maxMessageSize);
        },
      ),
    );
  });

  it("refuses an empty message, of which nothing would be sent", () => {
    expect(none().refuse?.(Buffer.alloc(0))).toMatch(/empty/);
    expect(none().refuse?.(Buffer.alloc(1))).toBeUndefined();
  });

  it("refuses a limit under which no piece could be given", () => {
    expect(() => none().createDecoder(0)).toThrow(RangeError);
    expect(() => none().createDecoder(Number.NaN)).toThrow(RangeError);
  });
});
