import { closeSync, openSync } from "node:fs";
import { setImmediate as turn } from "node:timers/promises";
import { describe, expect, test, vi } from "vitest";
import { ChannelError } from "sluice";
import type { ByteSink } from "../../src/core/byte-stream.js";
import { DescriptorStream } from "../../src/mechanisms/descriptor-stream.js";
import { loadCore } from "../../src/native/binding.js";
import { openDescriptors } from "../support/open-descriptors.js";

const core = loadCore();

/** A sink that writes down what it is told, and lets tests wait for it. */
class Recorder implements ByteSink {
  readonly told: string[] = [];
  readonly chunks: Buffer[] = [];
  bufferSize = 65_536;
  goOn = true;
  error: ChannelError | undefined;
  onRead: (() => void) | undefined;
  #target = Buffer.alloc(0);
  #waiting: (() => void) | undefined;

  get text(): string {
    return Buffer.concat(this.chunks).toString();
  }

  get length(): number {
    return this.chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  }

  /** Waits until the condition holds; it is looked at whenever the stream reports something. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      await new Promise<void>((resolve) => {
        this.#waiting = resolve;
      });
    }
  }

  buffer(): Uint8Array {
    return (this.#target = Buffer.alloc(this.bufferSize));
  }

  read(count: number): boolean {
    this.chunks.push(this.#target.subarray(0, count));
    this.onRead?.();
    this.#tell("read");
    return this.goOn;
  }

  wrote(): void {
    this.#tell("wrote");
  }

  ended(): void {
    this.#tell("ended");
  }

  fail(error: ChannelError): void {
    this.error = error;
    this.#tell(`fail ${error.code}`);
  }

  released(): void {
    this.#tell("released");
  }

  #tell(what: string): void {
    this.told.push(what);
    this.#waiting?.();
  }
}

/** A pipe with a stream at each end. */
function pipe(): {
  reader: DescriptorStream;
  writer: DescriptorStream;
  from: Recorder;
  to: Recorder;
  fds: Int32Array;
} {
  const fds = new Int32Array(2);
  expect(core.pipe(fds, 0)).toBe(65_536);
  const reader = new DescriptorStream({ mechanism: "anonymous-pipe", reader: fds[0] });
  const writer = new DescriptorStream({ mechanism: "anonymous-pipe", writer: fds[1] });
  const from = new Recorder();
  const to = new Recorder();
  reader.start(from);
  writer.start(to);
  return { reader, writer, from, to, fds };
}

/** A stream that reads from one pipe and writes to another, and their other ends. */
function bothWays(): { stream: DescriptorStream; sink: Recorder; there: Int32Array; back: Int32Array } {
  const there = new Int32Array(2);
  const back = new Int32Array(2);
  core.pipe(there, 0);
  core.pipe(back, 0);
  const sink = new Recorder();
  const stream = new DescriptorStream({ mechanism: "anonymous-pipe", reader: there[0], writer: back[1] });
  stream.start(sink);
  return { stream, sink, there, back };
}

describe("DescriptorStream", () => {
  test("carries what is written, and ends when the writer closes", async () => {
    const { reader, writer, from, to } = pipe();
    reader.resume();
    expect(writer.write([Buffer.from("one "), Buffer.from("two")])).toBe(true);
    writer.close();
    await from.until(() => from.told.includes("ended"));
    expect(from.text).toBe("one two");
    reader.close();
    await from.until(() => from.told.includes("released"));
    expect(from.told).toEqual(["read", "ended", "released"]);
    expect(to.told).toEqual(["released"]);
  });

  test.each([1, 3, 4096, 100_000])(
    "writes on from where the pipe was full, in chunks of %i bytes",
    async (size) => {
      const { reader, writer, from, to, fds } = pipe();
      const bytes = Buffer.from(Array.from({ length: 300_000 }, (_, index) => index * 7));
      const count = Math.min(1000, Math.ceil(bytes.length / size));
      const chunks = Array.from({ length: count }, (_, index) =>
        bytes.subarray(index * size, (index + 1) * size),
      );
      // Filled first, so that not even a byte can be written at once.
      expect(core.write(fds[1]!, Buffer.alloc(65_536), 0, 65_536)).toBe(65_536);
      expect(writer.write(chunks)).toBe(false);
      reader.resume();
      await to.until(() => to.told.includes("wrote"));
      expect(to.told).toEqual(["wrote"]);
      const expected = Buffer.concat(chunks);
      await from.until(() => from.length === expected.length + 65_536);
      expect(Buffer.concat(from.chunks).subarray(65_536).equals(expected)).toBe(true);
      writer.close();
      reader.close();
    },
  );

  test("stops reading when the sink has enough, and reads on after resume()", async () => {
    const { reader, writer, from } = pipe();
    from.goOn = false;
    from.bufferSize = 10;
    reader.resume();
    writer.write([Buffer.from("0123456789abcdefghij")]);
    await from.until(() => from.chunks.length === 1);
    for (let index = 0; index < 5; index++) await turn();
    expect(from.text).toBe("0123456789");
    reader.resume();
    await from.until(() => from.chunks.length === 2);
    expect(from.text).toBe("0123456789abcdefghij");
    reader.close();
    writer.close();
  });

  test("is told while idle that nobody reads any more, by an error with code and errno", async () => {
    const { reader, writer, to } = pipe();
    reader.close();
    await to.until(() => to.told.length > 0);
    expect(to.told).toEqual(["fail ERR_PEER_DIED"]);
    expect(to.error).toMatchObject({
      operation: "send",
      syscall: "write",
      errno: 32,
      mechanism: "anonymous-pipe",
    });
    writer.close();
    await to.until(() => to.told.includes("released"));
  });

  test("fails a write that waits when the reader goes away", async () => {
    const { reader, writer, to } = pipe();
    expect(writer.write([Buffer.alloc(100_000)])).toBe(false);
    reader.close();
    await to.until(() => to.told.length > 0);
    expect(to.told).toEqual(["fail ERR_PEER_DIED"]);
    writer.close();
  });

  test("may be closed in a callback of the sink, and twice; it is released once, later", async () => {
    const { reader, writer, from } = pipe();
    from.bufferSize = 1;
    from.onRead = () => {
      reader.close();
      reader.close();
      expect(from.told).not.toContain("released");
    };
    reader.resume();
    writer.write([Buffer.from("abc")]);
    await from.until(() => from.told.includes("released"));
    await turn();
    expect(from.told).toEqual(["read", "released"]);
    writer.close();
  });

  test("in both directions reads to the end what the peer had sent, before a write to it fails", async () => {
    const { stream, sink, there, back } = bothWays();
    stream.resume();
    core.write(there[1]!, Buffer.from("last words"), 0, 10);
    core.close(there[1]!);
    core.close(back[0]!);
    expect(stream.write([Buffer.from("x")])).toBe(false);
    expect(sink.text).toBe("last words");
    expect(sink.told).toEqual(["read", "fail ERR_PEER_DIED"]);
    stream.close();
    await sink.until(() => sink.told.includes("released"));
  });

  test("in both directions takes a peer that closed both for an orderly end, if nothing was to be sent", async () => {
    const { stream, sink, there, back } = bothWays();
    core.close(back[0]!);
    core.close(there[1]!);
    // Not asked to read yet: the broken other direction alone must not end it.
    for (let index = 0; index < 5; index++) await turn();
    expect(sink.told).toEqual([]);
    stream.resume();
    await sink.until(() => sink.told.length > 0);
    expect(sink.told).toEqual(["ended"]);
    expect(stream.write([Buffer.from("x")])).toBe(false);
    expect(sink.told).toEqual(["ended", "fail ERR_PEER_DIED"]);
    stream.close();
    await sink.until(() => sink.told.includes("released"));
  });

  test("before a wait reads at once what an answer has left, and reads nothing where nothing is queued: the pipe may have been made blocking", async () => {
    const { stream, sink, there, back } = bothWays();
    stream.resume();
    const reads = vi.spyOn(core, "read");
    try {
      stream.write([Buffer.from("question")]);
      stream.beforeWait();
      expect(reads).not.toHaveBeenCalled();
      // What found nothing is not tried again soon.
      for (let wait = 0; wait < 20; wait++) {
        stream.write([Buffer.from("question")]);
        core.write(there[1]!, Buffer.from("answer"), 0, 6);
        stream.beforeWait();
      }
      expect(reads).toHaveBeenCalled();
      expect(sink.text).toMatch(/^(answer)+$/);
      core.close(there[1]!);
      await sink.until(() => sink.told.includes("ended"));
      expect(sink.text).toBe("answer".repeat(20));
    } finally {
      reads.mockRestore();
    }
    stream.close();
    core.close(back[0]!);
    await sink.until(() => sink.told.includes("released"));
  });

  test("refuses what the event loop cannot watch, and leaves the descriptors to the caller", () => {
    const before = openDescriptors();
    const fds = new Int32Array(2);
    core.pipe(fds, 0);
    const file = openSync(import.meta.filename, "r");
    expect(() => new DescriptorStream({ mechanism: "anonymous-pipe", reader: fds[0], writer: file })).toThrow(
      ChannelError,
    );
    const again = new DescriptorStream({ mechanism: "anonymous-pipe", reader: fds[0], writer: fds[1] });
    again.close();
    closeSync(file);
    expect(openDescriptors()).toBe(before);
  });
});
