import {
  closeSync,
  fstatSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  writeSync,
} from "node:fs";
import { constants, tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { lines, text } from "../../../src/codec/index.js";
import type { FileHandle } from "../../../src/core/channel.js";
import { ChannelError } from "../../../src/core/errors.js";
import { UnixSocket } from "../../../src/mechanisms/unix-socket/unix-socket.js";
import { startPeer, startProgram } from "../../support/child.js";
import { freshPath, until } from "./support.js";
import { openDescriptors } from "../../support/open-descriptors.js";

const CLOSE_ON_EXEC = 0o2000000;

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), "sluice-handles-"));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

/** A file with this content, open at its beginning. */
function openFile(name: string, content: string): number {
  const file = path.join(folder, name);
  const writer = openSync(file, "w");
  writeSync(writer, content);
  closeSync(writer);
  return openSync(file, "r");
}

function contentOf({ fd }: FileHandle): string {
  const room = Buffer.alloc(64);
  return room.toString("utf8", 0, readSync(fd, room, 0, room.length, 0));
}

function flagsOf({ fd }: FileHandle): number {
  const info = readFileSync(`/proc/self/fdinfo/${fd}`).toString();
  return Number.parseInt(/flags:\s+(\d+)/.exec(info)?.[1] ?? "", 8);
}

