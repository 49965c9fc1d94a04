import { existsSync, statSync } from "node:fs";
import { expect, test } from "vitest";
import {
  AF_UNIX,
  EADDRINUSE,
  EAGAIN,
  ECONNREFUSED,
  EINVAL,
  ENOENT,
  ENOPROTOOPT,
  ENOTCONN,
  EPIPE,
  ERANGE,
  SHUT_RD,
  SHUT_WR,
  SO_ACCEPTCONN,
  SO_DOMAIN,
  SO_ERROR,
  SO_PASSCRED,
  SO_SNDBUF,
  SO_TYPE,
  SOCK_DGRAM,
  SOCK_SEQPACKET,
  SOCK_STREAM,
} from "../../src/native/binding.js";
import { startProgram } from "../support/child.js";
import { bytes, core, Descriptors, Folder } from "./kernel.js";
import { openDescriptors } from "../support/open-descriptors.js";

const types = [
  ["stream", SOCK_STREAM],
  ["seqpacket", SOCK_SEQPACKET],
] as const;

test.each(types)("a %s socket listens, accepts and knows its peer", (_name, type) => {
  using folder = new Folder();
  using fds = new Descriptors();
  const name = bytes(folder.file("socket"));
  const server = fds.keep(core.socket(type));
  expect(core.setMode(server, 0o600)).toBe(0);
  expect(core.bindSocket(server, name)).toBe(0);
  expect(statSync(folder.file("socket")).mode & 0o777).toBe(0o600);
  expect(core.listenSocket(server, 8)).toBe(0);
  expect(core.acceptSocket(server)).toBe(-EAGAIN);
  const client = fds.keep(core.socket(type));
  expect(core.connectSocket(client, name)).toBe(0);
  const accepted = fds.keep(core.acceptSocket(server));
  expect(core.isCloseOnExec(accepted)).toBe(1);
  expect(core.isNonBlocking(accepted)).toBe(1);
  const peer = new Int32Array(3);
  for (const fd of [client, accepted]) {
    expect(core.peerCredentials(fd, peer)).toBe(0);
    expect([...peer]).toEqual([process.pid, process.getuid?.(), process.getgid?.()]);
  }
  const out = new Uint8Array(108);
  expect(core.socketName(server, out)).toBe(name.length);
  expect(out.subarray(0, name.length)).toEqual(name);
  expect(core.peerName(client, out)).toBe(name.length);
  expect(core.peerName(accepted, out)).toBe(0);
  expect(core.socketName(client, new Uint8Array(0))).toBe(0);
});

test.each(types)(
  "a %s socket knows the supplementary groups of its peer, and how many there are",
  (_name, type) => {
    using folder = new Folder();
    using fds = new Descriptors();
    const name = bytes(folder.file("socket"));
    const server = fds.keep(core.socket(type));
    core.bindSocket(server, name);
    core.listenSocket(server, 8);
    const client = fds.keep(core.socket(type));
    core.connectSocket(client, name);
    const groups = (process.getgroups?.() ?? []).toSorted((left, right) => left - right);
    const out = new Int32Array(65_536).fill(-1);
    for (const fd of [client, fds.keep(core.acceptSocket(server))]) {
      const count = core.peerGroups(fd, out);
      // Node lists the effective group as well, which need not be one of them.
      const own = process.getegid?.();
      expect([...out.subarray(0, count)].filter((gid) => gid !== own)).toEqual(
        groups.filter((gid) => gid !== own),
      );
      expect(out[count]).toBe(-1);
      if (count > 0) expect(core.peerGroups(fd, new Int32Array(0))).toBe(-ERANGE);
    }
    expect(core.peerGroups(fds.keep(core.socket(type)), out)).toBe(-61); // ENODATA: it has no peer
  },
);

test("options tell what a socket is, and buffers can be set", () => {
  using fds = new Descriptors();
  const socket = fds.keep(core.socket(SOCK_SEQPACKET));
  expect(core.getOption(socket, SO_TYPE)).toBe(SOCK_SEQPACKET);
  expect(core.getOption(socket, SO_DOMAIN)).toBe(AF_UNIX);
  expect(core.getOption(socket, SO_ACCEPTCONN)).toBe(0);
  expect(core.getOption(socket, SO_ERROR)).toBe(0);
  expect(core.setOption(socket, SO_PASSCRED, 1)).toBe(0);
  expect(core.getOption(socket, SO_PASSCRED)).toBe(1);
  expect(core.setOption(socket, SO_SNDBUF, 50_000)).toBe(0);
  expect(core.getOption(socket, SO_SNDBUF)).toBe(100_000);
  expect(core.getOption(socket, 9999)).toBe(-ENOPROTOOPT);
});

test("an abstract name keeps its exact length, also with NULs in it", () => {
  using fds = new Descriptors();
  const name = bytes(`\0sluice-${process.pid}\0\0odd\0`);
  const receiver = fds.keep(core.socket(SOCK_DGRAM));
  expect(core.bindSocket(receiver, name)).toBe(0);
  const out = new Uint8Array(108);
  expect(core.socketName(receiver, out)).toBe(name.length);
  expect(out.subarray(0, name.length)).toEqual(name);
  const sender = fds.keep(core.socket(SOCK_DGRAM));
  expect(core.connectSocket(sender, name.subarray(0, name.length - 1))).toBe(-ECONNREFUSED);
  expect(core.connectSocket(sender, name)).toBe(0);
});

