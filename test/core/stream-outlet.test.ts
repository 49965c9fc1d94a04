import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { lengthPrefixed, lines } from "sluice";
import type { ByteStream } from "../../src/core/byte-stream.js";
import { StreamOutlet } from "../../src/core/stream-outlet.js";

const LIMITS = { bytes: 100_000, messages: 50 };

/** A stream whose kernel takes a write at once, or later when the test says so. */
class ScriptedStream implements ByteStream {
  readonly writes: Buffer[] = [];
  takesAtOnce = true;
  waiting = false;

  start(): void {
    throw new Error("the outlet does not start its stream");
  }

  write(chunks: readonly Uint8Array[]): boolean {
    expect(this.waiting, "a second write before the first was taken").toBe(false);
    expect(chunks.length).toBeGreaterThan(0);
    // Copied now: what the outlet writes to this memory later is no part of it.
    this.writes.push(Buffer.concat(chunks));
    if (!this.takesAtOnce) this.waiting = true;
    return this.takesAtOnce;
  }

  resume(): void {
    throw new Error("the outlet does not read");
  }

  pause(): void {
    throw new Error("the outlet does not read");
  }

  close(): void {
    throw new Error("the outlet does not close its stream");
  }

  setRef(): void {
    throw new Error("the outlet does not hold the process");
  }
}

/** The messages in a stream of length-prefixed frames. */
function decode(stream: Buffer): Buffer[] {
  const messages: Buffer[] = [];
  for (let offset = 0; offset < stream.length;) {
    const length = stream.readUInt32LE(offset);
    messages.push(stream.subarray(offset + 4, offset + 4 + length));
    offset += 4 + length;
  }
  return messages;
}

function setUp(atomicSize?: number): { stream: ScriptedStream; outlet: StreamOutlet; left: () => number } {
  const stream = new ScriptedStream();
  let left = 0;
  const outlet: StreamOutlet = new StreamOutlet(stream, lengthPrefixed(), LIMITS, atomicSize, () => {
    left = outlet.left;
  });
  return { stream, outlet, left: () => left };
}

const nextTurn = () => new Promise((resolve) => setImmediate(resolve));