describe.each(["stream", "seqpacket"] as const)("descriptors in messages of a %s", (type) => {
  it("arrive with their message, open and owned, close-on-exec, in both directions", async () => {
    const [left, right] = UnixSocket.pair({ type, maxHandles: 4, codec: text() });
    expect(left.traits.passesHandles).toBe(true);
    for (const [sender, receiver] of [
      [left, right],
      [right, left],
    ] as const) {
      const before = openDescriptors();
      const fds = [openFile("one", "first"), openFile("two", "second")];
      await sender.send("two files", { handles: fds });
      for (const fd of fds) closeSync(fd);
      const { message, handles = [] } = await receiver.receiveEnvelope();
      expect(message).toBe("two files");
      expect(handles.map(contentOf)).toEqual(["first", "second"]);
      for (const handle of handles) expect(flagsOf(handle) & CLOSE_ON_EXEC).toBe(CLOSE_ON_EXEC);
      {
        using first = handles[0];
        expect(first?.fd).toBeGreaterThan(2);
      }
      const taken = handles[1]?.take() ?? -1;
      handles[1]?.close();
      expect(fstatSync(taken).isFile()).toBe(true);
      closeSync(taken);
      expect(openDescriptors()).toBe(before);
    }
    await Promise.all([left.close(), right.close()]);
  });

  it("stay with their messages among others, whatever the sizes, when the receiver is slow", async () => {
    const limits = { messages: 4, bytes: 64 * 1024 };
    const options = { type, maxHandles: 2, sendQueue: limits, receiveQueue: limits } as const;
    const [left, right] = UnixSocket.pair(options);
    const before = openDescriptors();
    const COUNT = 400;
    const sizes = type === "stream" ? [1, 100, 20_000, 300_000] : [1, 100, 20_000, 90_000];
    const sending = (async () => {
      for (let number = 0; number < COUNT; number++) {
        const message = Buffer.alloc(Math.max(4, sizes[number % sizes.length] ?? 4));
        message.writeUInt32LE(number);
        if (number % 3 !== 0) await left.send(message);
        else {
          const fd = openFile(`n${number % 7}`, String(number));
          await left.send(message, { handles: [fd] });
          closeSync(fd);
        }
      }
    })();
    for (let number = 0; number < COUNT; number++) {
      const { message, handles } = await right.receiveEnvelope();
      expect(message.readUInt32LE()).toBe(number);
      expect(handles?.length).toBe(number % 3 === 0 ? 1 : undefined);
      // The file of a number is written again when the seventh after it is sent.
      for (const handle of handles ?? []) handle.close();
    }
    await sending;
    expect(openDescriptors()).toBe(before);
    await Promise.all([left.close(), right.close()]);
  });

  it("of different messages are not mixed up", async () => {
    const [left, right] = UnixSocket.pair({ type, maxHandles: 3, codec: text() });
    const names = Array.from({ length: 60 }, (_, number) => `file ${number}`);
    const sent = names.map(async (name, number) => {
      const fds = Array.from({ length: number % 4 }, (_, copy) =>
        openFile(`${name}.${copy}`, `${name}.${copy}`),
      );
      await left.send(name, { handles: fds });
      for (const fd of fds) closeSync(fd);
    });
    for (const [number, name] of names.entries()) {
      const { message, handles = [] } = await right.receiveEnvelope();
      expect(message).toBe(name);
      expect(handles.map(contentOf)).toEqual(
        Array.from({ length: number % 4 }, (_, copy) => `${name}.${copy}`),
      );
      for (const handle of handles) handle.close();
    }
    await Promise.all(sent);
    await Promise.all([left.close(), right.close()]);
  });

  it("are closed when nobody takes them", async () => {
    const before = openDescriptors();
    const fds = [openFile("a", "a"), openFile("b", "b")];
    const [left, right] = UnixSocket.pair({ type, maxHandles: 8, codec: text() });
    for (let count = 0; count < 6; count++) await left.send(`${count}`, { handles: fds });
    expect(await right.receive()).toBe("0");
    expect(await right.receiveMany({ max: 1 })).toEqual(["1"]);
    for await (const message of right) {
      expect(message).toBe("2");
      break;
    }
    await left.close();
    await right.closed;
    for (const fd of fds) closeSync(fd);
    expect(openDescriptors()).toBe(before);
  });

  it("wait in bounded number while nobody receives", async () => {
    const [left, right] = UnixSocket.pair({ type, maxHandles: 2 });
    const before = openDescriptors();
    const fds = [openFile("a", "a"), openFile("b", "b")];
    const stop = new AbortController();
    const message = Buffer.alloc(10);
    const flood = (async () => {
      for (let count = 0; count < 200; count++)
        await left.send(message, { handles: fds, signal: stop.signal });
    })();
    const outcome = flood.catch((error: unknown) => error);
    await until(() => openDescriptors() - before >= 64);
    // What the kernel holds is bounded by the kernel.
    expect(openDescriptors() - before).toBeLessThan(80);
    for (let count = 0; count < 100; count++) await right.receive();
    stop.abort();
    await outcome;
    right.destroy();
    left.destroy();
    await Promise.all([left.closed, right.closed]);
    for (const fd of fds) closeSync(fd);
    await until(() => openDescriptors() === before - 2);
  });

  it("are refused in too great number, and when they are none", async () => {
    const [left, right] = UnixSocket.pair({ type, maxHandles: 2, codec: text() });
    await expect(left.send("x", { handles: [0, 1, 2] })).rejects.toThrow(/at most 2 descriptors.*maxHandles/);
    await expect(left.send("x", { handles: [-1] })).rejects.toThrow(RangeError);
    await expect(left.send("x", { handles: ["0"] as unknown as number[] })).rejects.toThrow(TypeError);
    await expect(left.send("x", { handles: 0 as unknown as number[] })).rejects.toThrow(TypeError);
    await expect(left.sendMany(["x"], { handles: [0] })).rejects.toThrow(/one message/);
    await expect(left.send("x", { handles: [999_999] })).rejects.toMatchObject({
      code: "ERR_SYSTEM",
      errno: constants.errno.EBADF,
    });
    await left.send("still open", { handles: [] });
    const { message, handles } = await right.receiveEnvelope();
    expect([message, handles]).toEqual(["still open", undefined]);
    await Promise.all([left.close(), right.close()]);
  });

  it("need to be asked for", async () => {
    const [left, right] = UnixSocket.pair({ type, codec: text() });
    expect(left.traits.passesHandles).toBe(false);
    await expect(left.send("x", { handles: [0] })).rejects.toMatchObject({
      code: "ERR_UNSUPPORTED",
      message: expect.stringContaining("maxHandles") as string,
    });
    await Promise.all([left.close(), right.close()]);
    expect(() => UnixSocket.pair({ type, maxHandles: 254 })).toThrow(RangeError);
  });

  it("come from Python and go to it", async () => {
    const address = freshPath();
    const code = `
import os, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_${type === "stream" ? "STREAM" : "SEQPACKET"}); s.connect(sys.argv[1])
r, w = os.pipe(); os.write(w, b"from python")
socket.send_fds(s, [b"take this\\n" if "${type}" == "stream" else b"take this"], [r])
data, fds, flags, _ = socket.recv_fds(s, 1000, 10)
print(data.decode().strip(), [os.read(fd, 100).decode() for fd in fds])`;
    const options = {
      type,
      maxHandles: 2,
      codec: text(),
      ...(type === "stream" ? { framing: lines() } : {}),
    };
    await using listener = await UnixSocket.listen(address, options);
    await using python = startProgram("python3", ["-uc", code, address]);
    await using channel = await listener.accept();
    const { message, handles = [] } = await channel.receiveEnvelope();
    expect(message).toBe("take this");
    const room = Buffer.alloc(100);
    expect(handles.map(({ fd }) => room.toString("utf8", 0, readSync(fd, room)))).toEqual(["from python"]);
    handles[0]?.close();
    const files = [openFile("p1", "one"), openFile("p2", "two")];
    await channel.send("yours", { handles: files });
    for (const fd of files) closeSync(fd);
    await python.expectLine("yours ['one', 'two']");
  });

  it("that come in too great number spoil their message only, and none stays open", async () => {
    const address = freshPath();
    const end = type === "stream" ? "\\n" : "";
    const code = `
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_${type === "stream" ? "STREAM" : "SEQPACKET"}); s.connect(sys.argv[1])
for count in [1, 3, 2, 200, 1]:
    socket.send_fds(s, [b"%d${end}" % count], [0] * count)
sys.stdin.read()`;
    const options = {
      type,
      maxHandles: 2,
      codec: text(),
      ...(type === "stream" ? { framing: lines() } : {}),
    };
    await using listener = await UnixSocket.listen(address, options);
    await using python = startProgram("python3", ["-uc", code, address]);
    const channel = await listener.accept();
    const before = openDescriptors();
    const seen: unknown[] = [];
    while (seen.length < 5) {
      try {
        const { message, handles = [] } = await channel.receiveEnvelope();
        seen.push(message);
        expect(handles).toHaveLength(Number(message));
        for (const handle of handles) handle.close();
      } catch (error) {
        seen.push((error as ChannelError).code);
      }
    }
    expect(seen).toEqual(["1", "ERR_MESSAGE_TOO_LARGE", "2", "ERR_MESSAGE_TOO_LARGE", "1"]);
    expect(openDescriptors()).toBe(before);
    python.end();
    channel.destroy();
    await channel.closed;
  });

  it("are closed with a worker that is terminated before it took them", async () => {
    await using peer = startPeer("unix-socket/handles-worker", [type]);
    expect(JSON.parse(await peer.nextLine())).toEqual({ grown: 0 });
  });
});

