import { describe, expect, test } from "vitest";
import { contentLength, json, lines, NamedPipe, none, text } from "sluice";
import { startPeer, startProgram } from "../../support/child.js";
import { codeOf, openDescriptors, useFolder } from "./support.js";

const folder = useFolder();
const path = (): string => `${folder()}/fifo`;

describe("NamedPipe.openReader()", () => {
  test("does not end before the first writer has come", async () => {
    await NamedPipe.create(path());
    await using reader = await NamedPipe.openReader(path());
    expect(await codeOf(reader.receive({ timeout: 50 }))).toBe("ERR_TIMEOUT");
    await using writer = await NamedPipe.openWriter(path());
    await writer.send(Buffer.from("late"));
    expect(String(await reader.receive())).toBe("late");
  });

  test("ends when the last writer leaves, not before", async () => {
    await NamedPipe.create(path());
    const reader = await NamedPipe.openReader(path(), { codec: text() });
    const first = await NamedPipe.openWriter(path(), { codec: text(), writers: "many" });
    const second = await NamedPipe.openWriter(path(), { codec: text(), writers: "many" });
    await first.send("one");
    await first.close();
    expect(await reader.receive()).toBe("one");
    expect(await codeOf(reader.receive({ timeout: 30 }))).toBe("ERR_TIMEOUT");
    await second.send("two");
    await second.close();
    expect(await reader.receive()).toBe("two");
    expect(await codeOf(reader.receive())).toBe("ERR_END_OF_CHANNEL");
    await reader.closed;
  });

  test("ends when a writer comes and leaves without a word", async () => {
    await NamedPipe.create(path());
    const reader = await NamedPipe.openReader(path());
    const writer = await NamedPipe.openWriter(path());
    await writer.close();
    expect(await codeOf(reader.receive())).toBe("ERR_END_OF_CHANNEL");
  });

  test("with keepOpen goes on when the last writer leaves", async () => {
    await NamedPipe.create(path());
    await using reader = await NamedPipe.openReader(path(), { codec: text(), keepOpen: true });
    for (const word of ["one", "two", "three"]) {
      const writer = await NamedPipe.openWriter(path(), { codec: text() });
      await writer.send(word);
      await writer.close();
      expect(await reader.receive()).toBe(word);
    }
    expect(await codeOf(reader.receive({ timeout: 30 }))).toBe("ERR_TIMEOUT");
  });

  test("only receives, and openWriter() only sends", async () => {
    await NamedPipe.create(path());
    await using reader = await NamedPipe.openReader(path());
    await using writer = await NamedPipe.openWriter(path());
    expect(reader.traits.direction).toBe("receive");
    expect(writer.traits.direction).toBe("send");
    expect(await codeOf(reader.send(Buffer.from("x") as never))).toBe("ERR_UNSUPPORTED");
    expect(await codeOf(writer.receive())).toBe("ERR_UNSUPPORTED");
    expect(await codeOf(writer.send(Buffer.from("x"), { to: "/elsewhere" }))).toBe("ERR_UNSUPPORTED");
  });

  test("tells a message that was cut from an end", async () => {
    await NamedPipe.create(path());
    const reader = await NamedPipe.openReader(path());
    await using _shell = startProgram("sh", [
      "-c",
      `printf '\\002\\000\\000\\000ab\\005\\000\\000\\000cd' > ${path()}`,
    ]);
    expect(String(await reader.receive())).toBe("ab");
    expect(await codeOf(reader.receive())).toBe("ERR_MESSAGE_TRUNCATED");
    await reader.closed;
  });

  test("cuts off a writer that announces 4 GiB, and takes no memory for it", async () => {
    await NamedPipe.create(path());
    const reader = await NamedPipe.openReader(path());
    const before = process.memoryUsage.rss();
    await using _shell = startProgram("sh", ["-c", `printf '\\377\\377\\377\\377ab' > ${path()}`]);
    expect(await codeOf(reader.receive())).toBe("ERR_MESSAGE_TOO_LARGE");
    await reader.closed;
    expect(process.memoryUsage.rss() - before).toBeLessThan(16 * 1024 * 1024);
  });
});

