import { describe, expect, it } from "vitest";
import { lengthPrefixed, type LengthPrefixedOptions } from "../../src/codec/index.js";
import { decodeAll, encodeAll } from "./stream.js";

describe("lengthPrefixed()", () => {
  it("writes the length in the order and size that its options say", () => {
    const header = (options: LengthPrefixedOptions, length: number): string => {
      const target = Buffer.alloc(4);
      return target.subarray(0, lengthPrefixed(options).writeHeader(target, 0, length)).toString("hex");
    };
    expect(header({}, 0x01020304)).toBe("04030201");
    expect(header({}, 0xfffefdfc)).toBe("fcfdfeff");
    expect(header({ byteOrder: "big" }, 0xfffefdfc)).toBe("fffefdfc");
    expect(header({ bytes: 2 }, 0xfeff)).toBe("fffe");
    expect(header({ bytes: 2, byteOrder: "big" }, 0xfeff)).toBe("feff");
  });

  it("cuts off a peer that announces 4 GiB, from the header alone", () => {
    const { messages, error } = decodeAll(
      lengthPrefixed(),
      [Buffer.from("ffffffff", "hex")],
      16 * 1024 * 1024,
    );
    expect(messages).toEqual([]);
    expect(error?.code).toBe("ERR_MESSAGE_TOO_LARGE");
    expect(error?.message).toContain("4294967295");
  });

  it("reads a length with the highest bit set as a positive number", () => {
    const decoder = lengthPrefixed().createDecoder(Infinity);
    expect(decoder.find(Buffer.from("000000f0", "hex"), 0, 4)).toBe(false);
    expect(decoder.needed).toBe(0xf0000000 + 4);
  });

  it("tells exactly how many bytes the frame takes", () => {
    const decoder = lengthPrefixed().createDecoder(1024);
    const bytes = Buffer.concat([Buffer.alloc(3), encodeAll(lengthPrefixed(), [Buffer.alloc(300)])]);
    expect(decoder.needed).toBe(4);
    expect(decoder.find(bytes, 3, 5)).toBe(false);
    expect(decoder.needed).toBe(4);
    expect(decoder.find(bytes, 3, 7)).toBe(false);
    expect(decoder.needed).toBe(304);
    expect(decoder.find(bytes, 3, 306)).toBe(false);
    expect(decoder.find(bytes, 3, 307)).toBe(true);
  });

  it("fails with ERR_MESSAGE_TRUNCATED when the stream ends within the length or within the message", () => {
    const bytes = encodeAll(lengthPrefixed(), [Buffer.from("whole"), Buffer.from("cut")]);
    for (const length of [bytes.length - 1, bytes.length - 3, bytes.length - 6]) {
      const { messages, error } = decodeAll(lengthPrefixed(), [bytes.subarray(0, length)], 64);
      expect(messages).toEqual([Buffer.from("whole")]);
      expect(error?.code).toBe("ERR_MESSAGE_TRUNCATED");
    }
  });

  it("says how large a payload its length can tell", () => {
    expect(lengthPrefixed({ bytes: 2 }).maxPayload).toBe(0xffff);
    expect(lengthPrefixed().maxPayload).toBe(0xffff_ffff);
  });

  it("refuses options that it does not know, and names them", () => {
    expect(() => lengthPrefixed({ bytes: 3 as 4 })).toThrow(
      new RangeError("The option bytes of lengthPrefixed() must be 2 or 4, not the number 3"),
    );
    expect(() => lengthPrefixed({ byteOrder: "middle" as "big" })).toThrow(/byteOrder .* not "middle"/);
  });
});
