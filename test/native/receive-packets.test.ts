import { describe, expect, test } from "vitest";
import {
  EAGAIN,
  ECONNRESET,
  PACKET_END,
  PACKET_FAILED,
  PACKET_FLAGS,
  PACKET_FULL_LENGTH,
  PACKET_GID,
  PACKET_HAD_HANDLES,
  PACKET_HAS_CREDENTIALS,
  PACKET_LENGTH,
  PACKET_OFFSET,
  PACKET_OVERFLOWED,
  PACKET_PID,
  PACKET_TRUNCATED,
  PACKET_UID,
  SHUT_WR,
  SO_PASSCRED,
  SOCK_DGRAM,
  SOCK_SEQPACKET,
} from "../../src/native/binding.js";
import { startProgram } from "../support/child.js";
import { openDescriptors } from "../support/open-descriptors.js";
import { bytes, core, Descriptors } from "./kernel.js";
import { send, seqpacketPair, Sink, until } from "./packet-sink.js";

// One message a system call, and several.
describe.each([0, 40])("with slots of %i bytes", (slot) => {
  test("several packets arrive whole and in order in one call, at multiples of 8, with their sender", () => {
    using fds = new Descriptors();
    const [left, right] = seqpacketPair(fds);
    const packets = ["first", "", "third packet", "4"].map(bytes);
    for (const connected of [false, true]) {
      expect(core.sendPackets(left, packets, 0, 4, undefined)).toBe(4);
      const sink = new Sink(4096, 4096, 16, slot);
      expect(sink.receive(right, 16, connected)).toBe(4);
      expect([0, 1, 2, 3].map((i) => sink.text(i))).toEqual(["first", "", "third packet", "4"]);
      expect([0, 1, 2, 3].map((i) => sink.field(i, PACKET_OFFSET))).toEqual([0, 8, 8, 24]);
      for (let i = 0; i < 4; i++) {
        // Of somebody who is connected they are not asked for.
        expect(sink.field(i, PACKET_FLAGS)).toBe(connected ? 0 : PACKET_HAS_CREDENTIALS);
        expect(sink.field(i, PACKET_PID)).toBe(connected ? 0 : process.pid);
        expect(sink.field(i, PACKET_UID)).toBe(connected ? 0 : process.getuid?.());
        expect(sink.field(i, PACKET_GID)).toBe(connected ? 0 : process.getgid?.());
        // A sender with SO_PASSCRED that has no name gets an abstract one of five hexadecimal digits: autobind, unix(7).
        expect(Buffer.from(sink.name(i)).toString("latin1")).toMatch(/^\0[0-9a-f]{5}$/);
      }
      expect(sink.receive(right, 16, connected)).toBe(-EAGAIN);
    }
  });

  test("an empty seqpacket message is a message, and the end is an end, also behind it", () => {
    using fds = new Descriptors();
    const [left, right] = seqpacketPair(fds);
    expect(send(left, "")).toBe(0);
    expect(send(left, "last")).toBe(4);
    core.shutdownSocket(left, SHUT_WR);
    const sink = new Sink(4096, 4096, 16, slot);
    expect(sink.receive(right)).toBe(3);
    expect(sink.field(0, PACKET_FLAGS) & PACKET_END).toBe(0);
    expect(sink.field(0, PACKET_LENGTH)).toBe(0);
    expect(sink.text(1)).toBe("last");
    expect(sink.field(2, PACKET_FLAGS)).toBe(PACKET_END);
    expect(sink.receive(right)).toBe(1);
    expect(sink.field(0, PACKET_FLAGS)).toBe(PACKET_END);
  });

  test("an empty seqpacket message is a message also where the end is right behind it, whether descriptors are taken or not", () => {
    for (const handles of [undefined, new Int32Array(4)]) {
      using fds = new Descriptors();
      const [left, right] = seqpacketPair(fds);
      send(left, "");
      core.shutdownSocket(left, SHUT_WR);
      const sink = new Sink(4096, 4096, 16, slot);
      const { slab, scratch, info } = sink;
      expect(core.receivePackets(right, slab, 0, slot, scratch, 16, info, undefined, true, handles)).toBe(2);
      expect([0, 1].map((index) => sink.field(index, PACKET_FLAGS) & PACKET_END)).toEqual([0, PACKET_END]);
    }
  });

  test("an empty datagram is a message, with or without credentials", () => {
    using fds = new Descriptors();
    const [left, right] = fds.pair(SOCK_DGRAM);
    expect(send(left, "")).toBe(0);
    const sink = new Sink(4096, 4096, 16, slot);
    expect(sink.receive(right, 16, false)).toBe(1);
    expect(sink.field(0, PACKET_FLAGS)).toBe(0);
    expect(sink.field(0, PACKET_LENGTH)).toBe(0);
  });

  test("maxPackets, records and names each bound a batch, and nothing is lost between batches", () => {
    using fds = new Descriptors();
    const [left, right] = seqpacketPair(fds);
    for (let i = 0; i < 10; i++) send(left, String(i));
    const sink = new Sink(4096, 16, 4, slot);
    expect(sink.receive(right, 3)).toBe(3);
    expect(sink.receive(right)).toBe(4);
    expect(sink.text(0)).toBe("3");
    expect(sink.receive(right, 2)).toBe(2);
    expect(sink.receive(right)).toBe(1);
    expect(sink.text(0)).toBe("9");
  });

  test("ECONNRESET comes before messages that still wait, which are read by going on", () => {
    using fds = new Descriptors();
    const [left, right] = seqpacketPair(fds);
    send(right, "waits");
    send(left, "unread by right");
    fds.close(right);
    const sink = new Sink(4096, 4096, 16, slot);
    expect(sink.receive(left)).toBe(-ECONNRESET);
    expect(sink.receive(left)).toBe(2);
    expect(sink.text(0)).toBe("waits");
    expect(sink.field(1, PACKET_FLAGS)).toBe(PACKET_END);
  });

  test("every message and one reset arrive when the peer dies while a batch is read", async () => {
    using fds = new Descriptors();
    const sink = new Sink(4096, 16, 8, slot);
    const script = `import socket,sys
for i in range(2000):
    s=socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET); s.connect("\\0"+sys.argv[1])
    while s.recv(16, socket.MSG_PEEK) != b"unread": pass
    for j in range(5): s.send(b"m")
    s.close()
`;
    const name = `sluice-reset-${process.pid}`;
    const server = fds.keep(core.socket(SOCK_SEQPACKET));
    core.setOption(server, SO_PASSCRED, 1);
    core.bindSocket(server, bytes(`\0${name}`));
    core.listenSocket(server, 300);
    await using python = startProgram("python3", ["-c", script, name]);
    for (let i = 0; i < 2000; i++) {
      const fd = await until(() => core.acceptSocket(server));
      fds.keep(fd);
      send(fd, "unread");
      let messages = 0;
      let resets = 0;
      for (let ended = false; !ended;) {
        const count = sink.receive(fd);
        if (count === -ECONNRESET) resets++;
        else if (count === -EAGAIN) await new Promise(setImmediate);
        else expect(count).toBeGreaterThan(0);
        for (let k = 0; k < count; k++) {
          const flags = sink.field(k, PACKET_FLAGS);
          if ((flags & PACKET_FAILED) !== 0) {
            expect(sink.field(k, PACKET_FULL_LENGTH)).toBe(-ECONNRESET);
            resets++;
          } else if ((flags & PACKET_END) !== 0) ended = true;
          else messages++;
        }
      }
      expect([messages, resets]).toEqual([5, 1]);
      fds.close(fd);
    }
    expect((await python.exit).code).toBe(0);
  });

  test("descriptors that come with a packet unasked are closed, with credentials and without", () => {
    using fds = new Descriptors();
    for (const credentials of [0, 1]) {
      for (const connected of [true, false]) {
        const [left, right] = fds.pair(SOCK_SEQPACKET);
        core.setOption(right, SO_PASSCRED, credentials);
        const sink = new Sink(4096, 4096, 16, slot);
        const before = openDescriptors();
        for (const count of [1, 3, 30]) {
          expect(core.sendHandles(left, bytes("take"), new Int32Array(count).fill(1))).toBe(4);
          expect(sink.receive(right, 16, connected)).toBe(1);
          expect(sink.text(0)).toBe("take");
          expect(sink.field(0, PACKET_FLAGS)).toBe(
            connected ? 0 : PACKET_HAD_HANDLES | (credentials ? PACKET_HAS_CREDENTIALS : 0),
          );
        }
        expect(openDescriptors()).toBe(before);
      }
    }
  });

  test("an empty packet that brings descriptors is a message, not the end", async () => {
    using fds = new Descriptors();
    const [left, right] = fds.pair(SOCK_SEQPACKET);
    const sink = new Sink(4096, 4096, 16, slot);
    const before = openDescriptors();
    const script = `import array,os,socket
fd=os.open("/dev/null", os.O_RDONLY)
s=socket.socket(fileno=3); s.sendmsg([b""], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [fd]))]); s.send(b"later"); print("sent", flush=True)`;
    await using python = startProgram("python3", ["-c", script], { extraStdio: [left] });
    await python.expectLine("sent");
    await python.exit;
    expect(sink.receive(right)).toBe(2);
    expect([0, 1].map((index) => sink.field(index, PACKET_FLAGS))).toEqual([0, 0]);
    expect([0, 1].map((index) => sink.text(index))).toEqual(["", "later"]);
    expect(openDescriptors()).toBeLessThanOrEqual(before);
  });
});