describe("a FIFO between two processes", () => {
  test("carries large messages whole, and close() waits until the last has left", async () => {
    await NamedPipe.create(path());
    const reader = await NamedPipe.openReader(path());
    await using peer = startPeer("named-pipe/writer", [path(), "big", "20", "1048576"]);
    await peer.expectLine("open");
    for (let index = 0; index < 20; index++) {
      const message = await reader.receive();
      expect(message.equals(Buffer.from(`big:${index}:`.padEnd(1_048_576, "x")))).toBe(true);
    }
    await peer.expectLine("sent");
    await peer.write("close");
    expect(await codeOf(reader.receive())).toBe("ERR_END_OF_CHANNEL");
    expect(await peer.exit).toEqual({ code: 0, signal: null });
  });

  test("makes the writer wait for a reader that does not receive", async () => {
    await NamedPipe.create(path());
    await using peer = startPeer("named-pipe/reader", [path()]);
    await peer.expectLine("open");
    const writer = await NamedPipe.openWriter(path(), { sendQueue: { bytes: 100_000 } });
    peer.kill("SIGSTOP");
    let sent = 0;
    while (writer.trySend(Buffer.alloc(1000))) sent++;
    // 64 KiB in the kernel and 100,000 bytes in the queue; a reader that has not stopped yet may have taken a little.
    expect(sent).toBeGreaterThanOrEqual(99);
    expect(sent).toBeLessThan(1000);
    expect(await codeOf(writer.send(Buffer.alloc(1000), { timeout: 30 }))).toBe("ERR_TIMEOUT");
    await expect(writer.close({ deadline: 30 })).rejects.toMatchObject({ code: "ERR_TIMEOUT" });
    peer.kill("SIGCONT");
    await peer.expectLine("first 1000");
  });

  test("an idle writer learns at once that its reader has left", async () => {
    await NamedPipe.create(path());
    const reader = await NamedPipe.openReader(path());
    const writer = await NamedPipe.openWriter(path());
    await reader.close();
    await writer.closed;
    expect(await codeOf(writer.send(Buffer.from("x")))).toBe("ERR_PEER_DIED");
    await writer.close();
  });

  test("what a reader that leaves has not taken makes the writer's flush and close fail", async () => {
    await NamedPipe.create(path());
    const reader = await NamedPipe.openReader(path(), { receiveQueue: { messages: 1 } });
    const writer = await NamedPipe.openWriter(path());
    for (let index = 0; index < 50; index++) await writer.send(Buffer.alloc(10_000));
    const flushed = codeOf(writer.flush());
    await reader.receive();
    await reader.close();
    expect(await flushed).toBe("ERR_PEER_DIED");
    expect(await codeOf(writer.close())).toBe("ERR_PEER_DIED");
  });

  test("kill -9 of the reader in mid-traffic fails the writer within a second, each time", async () => {
    await NamedPipe.create(path());
    const before = openDescriptors();
    for (let round = 0; round < 5; round++) {
      await using peer = startPeer("named-pipe/reader", [path()]);
      await peer.expectLine("open");
      const writer = await NamedPipe.openWriter(path());
      const sending = codeOf(sendForEver(writer));
      await peer.expectLine("first 1000");
      peer.kill("SIGKILL");
      const start = performance.now();
      expect(await sending).toBe("ERR_PEER_DIED");
      expect(performance.now() - start).toBeLessThan(1000);
      await writer.closed;
    }
    expect(openDescriptors()).toBe(before);
  });

  test("kill -9 of the writer in mid-traffic ends the reader, and no message is torn", async () => {
    await NamedPipe.create(path());
    const before = openDescriptors();
    for (let round = 0; round < 5; round++) {
      const reader = await NamedPipe.openReader(path(), { codec: text() });
      await using peer = startPeer("named-pipe/writer", [path(), "w", "0", "30000"]);
      for (let index = 0; index < 20; index++) await reader.receive();
      peer.kill("SIGKILL");
      const start = performance.now();
      let index = 20;
      const end = await codeOf(
        (async () => {
          for (;;) expect(await reader.receive()).toBe(`w:${index++}:`.padEnd(30_000, "x"));
        })(),
      );
      expect(["ERR_END_OF_CHANNEL", "ERR_MESSAGE_TRUNCATED"]).toContain(end);
      expect(performance.now() - start).toBeLessThan(1000);
      await reader.closed;
    }
    expect(openDescriptors()).toBe(before);
  });
});

async function sendForEver(writer: { send(message: Uint8Array): Promise<void> }): Promise<never> {
  for (;;) await writer.send(Buffer.alloc(1000));
}

