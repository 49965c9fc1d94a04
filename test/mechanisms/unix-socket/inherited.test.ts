import { spawnSync } from "node:child_process";
import { closeSync, existsSync, fstatSync, openSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { text } from "../../../src/codec/index.js";
import { UnixSocket } from "../../../src/mechanisms/unix-socket/unix-socket.js";
import { loadCore } from "../../../src/native/binding.js";
import { startProgram } from "../../support/child.js";
import { freshPath } from "./support.js";
import { openDescriptors } from "../../support/open-descriptors.js";

const chat = { codec: text() };

/** What python makes of `code`, as a raw descriptor of this process that nobody here owns: a socket of a stranger. */
async function strange(path: string, code: string): Promise<number> {
  const control = freshPath("control.sock");
  await using listener = await UnixSocket.listen(control, { maxHandles: 1 });
  const program = `
import socket, sys
path = sys.argv[1]
${code}
c = socket.socket(socket.AF_UNIX); c.connect(sys.argv[2])
socket.send_fds(c, [b"\\x01\\0\\0\\0x"], [s.fileno()]); c.recv(1)`;
  await using _python = startProgram("python3", ["-uc", program, path, control]);
  await using channel = await listener.accept();
  const { handles } = await channel.receiveEnvelope();
  const fd = handles?.[0]?.take();
  if (fd === undefined) throw new Error("python sent no descriptor");
  loadCore().setCloseOnExec(fd, false);
  return fd;
}

const LISTEN = (type: string): string =>
  `s = socket.socket(socket.AF_UNIX, socket.${type}); s.bind(path); s.listen(5)`;

describe("a listener on a descriptor that somebody else has bound", () => {
  it.each(["stream", "seqpacket"] as const)("serves %s, and leaves file and lock alone", async (type) => {
    const before = openDescriptors();
    const path = freshPath();
    const fd = await strange(path, LISTEN(`SOCK_${type === "stream" ? "STREAM" : "SEQPACKET"}`));
    // One of them comes before the descriptor is this listener's, and sends an empty message.
    const early = await UnixSocket.connect(path, { ...chat, type });
    await early.send("");
    const listener = await UnixSocket.listen({ ...chat, fd });
    expect(listener.address).toBe(path);
    expect(listener.handles).toEqual([fd]);
    expect(loadCore().isCloseOnExec(fd)).toBe(1);
    expect(loadCore().isNonBlocking(fd)).toBe(1);
    const server = await listener.accept();
    expect(await server.receive()).toBe("");
    expect(server.peer).toEqual({ pid: process.pid, uid: process.getuid?.(), gid: process.getgid?.() });
    const late = await UnixSocket.connect(path, { ...chat, type });
    const second = await listener.accept();
    await second.send("welcome");
    expect(await late.receive()).toBe("welcome");
    for (const channel of [early, late, server, second]) await channel.close();
    await listener.close();
    expect(existsSync(path)).toBe(true);
    expect(existsSync(`${path}.lock`)).toBe(false);
    expect(() => fstatSync(fd)).toThrow(/EBADF/);
    expect(openDescriptors()).toBe(before);
  });

  it("refuses whom allow does not name", async () => {
    const path = freshPath();
    const fd = await strange(path, LISTEN("SOCK_STREAM"));
    const listener = await UnixSocket.listen({ ...chat, fd, allow: { uids: [12345] } });
    await using client = await UnixSocket.connect(path, chat);
    await expect(client.receive()).rejects.toMatchObject({ name: "ChannelError" });
    expect(listener.refused).toBe(1);
    await listener.close();
  });

  it("has an abstract address as well", async () => {
    const name = `\0sluice-inherited-${process.pid}`;
    const fd = await strange(
      "",
      `s = socket.socket(socket.AF_UNIX); s.bind("\\0" + ${JSON.stringify(name.slice(1))}); s.listen(5)`,
    );
    await using listener = await UnixSocket.listen({ ...chat, fd, type: "stream" });
    expect(listener.address).toBe(name);
    await using client = await UnixSocket.connect(name, chat);
    await using server = await listener.accept();
    await client.send("x");
    expect(await server.receive()).toBe("x");
  });

  it("takes a bound datagram socket", async () => {
    const before = openDescriptors();
    const path = freshPath();
    const fd = await strange(path, "s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); s.bind(path)");
    const receiver = await UnixSocket.bind({ ...chat, fd });
    expect(receiver.address).toBe(path);
    const sender = await UnixSocket.connect(path, { ...chat, type: "dgram" });
    await sender.send("reading");
    const { message, from, credentials } = await receiver.receiveEnvelope();
    expect([message, credentials?.pid]).toEqual(["reading", process.pid]);
    await receiver.send("noted", { to: from ?? "" });
    expect(await sender.receive()).toBe("noted");
    await Promise.all([sender.close(), receiver.close()]);
    expect(existsSync(path)).toBe(true);
    expect(openDescriptors()).toBe(before);
  });

  it("refuses whatever else it is given, which stays open and the caller's", async () => {
    const path = freshPath();
    const unlistening = await strange(path, "s = socket.socket(socket.AF_UNIX); s.bind(path)");
    const datagram = await strange(
      freshPath(),
      "s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); s.bind(path)",
    );
    const unnamed = await strange("", "s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)");
    const internet = await strange("", "s = socket.socket(); s.bind(('127.0.0.1', 0)); s.listen()");
    const stream = await strange(freshPath(), LISTEN("SOCK_STREAM"));
    const file = openSync("/dev/null", "r");
    const unsupported = { name: "ChannelError", code: "ERR_UNSUPPORTED" };
    const refused: [Promise<unknown>, object | RegExp][] = [
      [UnixSocket.listen({ fd: unlistening }), unsupported],
      [UnixSocket.listen({ fd: datagram }), unsupported],
      [UnixSocket.listen({ fd: internet }), unsupported],
      [UnixSocket.listen({ fd: stream, type: "seqpacket" }), unsupported],
      [UnixSocket.bind({ fd: stream }), unsupported],
      [UnixSocket.bind({ fd: unnamed }), unsupported],
      [UnixSocket.listen({ fd: file }), { code: "ERR_SYSTEM", errno: 88 }],
      [UnixSocket.listen({ fd: 2 ** 20 }), { code: "ERR_SYSTEM", errno: 9 }],
    ];
    for (const [work, error] of refused) await expect(work).rejects.toMatchObject(error);
    for (const fd of [unlistening, datagram, unnamed, internet, stream, file]) closeSync(fd);
    for (const fd of [-1, 1.5, NaN]) await expect(UnixSocket.listen({ fd })).rejects.toThrow(RangeError);
    for (const options of [{}, { fd: "3" }, { fd: 3, mode: 0o600 }, { fd: 3, handles: [] }])
      await expect(UnixSocket.listen(options as { fd: number })).rejects.toThrow(TypeError);
    await expect(UnixSocket.listen(null as unknown as string)).rejects.toThrow(/^path must be/);
  });

  it("is not inherited any further", async () => {
    const fd = await strange(freshPath(), LISTEN("SOCK_STREAM"));
    const isOpen = `test -e /proc/self/fd/${fd}`;
    await using _listener = await UnixSocket.listen({ fd });
    expect(spawnSync("bash", ["-c", isOpen], { stdio: "inherit" }).status).toBe(1);
  });
});