test("a message over the slab's end lies whole in scratch and is the last of its batch", () => {
  using fds = new Descriptors();
  const [left, right] = seqpacketPair(fds);
  for (const text of ["a".repeat(20), "b".repeat(30), "c"]) send(left, text);
  const sink = new Sink(40, 100);
  expect(sink.receive(right)).toBe(2);
  expect(sink.text(0)).toBe("a".repeat(20));
  expect(sink.field(1, PACKET_OFFSET)).toBe(0);
  expect(sink.field(1, PACKET_FLAGS)).toBe(PACKET_OVERFLOWED);
  expect(sink.text(1)).toBe("b".repeat(30));
  expect(sink.receive(right, 16, true, 8)).toBe(1);
  expect(sink.field(0, PACKET_OFFSET)).toBe(8);
  expect(sink.text(0)).toBe("c");
});

test("a full slab puts a first message wholly into scratch, and a later one off to the next call", () => {
  using fds = new Descriptors();
  const [left, right] = seqpacketPair(fds);
  send(left, "12345678");
  send(left, "next");
  const sink = new Sink(8, 100);
  expect(sink.receive(right)).toBe(1);
  expect(sink.text(0)).toBe("12345678");
  expect(sink.receive(right, 16, true, 8)).toBe(1);
  expect(sink.field(0, PACKET_FLAGS)).toBe(PACKET_OVERFLOWED);
  expect(sink.text(0)).toBe("next");
});