describe("StreamOutlet", () => {
  it("sends messages of one turn together, at its end", async () => {
    const { stream, outlet, left } = setUp();
    for (let index = 0; index < 10; index++)
      expect(outlet.place(Buffer.alloc(10, index), false)).toBe("accepted");
    expect(stream.writes).toEqual([]);
    await nextTurn();
    expect(stream.writes).toHaveLength(1);
    expect(decode(stream.writes[0]!)).toHaveLength(10);
    expect([outlet.accepted, outlet.left, left()]).toEqual([10, 10, 10]);
  });

  it("sends the first message after a turn, or after something came, at once", async () => {
    const { stream, outlet, left } = setUp();
    outlet.place(Buffer.from("a"), false);
    await nextTurn();
    outlet.place(Buffer.from("b"), false);
    expect(stream.writes).toHaveLength(2);
    outlet.place(Buffer.from("c"), false);
    expect(stream.writes).toHaveLength(2);
    await nextTurn();
    expect(stream.writes).toHaveLength(3);
    outlet.place(Buffer.from("d"), false);
    outlet.turned();
    outlet.place(Buffer.from("e"), false);
    expect(stream.writes).toHaveLength(5);
    expect([outlet.accepted, outlet.left, left()]).toEqual([5, 5, 5]);
  });

  it("writes every accepted message once, whole and in order, however the kernel takes them", async () => {
    const size = fc.oneof(fc.integer({ min: 0, max: 500 }), fc.integer({ min: 15_000, max: 70_000 }));
    const step = fc.record({ size, copy: fc.boolean(), atOnce: fc.boolean(), turn: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const { stream, outlet, left } = setUp();
        const accepted: Buffer[] = [];
        for (const [index, { size, copy, atOnce, turn }] of steps.entries()) {
          stream.takesAtOnce = atOnce;
          const message = Buffer.alloc(size, index + 1);
          const place = outlet.place(message, copy);
          if (place !== "no-room") accepted.push(Buffer.from(message));
          if (copy) expect(place).not.toBe("by-reference");
          if (place === "accepted") message.fill(0xee);
          expect(outlet.accepted).toBe(accepted.length);
          expect(outlet.accepted - outlet.left).toBeLessThanOrEqual(LIMITS.messages);
          if (turn) await nextTurn();
          if (turn && stream.waiting) {
            stream.waiting = false;
            outlet.wrote();
          }
        }
        stream.takesAtOnce = true;
        await nextTurn();
        if (stream.waiting) {
          stream.waiting = false;
          outlet.wrote();
        }
        await nextTurn();
        expect([outlet.left, left()]).toEqual([accepted.length, accepted.length]);
        expect(outlet.holdsReferences).toBe(false);
        const written = decode(Buffer.concat(stream.writes));
        expect(written.length).toBe(accepted.length);
        for (const [index, message] of written.entries()) expect(message.equals(accepted[index]!)).toBe(true);
      }),
      { numRuns: 80 },
    );
  });

  it("has no room when either limit is reached, and room again when the kernel has taken what waits", async () => {
    for (const size of [10, 30_000]) {
      const { stream, outlet } = setUp();
      stream.takesAtOnce = false;
      let accepted = 0;
      while (outlet.place(Buffer.alloc(size), true) !== "no-room") accepted++;
      expect(accepted).toBe(size === 10 ? LIMITS.messages : Math.floor(LIMITS.bytes / (size + 4)));
      await nextTurn();
      expect(outlet.place(Buffer.alloc(size), true)).toBe("no-room");
      stream.waiting = false;
      stream.takesAtOnce = true;
      outlet.wrote();
      expect(outlet.place(Buffer.alloc(size), true)).toBe("accepted");
    }
  });

  it("takes one message over the limit into an empty queue", async () => {
    const { stream, outlet } = setUp();
    stream.takesAtOnce = false;
    const message = Buffer.alloc(LIMITS.bytes * 3);
    expect(outlet.place(message, false)).toBe("by-reference");
    expect(outlet.holdsReferences).toBe(true);
    expect(outlet.place(Buffer.alloc(1), false)).toBe("no-room");
    stream.waiting = false;
    outlet.wrote();
    await nextTurn();
    expect(outlet.holdsReferences).toBe(false);
  });

  it("ends every write with the end of a message, within the atomic size, where writers share a pipe", async () => {
    const { stream, outlet } = setUp(4096);
    let accepted = 0;
    for (let round = 0; round < 20; round++) {
      for (let index = 0; index < 20; index++) {
        if (outlet.place(Buffer.alloc((index * 211) % 4093, index), false) === "accepted") accepted++;
      }
      await nextTurn();
    }
    expect(accepted).toBe(400);
    let messages = 0;
    for (const write of stream.writes) {
      expect(write.length).toBeLessThanOrEqual(4096);
      for (const message of decode(write)) expect(message.length).toBeLessThanOrEqual(write.length);
      messages += decode(write).length;
    }
    expect(messages).toBe(400);
  });

  it("writes what follows a payload, small or large", async () => {
    const stream = new ScriptedStream();
    const outlet = new StreamOutlet(
      stream,
      lines(),
      { bytes: 1e6, messages: 50 },
      undefined,
      () => undefined,
    );
    const messages = [Buffer.from("one"), Buffer.alloc(50_000, "x"), Buffer.alloc(0), Buffer.from("last")];
    for (const message of messages) outlet.place(message, false);
    await nextTurn();
    expect(Buffer.concat(stream.writes).toString()).toBe(
      messages.map((message) => `${message.toString()}\n`).join(""),
    );
    expect(outlet.left).toBe(4);
  });
});