describe('writers: "many"', () => {
  test("limits a message with its frame to one atomic write", async () => {
    await NamedPipe.create(path());
    await using reader = await NamedPipe.openReader(path());
    await using writer = await NamedPipe.openWriter(path(), { writers: "many" });
    expect(writer.traits.maxMessageSize).toBe(4092);
    await writer.send(Buffer.alloc(4092, "x"));
    expect(await codeOf(writer.send(Buffer.alloc(4093)))).toBe("ERR_MESSAGE_TOO_LARGE");
    expect(await reader.receive()).toHaveLength(4092);
    await using line = await NamedPipe.openWriter(path(), { writers: "many", framing: lines() });
    expect(line.traits.maxMessageSize).toBe(4095);
    await using headed = await NamedPipe.openWriter(path(), { writers: "many", framing: contentLength() });
    expect(headed.traits.maxMessageSize).toBe(4096 - contentLength().overhead);
  });

  test("four processes write 1000 messages each, and all arrive whole and in their writer's order", async () => {
    await NamedPipe.create(path());
    const reader = await NamedPipe.openReader(path(), { codec: text() });
    // Sizes whose frames neither fill nor divide the 4096 bytes evenly.
    const sizes = [100, 1333, 2999, 4092];
    const peers = sizes.map((size, index) =>
      startPeer("named-pipe/writer", [path(), String(index), "1000", String(size), "many"]),
    );
    const next = [0, 0, 0, 0];
    for (let count = 0; count < 4000; count++) {
      const message = await reader.receive();
      const writer = Number(message.slice(0, 1));
      expect(message).toBe(`${writer}:${next[writer]!++}:`.padEnd(sizes[writer]!, "x"));
    }
    expect(next).toEqual([1000, 1000, 1000, 1000]);
    for (const peer of peers) {
      await peer.expectLine("open");
      await peer.expectLine("sent");
      await peer.write("close");
    }
    expect(await codeOf(reader.receive())).toBe("ERR_END_OF_CHANNEL");
    for (const peer of peers) await peer[Symbol.asyncDispose]();
  });
});

describe("a FIFO with foreign programs", () => {
  test("bash echo writes lines, and framing: lines() receives them", async () => {
    await NamedPipe.create(path());
    const reader = await NamedPipe.openReader(path(), { framing: lines(), codec: text() });
    await using _bash = startProgram("bash", ["-c", `{ echo one; echo; echo "three four"; } > ${path()}`]);
    const received: string[] = [];
    for await (const line of reader) received.push(line);
    expect(received).toEqual(["one", "", "three four"]);
  });

  test("bash reads what framing: lines() sends", async () => {
    await NamedPipe.create(path());
    await using bash = startProgram("bash", [
      "-c",
      `while read -r line; do echo "<$line>"; done < ${path()}`,
    ]);
    const writer = await NamedPipe.openWriter(path(), { framing: lines(), codec: text() });
    await writer.sendMany(["one", "two words"]);
    await bash.expectLine("<one>");
    await bash.expectLine("<two words>");
    await writer.close();
    expect(await bash.exit).toEqual({ code: 0, signal: null });
  });

  test("python packs a length before each message, both ways", async () => {
    await NamedPipe.create(path());
    const reader = await NamedPipe.openReader(path(), { codec: json<{ n: number }>() });
    const write = `import struct
with open(${JSON.stringify(path())}, "wb") as fifo:
    for n in range(1000):
        payload = ('{"n": %d}' % n).encode()
        fifo.write(struct.pack("<I", len(payload)) + payload)`;
    await using _python = startProgram("python3", ["-c", write]);
    let n = 0;
    for await (const message of reader) expect(message).toEqual({ n: n++ });
    expect(n).toBe(1000);

    const read = `import struct
with open(${JSON.stringify(path())}, "rb") as fifo:
    count = 0
    while header := fifo.read(4):
        size, = struct.unpack("<I", header)
        assert fifo.read(size) == b'{"n":%d}' % count
        count += 1
    print(count)`;
    await using python = startProgram("python3", ["-c", read]);
    const writer = await NamedPipe.openWriter(path(), { codec: json<{ n: number }>() });
    await writer.sendMany(Array.from({ length: 1000 }, (_, index) => ({ n: index })));
    await writer.close();
    await python.expectLine("1000");
  });

  test("socat carries 5 MB through two FIFOs without a changed byte", async () => {
    const back = `${path()}.back`;
    await NamedPipe.create(path());
    await NamedPipe.create(back);
    const bytes = Buffer.from(Array.from({ length: 5_000_000 }, (_, index) => (index * 31) >> 3));
    const reader = await NamedPipe.openReader(back, { framing: none() });
    await using socat = startProgram("socat", ["-u", `OPEN:${path()},rdonly`, `OPEN:${back},wronly`]);
    const writer = await NamedPipe.openWriter(path(), { framing: none() });
    const sending = writer.send(bytes).then(() => writer.close());
    const pieces: Buffer[] = [];
    for await (const piece of reader) pieces.push(piece);
    await sending;
    expect(Buffer.concat(pieces).equals(bytes)).toBe(true);
    expect(await socat.exit).toEqual({ code: 0, signal: null });
  });
});