test("a message longer than the slab's rest and scratch is marked as cut and tells its full length", () => {
  using fds = new Descriptors();
  const [left, right] = seqpacketPair(fds);
  send(left, "x".repeat(50));
  send(left, "whole");
  const sink = new Sink(16, 24);
  expect(sink.receive(right)).toBe(1);
  expect(sink.field(0, PACKET_FLAGS)).toBe(PACKET_OVERFLOWED | PACKET_TRUNCATED);
  expect(sink.text(0)).toBe("x".repeat(24));
  expect(sink.field(0, PACKET_FULL_LENGTH)).toBe(50);
  expect(sink.receive(right)).toBe(1);
  expect(sink.text(0)).toBe("whole");
});

test("without scratch a message that is too long is cut where its place in the slab ends", () => {
  using fds = new Descriptors();
  const [left, right] = seqpacketPair(fds);
  send(left, "x".repeat(50));
  const sink = new Sink(20, 0);
  expect(sink.receive(right)).toBe(1);
  expect(sink.field(0, PACKET_FLAGS)).toBe(PACKET_TRUNCATED);
  expect(sink.text(0)).toBe("x".repeat(20));
  expect(sink.field(0, PACKET_FULL_LENGTH)).toBe(50);
});

test("messages of one system call are moved together, and those over their slots lie each in a share of scratch", () => {
  using fds = new Descriptors();
  const [left, right] = seqpacketPair(fds);
  const texts = ["short", "a".repeat(500), "", "b".repeat(24), "c".repeat(25), "d".repeat(900), "end"];
  for (const text of texts) send(left, text);
  const sink = new Sink(4096, 16 * 1000, 16, 24);
  expect(sink.receive(right)).toBe(texts.length);
  expect(texts.map((_, index) => sink.text(index))).toEqual(texts);
  const isOver = texts.map((_, index) => sink.field(index, PACKET_FLAGS) === PACKET_OVERFLOWED);
  expect(isOver).toEqual(texts.map((text) => text.length > 24));
  const inSlab = texts
    .map((_, index) => sink.field(index, PACKET_OFFSET))
    .filter((_, index) => !isOver[index]);
  expect(inSlab).toEqual([0, 8, 8, 32]);
});

