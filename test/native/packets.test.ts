import { expect, test } from "vitest";
import {
  EAGAIN,
  ECONNREFUSED,
  ECONNRESET,
  EMSGSIZE,
  ENOTCONN,
  EPIPE,
  PACKET_PID,
  SO_PASSCRED,
  SO_SNDBUF,
  SOCK_DGRAM,
} from "../../src/native/binding.js";
import { startProgram } from "../support/child.js";
import { bytes, core, Descriptors, Folder } from "./kernel.js";
import { send, seqpacketPair, Sink, until } from "./packet-sink.js";

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
