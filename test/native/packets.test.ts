import { expect, test } from "vitest";
import {
  EAGAIN,
  ECONNREFUSED,
  ECONNRESET,
  EMSGSIZE,
  ENOTCONN,
  EPIPE,
  NAME_STRIDE,
  PACKET_END,
  PACKET_FAILED,
  PACKET_FLAGS,
  PACKET_FULL_LENGTH,
  PACKET_GID,
  PACKET_HAD_HANDLES,
  PACKET_HAS_CREDENTIALS,
  PACKET_LENGTH,
  PACKET_NAME_LENGTH,
  PACKET_OFFSET,
  PACKET_OVERFLOWED,
  PACKET_PID,
  PACKET_STRIDE,
  PACKET_TRUNCATED,
  PACKET_UID,
  SHUT_WR,
  SO_PASSCRED,
  SO_SNDBUF,
  SOCK_DGRAM,
  SOCK_SEQPACKET,
} from "../../src/native/binding.js";
import { startProgram } from "../support/child.js";
import { bytes, core, Descriptors, Folder } from "./kernel.js";
import { openDescriptors } from "../support/open-descriptors.js";

/** Room for received packets, and how they read. */
class Sink {
  readonly slab: Uint8Array;
  readonly scratch: Uint8Array;
  readonly info: Int32Array;
  readonly names: Uint8Array;

  constructor(slabLength = 4096, scratchLength = 4096, records = 16) {
    this.slab = new Uint8Array(slabLength);
    this.scratch = new Uint8Array(scratchLength);
    this.info = new Int32Array(records * PACKET_STRIDE);
    this.names = new Uint8Array(records * NAME_STRIDE);
  }

  receive(fd: number, maxPackets = 16, connected = true, offset = 0): number {
    this.info.fill(-7);
    return core.receivePackets(
      fd,
      this.slab,
      offset,
      this.scratch,
      maxPackets,
      this.info,
      this.names,
      connected,
    );
  }

  field(index: number, field: number): number {
    return this.info[index * PACKET_STRIDE + field]!;
  }

  text(index: number): string {
    const start = this.field(index, PACKET_OFFSET);
    const length = this.field(index, PACKET_LENGTH);
    const inSlab = Buffer.from(this.slab.subarray(start, start + length));
    return Buffer.concat([inSlab, this.scratch.subarray(0, length - inSlab.length)]).toString("latin1");
  }

  name(index: number): Uint8Array {
    const start = index * NAME_STRIDE;
    return this.names.slice(start, start + this.field(index, PACKET_NAME_LENGTH));
  }
}

function seqpacketPair(fds: Descriptors): [number, number] {
  const pair = fds.pair(SOCK_SEQPACKET);
  for (const fd of pair) expect(core.setOption(fd, SO_PASSCRED, 1)).toBe(0);
  return pair;
}

function send(fd: number, text: string): number {
  const message = bytes(text);
  return core.sendPacket(fd, message, 0, message.length, undefined);
}

/** The first result that is not EAGAIN. */
async function until(call: () => number): Promise<number> {
  for (;;) {
    const result = call();
    if (result !== -EAGAIN) return result;
    await new Promise(setImmediate);
  }
}

test("several packets arrive whole and in order in one call, at multiples of 8, with their sender", () => {
  using fds = new Descriptors();
  const [left, right] = seqpacketPair(fds);
  const packets = ["first", "", "third packet", "4"].map(bytes);
  for (const connected of [false, true]) {
    expect(core.sendPackets(left, packets, 0, 4, undefined)).toBe(4);
    const sink = new Sink();
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
  const sink = new Sink();
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
    const sink = new Sink();
    const { slab, scratch, info } = sink;
    expect(core.receivePackets(right, slab, 0, scratch, 16, info, undefined, true, handles)).toBe(2);
    expect([0, 1].map((index) => sink.field(index, PACKET_FLAGS) & PACKET_END)).toEqual([0, PACKET_END]);
  }
});