describe("descriptors in a stream", () => {
  it("of a message that never ends are bounded", async () => {
    const address = freshPath();
    const code = `
import socket, sys
s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1])
try:
    while True: socket.send_fds(s, [b"x"], [0] * 50)
except OSError as error: print(type(error).__name__)`;
    await using listener = await UnixSocket.listen(address, {
      maxHandles: 100,
      codec: text(),
      framing: lines(),
    });
    const before = openDescriptors();
    await using python = startProgram("python3", ["-uc", code, address]);
    const channel = await listener.accept();
    await expect(channel.receive()).rejects.toMatchObject({ code: "ERR_MESSAGE_TOO_LARGE" });
    await channel.closed;
    expect(openDescriptors()).toBeLessThanOrEqual(before + 3); // those of the process that was started
    expect(await python.nextLine()).toMatch(/BrokenPipeError|ConnectionResetError/);
  });

  it.each(["stream", "seqpacket"] as const)(
    "wait for all that was accepted before them: %s",
    async (type) => {
      const [left, right] = UnixSocket.pair({ type, maxHandles: 1 });
      const message = Buffer.alloc(17_000, 1);
      // More than one write takes, so that the queue empties in several.
      let queued = 0;
      while (left.trySend(message)) queued++;
      expect(queued).toBeGreaterThan(40);
      const fd = openFile("last", "after all");
      const sent = left.send(Buffer.from("with a file"), { handles: [fd] });
      for (let count = 0; count < queued; count++) expect((await right.receive()).equals(message)).toBe(true);
      const { message: last, handles = [] } = await right.receiveEnvelope();
      expect(String(last)).toBe("with a file");
      expect(handles.map(contentOf)).toEqual(["after all"]);
      for (const handle of handles) handle.close();
      await sent;
      closeSync(fd);
      await Promise.all([left.close(), right.close()]);
    },
  );

  it("can be given up while they wait, and the connection goes on", async () => {
    const [left, right] = UnixSocket.pair({ maxHandles: 1 });
    const message = Buffer.alloc(17_000, 1);
    let queued = 0;
    while (left.trySend(message)) queued++;
    const stop = new AbortController();
    const given = left.send(Buffer.from("given up"), { handles: [0], signal: stop.signal });
    const late = left.send(Buffer.from("too late"), { handles: [0], timeout: 1 });
    const after = left.send(Buffer.from("after it"));
    stop.abort(new Error("enough"));
    await expect(given).rejects.toThrow("enough");
    await expect(late).rejects.toMatchObject({ code: "ERR_TIMEOUT" });
    for (let count = 0; count < queued; count++) await right.receive();
    const envelope = await right.receiveEnvelope();
    expect([String(envelope.message), envelope.handles]).toEqual(["after it", undefined]);
    await after;
    await Promise.all([left.close(), right.close()]);
  });

  it("that wait are told of the peer's end", async () => {
    const [left, right] = UnixSocket.pair({ maxHandles: 1 });
    while (left.trySend(Buffer.alloc(17_000)));
    const waiting = left.send(Buffer.from("never"), { handles: [0] });
    right.destroy();
    await expect(waiting).rejects.toMatchObject({ code: "ERR_PEER_DIED" });
    await Promise.all([left.closed, right.closed]);
  });

  it("go with the first part of a message that the kernel takes in parts", async () => {
    const [left, right] = UnixSocket.pair({ maxHandles: 1 });
    const fd = openFile("large", "with a large one");
    const message = Buffer.alloc(3_000_000, 7);
    const sent = left.send(message, { handles: [fd] }).then(() => {
      closeSync(fd);
    });
    const after = left.send(Buffer.from("after it"));
    const { message: got, handles = [] } = await right.receiveEnvelope();
    expect(got.equals(message)).toBe(true);
    expect(handles.map(contentOf)).toEqual(["with a large one"]);
    handles[0]?.close();
    expect(String(await right.receive())).toBe("after it");
    await Promise.all([sent, after]);
    await Promise.all([left.close(), right.close()]);
  });
});

describe("descriptors where none can travel", () => {
  it.each([
    [{ type: "dgram" }, /stream and seqpacket/],
    [{ type: "seqpacket", engine: "node-unix-socket" }, /native core/],
  ] as const)("are refused: %o", (options, text) => {
    expect(() => UnixSocket.pair({ ...options, maxHandles: 1 })).toThrow(text);
    expect(() => UnixSocket.pair({ ...options, maxHandles: 1 })).toThrow(ChannelError);
  });

  it("are refused with an empty packet, and the connection goes on", async () => {
    const [left, right] = UnixSocket.pair({ type: "seqpacket", maxHandles: 1 });
    await expect(left.send(Buffer.alloc(0), { handles: [0] })).rejects.toMatchObject({
      code: "ERR_INVALID_MESSAGE",
    });
    await left.send(Buffer.from("on"));
    expect(String(await right.receive())).toBe("on");
    await Promise.all([left.close(), right.close()]);
  });
});