test("names of the greatest length work: 107 bytes of path, 108 abstract", () => {
  using folder = new Folder();
  using fds = new Descriptors();
  const path = folder.file("x").padEnd(107, "x");
  const socket = fds.keep(core.socket(SOCK_DGRAM));
  expect(core.bindSocket(socket, bytes(path))).toBe(0);
  expect(existsSync(path)).toBe(true);
  expect(core.socketName(socket, new Uint8Array(108))).toBe(107);
  const abstract = fds.keep(core.socket(SOCK_DGRAM));
  expect(core.bindSocket(abstract, bytes(`\0${process.pid}`.padEnd(108, "y")))).toBe(0);
  expect(core.socketName(abstract, new Uint8Array(108))).toBe(108);
});

test("a name that is taken, missing, or without a listener tells which", () => {
  using folder = new Folder();
  using fds = new Descriptors();
  const name = bytes(folder.file("socket"));
  const server = fds.keep(core.socket(SOCK_STREAM));
  const client = fds.keep(core.socket(SOCK_STREAM));
  expect(core.connectSocket(client, name)).toBe(-ENOENT);
  expect(core.bindSocket(server, name)).toBe(0);
  expect(core.bindSocket(client, name)).toBe(-EADDRINUSE);
  expect(core.connectSocket(client, name)).toBe(-ECONNREFUSED);
});

test("a full backlog makes connect say EAGAIN instead of blocking", () => {
  using folder = new Folder();
  using fds = new Descriptors();
  const name = bytes(folder.file("socket"));
  const server = fds.keep(core.socket(SOCK_SEQPACKET));
  core.bindSocket(server, name);
  core.listenSocket(server, 0);
  expect(core.connectSocket(fds.keep(core.socket(SOCK_SEQPACKET)), name)).toBe(0);
  expect(core.connectSocket(fds.keep(core.socket(SOCK_SEQPACKET)), name)).toBe(-EAGAIN);
});

test("shutdown ends one direction, and disconnect takes a datagram socket's peer away", () => {
  using fds = new Descriptors();
  const [left, right] = fds.pair(SOCK_STREAM);
  expect(core.shutdownSocket(left, SHUT_WR)).toBe(0);
  expect(core.write(left, bytes("x"), 0, 1)).toBe(-EPIPE);
  expect(core.read(right, new Uint8Array(1), 0, 1)).toBe(0);
  expect(core.shutdownSocket(right, SHUT_RD)).toBe(0);
  expect(core.shutdownSocket(right, 9)).toBe(-EINVAL);

  const name = bytes(`\0sluice-disconnect-${process.pid}`);
  core.bindSocket(fds.keep(core.socket(SOCK_DGRAM)), name);
  const socket = fds.keep(core.socket(SOCK_DGRAM));
  core.connectSocket(socket, name);
  expect(core.peerName(socket, new Uint8Array(108))).toBe(name.length);
  expect(core.disconnectSocket(socket)).toBe(0);
  expect(core.peerName(socket, new Uint8Array(108))).toBe(-ENOTCONN);
});

test("a peer that python3 runs is known by its pid and its pidfd", async () => {
  using folder = new Folder();
  using fds = new Descriptors();
  const name = bytes(folder.file("socket"));
  const server = fds.keep(core.socket(SOCK_STREAM));
  core.bindSocket(server, name);
  core.listenSocket(server, 1);
  const script = `import socket,sys
s=socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); print("connected", flush=True); sys.stdin.read()`;
  await using python = startProgram("python3", ["-c", script, folder.file("socket")]);
  await python.expectLine("connected");
  const accepted = fds.keep(core.acceptSocket(server));
  const peer = new Int32Array(3);
  expect(core.peerCredentials(accepted, peer)).toBe(0);
  expect(peer[0]).toBe(python.pid);
  // Linux 6.5 or newer; an older kernel says that it has no such option.
  const pidfd = core.peerPidfd(accepted);
  if (pidfd === -ENOPROTOOPT) return;
  fds.keep(pidfd);
  expect(core.isCloseOnExec(pidfd)).toBe(1);
  expect(core.pidfdSend(pidfd, 9, undefined)).toBe(0);
  expect((await python.exit).signal).toBe("SIGKILL");
});

test("a doorbell wakes, rings on when it is full, is cleared at once, and tells the end", () => {
  using fds = new Descriptors();
  const [left, right] = fds.pair(SOCK_STREAM);
  expect(core.clearBell(right)).toBe(-EAGAIN);
  expect(core.ringBell(left)).toBe(0);
  expect(core.ringBell(left)).toBe(0);
  expect(core.clearBell(right)).toBe(2);
  // Also where the peer has made the descriptor blocking.
  core.setNonBlocking(left, false);
  core.setNonBlocking(right, false);
  expect(core.clearBell(right)).toBe(-EAGAIN);
  let rung = 0;
  while (rung < 5000 && core.ringBell(left) === 0) rung++;
  expect(rung).toBe(5000);
  let cleared = 0;
  for (let got = core.clearBell(right); got > 0; got = core.clearBell(right)) cleared += got;
  expect(cleared).toBeGreaterThan(0);
  core.ringBell(left);
  fds.close(left);
  expect(core.clearBell(right)).toBe(1);
  expect(core.clearBell(right)).toBe(0);
  expect(core.ringBell(right)).toBe(-EPIPE);
});

test("10,000 connections opened and closed leave the count of descriptors as it was", () => {
  using fds = new Descriptors();
  const name = bytes(`\0sluice-cycles-${process.pid}`);
  const server = fds.keep(core.socket(SOCK_SEQPACKET));
  core.bindSocket(server, name);
  core.listenSocket(server, 4);
  const before = openDescriptors();
  for (let i = 0; i < 10_000; i++) {
    const client = core.socket(SOCK_SEQPACKET);
    if (core.connectSocket(client, name) !== 0) throw new Error(`connection ${i} failed`);
    core.close(core.acceptSocket(server));
    core.close(client);
  }
  expect(openDescriptors()).toBe(before);
});
