import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FrameError, lengthPrefixed, lines, nul } from "sluice";
import { FrameReader } from "../../src/core/frame-reader.js";
import { encodeAll } from "../codec/stream.js";

const LIMIT = 1_000_000;
const KIB = 1024;

/** Reads a stream in pieces of these sizes, as a channel does, and gives the messages. */
function readAll(reader: FrameReader, stream: Buffer, pieces: readonly number[]): Buffer[] {
  const messages: Buffer[] = [];
  let offset = 0;
  for (let turn = 0; offset < stream.length; turn++) {
    const memory = reader.buffer();
    if (memory.length === 0) throw new Error("there is no memory to read to");
    const wanted = pieces.length === 0 ? stream.length : pieces[turn % pieces.length]!;
    const count = Math.min(wanted, memory.length, stream.length - offset);
    memory.set(stream.subarray(offset, offset + count));
    offset += count;
    reader.filled(count);
    for (let message = reader.next(); message !== undefined; message = reader.next()) messages.push(message);
  }
  return messages;
}

/** Messages whose lengths are those of the interesting places: nothing, little, about a slab, more than one. */
const messageArbitrary: fc.Arbitrary<Buffer> = fc
  .tuple(
    fc.oneof(
      { weight: 6, arbitrary: fc.integer({ min: 0, max: 300 }) },
      { weight: 2, arbitrary: fc.integer({ min: 60 * KIB, max: 70 * KIB }) },
      { weight: 1, arbitrary: fc.integer({ min: 70 * KIB, max: 300 * KIB }) },
    ),
    fc.integer({ min: 14, max: 255 }),
  )
  .map(([length, fill]) => Buffer.alloc(length, fill));

describe("FrameReader", () => {
  for (const framing of [lengthPrefixed(), lines(), nul()]) {
    it(`cuts the same messages out of any split of a stream, and never writes to them again (${framing.name})`, () => {
      fc.assert(
        fc.property(
          fc.array(messageArbitrary, { maxLength: 20 }),
          fc.array(fc.integer({ min: 1, max: 90_000 }), { minLength: 1, maxLength: 20 }),
          (messages, pieces) => {
            const reader = new FrameReader(framing.createDecoder(LIMIT));
            // With a large piece among them, so that a stream of megabytes does not come byte by byte.
            const received = readAll(reader, encodeAll(framing, messages), [...pieces, 90_000]);
            expect(received.length).toBe(messages.length);
            // Compared at the end: until then the reader has had every occasion to write there.
            for (const [index, message] of received.entries())
              expect(message.equals(messages[index]!)).toBe(true);
            expect(reader.finish()).toBeUndefined();
          },
        ),
        { numRuns: 60 },
      );
    });
  }

  it("cuts every split in two, and byte by byte", () => {
    const framing = lengthPrefixed();
    const messages = ["", "a", "two words", "", "ü"].map((text) => Buffer.from(text));
    const stream = encodeAll(framing, messages);
    for (let split = 1; split <= stream.length; split++) {
      const reader = new FrameReader(framing.createDecoder(LIMIT));
      expect(readAll(reader, stream, [split, stream.length])).toEqual(messages);
    }
    expect(readAll(new FrameReader(framing.createDecoder(LIMIT)), stream, [1])).toEqual(messages);
  });

  it("reads a large message into memory of its own size, and no more", () => {
    const framing = lengthPrefixed();
    const message = Buffer.alloc(500 * KIB, 7);
    const [received] = readAll(
      new FrameReader(framing.createDecoder(LIMIT)),
      encodeAll(framing, [message]),
      [],
    );
    expect(received?.equals(message)).toBe(true);
    expect(received?.buffer.byteLength).toBe(message.length + 4);
  });

  it("reads a long line in a few pieces of memory, though nobody knows where it ends", () => {
    const reader = new FrameReader(lines().createDecoder(LIMIT));
    const memories = new Set<ArrayBufferLike>();
    let line: Buffer | undefined;
    for (let sent = 0; line === undefined;) {
      const memory = reader.buffer();
      memories.add(memory.buffer);
      if (memories.size > 10) throw new Error(`${memories.size} pieces of memory for ${sent} bytes`);
      const count = Math.min(memory.length, 900 * KIB - sent);
      memory.fill(0x78, 0, count);
      if (sent + count === 900 * KIB) memory.fill(0x0a, count - 1, count);
      reader.filled(count);
      sent += count;
      line = reader.next();
    }
    expect(line.length).toBe(900 * KIB - 1);
    expect(line.every((byte) => byte === 0x78)).toBe(true);
  });

  it("lets small messages share memory that no other message is written to", () => {
    const framing = lengthPrefixed();
    const messages = Array.from({ length: 100 }, (_, index) => Buffer.alloc(50, index));
    const received = readAll(
      new FrameReader(framing.createDecoder(LIMIT)),
      encodeAll(framing, messages),
      [777],
    );
    expect(new Set(received.map((message) => message.buffer)).size).toBe(1);
    for (const message of received) message.fill(0xff);
    expect(received.every((message) => message.every((byte) => byte === 0xff))).toBe(true);
  });

  it("begins a slab anew rather than another as long as no message was cut from it", () => {
    const reader = new FrameReader(lines().createDecoder(LIMIT));
    const first = reader.buffer();
    expect(reader.buffer().buffer).toBe(first.buffer);
    reader.filled(0);
    expect(reader.buffer().buffer).toBe(first.buffer);
  });

  it("takes no memory for a message that is announced over the limit", () => {
    const reader = new FrameReader(lengthPrefixed().createDecoder(1000));
    reader.buffer().set([0xff, 0xff, 0xff, 0xff]);
    reader.filled(4);
    expect(() => reader.next()).toThrow(FrameError);
    expect(() => reader.next()).toThrow(FrameError);
    expect(reader.buffer().length).toBeLessThanOrEqual(64 * KIB);
  });

  it("tells a message that the end has cut", () => {
    const reader = new FrameReader(lengthPrefixed().createDecoder(LIMIT));
    reader.buffer().set([10, 0, 0, 0, 1, 2]);
    reader.filled(6);
    expect(reader.next()).toBeUndefined();
    expect(() => reader.finish()).toThrow(expect.objectContaining({ code: "ERR_MESSAGE_TRUNCATED" }));
  });

  it("gives the last line at the end though nothing ends it", () => {
    const reader = new FrameReader(lines().createDecoder(LIMIT));
    reader.buffer().set(Buffer.from("one\ntwo"));
    reader.filled(7);
    expect(String(reader.next())).toBe("one");
    expect(reader.next()).toBeUndefined();
    expect(String(reader.finish())).toBe("two");
    expect(reader.finish()).toBeUndefined();
  });

  it("is empty after clear", () => {
    const reader = new FrameReader(lines().createDecoder(LIMIT));
    reader.buffer().set(Buffer.from("half"));
    reader.filled(4);
    reader.clear();
    expect(reader.finish()).toBeUndefined();
    reader.buffer().set(Buffer.from("new\n"));
    reader.filled(4);
    expect(String(reader.next())).toBe("new");
  });
});