test("an empty datagram is a message, with or without credentials", () => {
  using fds = new Descriptors();
  const [left, right] = fds.pair(SOCK_DGRAM);
  expect(send(left, "")).toBe(0);
  const sink = new Sink();
  expect(sink.receive(right, 16, false)).toBe(1);
  expect(sink.field(0, PACKET_FLAGS)).toBe(0);
  expect(sink.field(0, PACKET_LENGTH)).toBe(0);
});

test("a message over the slab's end goes on in scratch and is the last of its batch", () => {
  using fds = new Descriptors();
  const [left, right] = seqpacketPair(fds);
  for (const text of ["a".repeat(20), "b".repeat(30), "c"]) send(left, text);
  const sink = new Sink(40, 100);
  expect(sink.receive(right)).toBe(2);
  expect(sink.text(0)).toBe("a".repeat(20));
  expect(sink.field(1, PACKET_OFFSET)).toBe(24);
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
  expect(sink.field(0, PACKET_OFFSET)).toBe(8);
  expect(sink.text(0)).toBe("next");
});

test("a message longer than slab and scratch is marked as cut and tells its full length", () => {
  using fds = new Descriptors();
  const [left, right] = seqpacketPair(fds);
  send(left, "x".repeat(50));
  send(left, "whole");
  const sink = new Sink(16, 16);
  expect(sink.receive(right)).toBe(1);
  expect(sink.field(0, PACKET_FLAGS)).toBe(PACKET_OVERFLOWED | PACKET_TRUNCATED);
  expect(sink.field(0, PACKET_LENGTH)).toBe(32);
  expect(sink.field(0, PACKET_FULL_LENGTH)).toBe(50);
  expect(sink.receive(right)).toBe(1);
  expect(sink.text(0)).toBe("whole");
});

test("maxPackets, records and names each bound a batch, and nothing is lost between batches", () => {
  using fds = new Descriptors();
  const [left, right] = seqpacketPair(fds);
  for (let i = 0; i < 10; i++) send(left, String(i));
  const sink = new Sink(4096, 16, 4);
  expect(sink.receive(right, 3)).toBe(3);
  expect(sink.receive(right)).toBe(4);
  expect(sink.text(0)).toBe("3");
  expect(sink.receive(right, 2)).toBe(2);
  expect(sink.receive(right)).toBe(1);
  expect(sink.text(0)).toBe("9");
});

test("sendPackets() takes what fits, in order, and says EAGAIN when nothing does", () => {
  using fds = new Descriptors();
  const [left, right] = seqpacketPair(fds);
  const packets = Array.from({ length: 2000 }, (_, i) => bytes(String(i).padStart(100, "0")));
  const sent = core.sendPackets(left, packets, 0, packets.length, undefined);
  expect(sent).toBeGreaterThan(64);
  expect(sent).toBeLessThan(2000);
  expect(core.sendPackets(left, packets, sent, packets.length, undefined)).toBe(-EAGAIN);
  expect(core.sendPackets(left, packets, 5, 5, undefined)).toBe(0);
  const sink = new Sink(1 << 20, 16, 2000);
  expect(sink.receive(right, 2000)).toBe(sent);
  for (let i = 0; i < sent; i++) expect(Number(sink.text(i))).toBe(i);
});

test("sendPackets() throws for an element that is no Uint8Array, after what came before was sent", () => {
  using fds = new Descriptors();
  const [left] = seqpacketPair(fds);
  const packets: unknown[] = Array.from({ length: 70 }, () => bytes("x"));
  packets[66] = "text";
  const wrong = packets as Uint8Array[];
  expect(core.sendPackets(left, wrong, 0, 70, undefined)).toBe(64);
  expect(() => core.sendPackets(left, wrong, 64, 70, undefined)).toThrow(TypeError);
});