test("a batch without a message over its slot goes on to the limit, one with such ends with its system call", () => {
  using fds = new Descriptors();
  const [left, right] = seqpacketPair(fds);
  const numbered = (count: number) => Array.from({ length: count }, (_, i) => String(i));
  for (const text of numbered(50)) send(left, text);
  const sink = new Sink(4096, 16 * 100, 64, 16);
  expect(sink.receive(right, 64)).toBe(50);
  expect(numbered(50).map((_, i) => sink.text(i))).toEqual(numbered(50));
  for (const text of numbered(50)) send(left, text === "20" ? "x".repeat(80) : text);
  const first = sink.receive(right, 64);
  expect(first).toBe(32);
  expect(sink.text(20)).toBe("x".repeat(80));
  expect(sink.text(31)).toBe("31");
  expect(sink.receive(right, 64)).toBe(18);
  expect(sink.text(17)).toBe("49");
});

test("slots end where the slab does, and nothing before the offset is touched", () => {
  using fds = new Descriptors();
  const [left, right] = seqpacketPair(fds);
  const sink = new Sink(100, 16 * 64, 16, 16);
  sink.slab.fill(0xee);
  for (let i = 0; i < 12; i++) send(left, `message ${i}`.padEnd(16, "."));
  // Four slots fit behind the offset, and then one message more, which has the 4 bytes that are left and scratch.
  expect(sink.receive(right, 16, true, 32)).toBe(5);
  for (let i = 0; i < 5; i++) expect(sink.text(i)).toBe(`message ${i}`.padEnd(16, "."));
  expect(sink.field(3, PACKET_OFFSET)).toBe(80);
  expect(sink.field(4, PACKET_FLAGS)).toBe(PACKET_OVERFLOWED);
  expect([...sink.slab.subarray(0, 32)].every((byte) => byte === 0xee)).toBe(true);
  expect(sink.receive(right, 16, true, 0)).toBe(7);
  for (let i = 0; i < 7; i++) expect(sink.text(i)).toBe(`message ${i + 5}`.padEnd(16, "."));
});

test("a message over slot and share is cut, and its neighbours are whole", () => {
  using fds = new Descriptors();
  const [left, right] = seqpacketPair(fds);
  for (const text of ["before", "x".repeat(300), "after"]) send(left, text);
  const sink = new Sink(4096, 16 * 64, 16, 32);
  expect(sink.receive(right)).toBe(3);
  expect([0, 2].map((index) => sink.text(index))).toEqual(["before", "after"]);
  expect(sink.text(1)).toBe("x".repeat(64));
  expect(sink.field(1, PACKET_FLAGS)).toBe(PACKET_OVERFLOWED | PACKET_TRUNCATED);
  expect(sink.field(1, PACKET_FULL_LENGTH)).toBe(300);
});