test("a datagram goes to a named socket, carries its sender's name, and a full receiver is EAGAIN", () => {
  using folder = new Folder();
  using fds = new Descriptors();
  const receiverName = bytes(folder.file("receiver"));
  const senderName = bytes(`\0sluice-sender-${process.pid}`);
  const receiver = fds.keep(core.socket(SOCK_DGRAM));
  const sender = fds.keep(core.socket(SOCK_DGRAM));
  core.setOption(receiver, SO_PASSCRED, 1);
  core.bindSocket(receiver, receiverName);
  core.bindSocket(sender, senderName);
  expect(core.sendPacket(sender, bytes("_one_"), 1, 3, receiverName)).toBe(3);
  expect(core.sendPackets(sender, ["two", "three"].map(bytes), 0, 2, receiverName)).toBe(2);
  const sink = new Sink();
  expect(sink.receive(receiver, 16, false)).toBe(3);
  expect([0, 1, 2].map((i) => sink.text(i))).toEqual(["one", "two", "three"]);
  for (let i = 0; i < 3; i++) expect(sink.name(i)).toEqual(senderName);

  expect(core.sendPacket(receiver, bytes("back"), 0, 4, senderName)).toBe(4);
  expect(sink.receive(sender, 16, false)).toBe(1);
  expect(sink.name(0)).toEqual(receiverName);

  let sent = 0;
  while (sent < 1000 && core.sendPacket(sender, bytes("x"), 0, 1, receiverName) === 1) sent++;
  expect(sent).toBeGreaterThan(0);
  expect(core.sendPacket(sender, bytes("x"), 0, 1, receiverName)).toBe(-EAGAIN);
  fds.close(receiver);
  expect(core.sendPacket(sender, bytes("x"), 0, 1, receiverName)).toBe(-ECONNREFUSED);
  expect(core.sendPacket(sender, bytes("x"), 0, 1, undefined)).toBe(-ENOTCONN);
});

test("a message over the send buffer is EMSGSIZE, and a peer that is gone EPIPE or ECONNRESET", () => {
  using fds = new Descriptors();
  const [left, right] = seqpacketPair(fds);
  const limit = core.getOption(left, SO_SNDBUF);
  expect(core.sendPacket(left, new Uint8Array(limit + 1), 0, limit + 1, undefined)).toBe(-EMSGSIZE);
  send(left, "unread");
  fds.close(right);
  // A reset is told once, by whichever call comes first.
  expect(send(left, "x")).toBe(-ECONNRESET);
  expect(send(left, "x")).toBe(-EPIPE);
});

test("ECONNRESET comes before messages that still wait, which are read by going on", () => {
  using fds = new Descriptors();
  const [left, right] = seqpacketPair(fds);
  send(right, "waits");
  send(left, "unread by right");
  fds.close(right);
  const sink = new Sink();
  expect(sink.receive(left)).toBe(-ECONNRESET);
  expect(sink.receive(left)).toBe(2);
  expect(sink.text(0)).toBe("waits");
  expect(sink.field(1, PACKET_FLAGS)).toBe(PACKET_END);
});

test("every message and one reset arrive when the peer dies while a batch is read", async () => {
  using fds = new Descriptors();
  const sink = new Sink(4096, 16, 8);
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
      const sink = new Sink();
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
  const sink = new Sink();
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

test("packets go to and come from python3, with names and credentials", async () => {
  using folder = new Folder();
  using fds = new Descriptors();
  const mine = fds.keep(core.socket(SOCK_DGRAM));
  core.setOption(mine, SO_PASSCRED, 1);
  core.bindSocket(mine, bytes(folder.file("mine")));
  const script = `import socket,sys
s=socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); s.bind(sys.argv[1]); s.connect(sys.argv[2])
s.send(b"from python"); print(s.recv(100).decode(), flush=True)`;
  await using python = startProgram("python3", ["-c", script, folder.file("theirs"), folder.file("mine")]);
  const sink = new Sink();
  expect(await until(() => sink.receive(mine, 16, false))).toBe(1);
  expect(sink.text(0)).toBe("from python");
  expect(sink.field(0, PACKET_PID)).toBe(python.pid);
  expect(sink.name(0)).toEqual(bytes(folder.file("theirs")));
  expect(core.sendPackets(mine, [bytes("from sluice")], 0, 1, sink.name(0))).toBe(1);
  await python.expectLine("from sluice");
});
