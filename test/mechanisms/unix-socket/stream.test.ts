import { describe, expect, it } from "vitest";
import { json } from "../../../src/codec/index.js";
import { UnixSocket } from "../../../src/mechanisms/unix-socket/unix-socket.js";
import type { UnixSocketChannel } from "../../../src/mechanisms/unix-socket/types.js";
import { startPeer, startProgram } from "../../support/child.js";
import { closeAll, failure, freshPath, until } from "./support.js";
import { openDescriptors } from "../../support/open-descriptors.js";

type Pair = [UnixSocketChannel<Uint8Array, Buffer>, UnixSocketChannel<Uint8Array, Buffer>];

/** A client and its server. */
async function connectedPair(): Promise<Pair> {
  const path = freshPath();
  await using listener = await UnixSocket.listen(path);
  return [await UnixSocket.connect(path), await listener.accept()];
}

describe("UnixSocket stream", () => {
  it("talks with a second Node process that listens, and knows who it is", async () => {
    const path = freshPath();
    await using server = startPeer("unix-socket/echo", [path]);
    await server.expectLine("listening");
    await using channel = await UnixSocket.connect(path);
    expect(channel.peer).toEqual({ pid: server.pid, uid: process.geteuid?.(), gid: process.getegid?.() });
    const sent = Array.from({ length: 2000 }, (_, number) =>
      Buffer.alloc((number * 37) % 3000, number % 256),
    );
    const sending = channel.sendMany(sent);
    for (const message of sent) expect((await channel.receive()).equals(message)).toBe(true);
    await sending;
    expect(
      (await channel.receiveEnvelope({ timeout: 0 }).catch((error: unknown) => error)) as Error,
    ).toMatchObject({
      code: "ERR_TIMEOUT",
    });
  });

  it("talks with a second Node process that connects, and tells who sent each message", async () => {
    const path = freshPath();
    await using listener = await UnixSocket.listen(path);
    await using client = startPeer("unix-socket/client", [path]);
    await client.expectLine("connected");
    await using channel = await listener.accept();
    await client.write("hello");
    const envelope = await channel.receiveEnvelope();
    expect(String(envelope.message)).toBe("hello");
    expect(envelope.credentials?.pid).toBe(client.pid);
    await channel.send(Buffer.from("back"));
    await client.expectLine("got back");
    await client.write("close");
    await client.expectLine("closed");
    expect((await failure(() => channel.receive())).code).toBe("ERR_END_OF_CHANNEL");
  });

  it("carries 20 MB in messages of every size around its limits, whole and in order", async () => {
    const [client, server] = await connectedPair();
    const sizes = [
      0, 1, 15, 16_383, 16_384, 16_385, 65_531, 65_532, 65_533, 65_536, 1_000_000, 9_000_000, 10_000_000,
    ];
    const sending = (async () => {
      for (const [index, size] of sizes.entries()) await client.send(Buffer.alloc(size, index + 1));
    })();
    for (const [index, size] of sizes.entries()) {
      const message = await server.receive();
      expect(message.length).toBe(size);
      expect(message.equals(Buffer.alloc(size, index + 1))).toBe(true);
    }
    await sending;
    await closeAll([client, server]);
  });

  it("refuses a wrong type of socket by name", async () => {
    const path = freshPath();
    await using listener = await UnixSocket.listen(path, { type: "seqpacket" });
    const error = await failure(() => UnixSocket.connect(listener.address));
    expect([error.code, error.syscall]).toEqual(["ERR_UNSUPPORTED", "connect"]);
    expect(error.message).toMatch(/another type/);
  });

  it("tells of nobody: no file, a file without a server, a directory", async () => {
    const path = freshPath();
    expect(await failure(() => UnixSocket.connect(path))).toMatchObject({
      code: "ERR_NO_PEER",
      errno: 2,
      address: path,
    });
    const stale = startProgram("python3", [
      "-c",
      `import socket; socket.socket(socket.AF_UNIX).bind("${path}")`,
    ]);
    await stale.exit;
    expect(await failure(() => UnixSocket.connect(path))).toMatchObject({ code: "ERR_NO_PEER", errno: 111 });
    expect((await failure(() => UnixSocket.connect("/"))).operation).toBe("connect");
  });

  it("waits for a full backlog, within timeout and signal, and goes on when there is room", async () => {
    const path = freshPath();
    const code = `
import socket, sys
s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen(0); print("up")
kept = []
for line in sys.stdin: kept.append(s.accept())`;
    await using server = startProgram("python3", ["-uc", code, path]);
    await server.expectLine("up");
    const first = await UnixSocket.connect(path);
    const before = openDescriptors();
    expect((await failure(() => UnixSocket.connect(path, { timeout: 0 }))).code).toBe("ERR_TIMEOUT");
    const late = await failure(() => UnixSocket.connect(path, { timeout: 30 }));
    expect(late.message).toMatch(/did not accept within 30 ms/);
    const abort = new AbortController();
    const aborted = UnixSocket.connect(path, { signal: abort.signal });
    setImmediate(() => abort.abort("enough"));
    await expect(aborted).rejects.toBe("enough");
    expect(openDescriptors()).toBe(before);
    const second = UnixSocket.connect(path, { timeout: 10_000 });
    await server.write("accept");
    await closeAll([first, await second]);
  });

  it("hands over what the peer had sent before its kill -9, then ends or fails within a second", async () => {
    const path = freshPath();
    await using listener = await UnixSocket.listen(path);
    for (let round = 0; round < 3; round++) {
      await using client = startPeer("unix-socket/client", [path]);
      await client.expectLine("connected");
      const channel = await listener.accept();
      await client.write("flood");
      await client.expectLine("flooding");
      for (let number = 0; number < 100 * round; number++)
        expect((await channel.receive()).equals(Buffer.alloc(1000, number % 256))).toBe(true);
      client.kill("SIGKILL");
      await client.exit;
      const died = performance.now();
      let next = 100 * round;
      try {
        for await (const message of channel) {
          expect(message.equals(Buffer.alloc(1000, next++ % 256))).toBe(true);
        }
      } catch (error) {
        expect(error).toMatchObject({
          code: expect.stringMatching(/ERR_MESSAGE_TRUNCATED|ERR_PEER_DIED/) as string,
        });
      }
      await channel.closed;
      expect(performance.now() - died).toBeLessThan(1000);
    }
  });

  it("fails the waiting sends of a sender whose peer is killed, though it never reads", async () => {
    const path = freshPath();
    await using server = startProgram("python3", [
      "-uc",
      'import socket,sys\ns=socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen(1); print("up"); c=s.accept(); sys.stdin.read()',
      path,
    ]);
    await server.expectLine("up");
    const channel = await UnixSocket.connect(path);
    const message = Buffer.alloc(100_000);
    while (channel.trySend(message));
    const waiting = [channel.send(message), channel.send(message)].map((send) =>
      send.catch((error: unknown) => error),
    );
    server.kill("SIGKILL");
    for (const outcome of await Promise.all(waiting))
      expect(outcome).toMatchObject({ code: "ERR_PEER_DIED" });
    await channel.closed;
    await expect(channel.close()).rejects.toMatchObject({ code: "ERR_PEER_DIED" });
  });

  it("delivers an answer that the peer sent before it closed, although a send fails meanwhile", async () => {
    for (let round = 0; round < 20; round++) {
      const [client, server] = await connectedPair();
      await server.send(Buffer.from("goodbye"));
      await server.close();
      // The kernel refuses this with EPIPE; the answer is still unread.
      const sending = client.send(Buffer.from("late")).then(() => client.flush());
      const outcome = await sending.catch((error: unknown) => error);
      if (outcome !== undefined) expect(outcome).toMatchObject({ code: "ERR_PEER_DIED" });
      expect(String(await client.receive())).toBe("goodbye");
      await expect(client.receive()).rejects.toThrow();
      await closeAll([client, server]);
    }
  });

  it("shows an orderly end also when it closes with messages unread", async () => {
    const [client, server] = await connectedPair();
    for (let number = 0; number < 100; number++) await client.send(Buffer.alloc(1000));
    await client.flush();
    await server.send(Buffer.from("last"));
    await server.close();
    expect(String(await client.receive())).toBe("last");
    expect((await failure(() => client.receive())).code).toBe("ERR_END_OF_CHANNEL");
    await closeAll([client, server]);
  });

  it("sends on after the peer's end with halfOpen", async () => {
    const [left, right] = UnixSocket.pair({ halfOpen: true });
    const path = freshPath();
    await using listener = await UnixSocket.listen(path, { halfOpen: true });
    await using client = startProgram("python3", [
      "-uc",
      'import socket,sys\ns=socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); s.sendall(b"\\x01\\0\\0\\0q"); s.shutdown(socket.SHUT_WR); print(s.makefile("rb").read())',
      path,
    ]);
    const channel = await listener.accept();
    expect(String(await channel.receive())).toBe("q");
    expect((await failure(() => channel.receive())).code).toBe("ERR_END_OF_CHANNEL");
    await channel.send(Buffer.from("answer"));
    await channel.close();
    await client.expectLine(String.raw`b'\x06\x00\x00\x00answer'`);
    await closeAll([left, right]);
  });

  it("cuts off a peer that announces 4 GiB, sends garbage, or is cut in mid-message", async () => {
    const path = freshPath();
    await using listener = await UnixSocket.listen(path, { codec: json() });
    const cases: [string, string][] = [
      [String.raw`\xff\xff\xff\xff`, "ERR_MESSAGE_TOO_LARGE"],
      [String.raw`\x05\0\0\0}{}{}`, "ERR_INVALID_MESSAGE"],
      [String.raw`\x64\0\0\0abc`, "ERR_MESSAGE_TRUNCATED"],
      [String.raw`\x64\0`, "ERR_MESSAGE_TRUNCATED"],
    ];
    for (const [bytes, code] of cases) {
      const before = process.memoryUsage().rss;
      await using client = startProgram("python3", [
        "-uc",
        `import socket,sys\ns=socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); s.sendall(b"${bytes}"); s.shutdown(socket.SHUT_WR); s.recv(9)`,
        path,
      ]);
      const channel = await listener.accept();
      expect((await failure(() => channel.receive())).code, bytes).toBe(code);
      channel.destroy();
      await channel.closed;
      await client.exit;
      expect(process.memoryUsage().rss - before).toBeLessThan(64 * 1024 * 1024);
    }
  });

  it("keeps memory bounded while nobody receives, and the sender waits", async () => {
    const [client, server] = await connectedPair();
    let accepted = 0;
    const message = Buffer.alloc(10_000);
    const abort = new AbortController();
    const flood = (async () => {
      for (;;) {
        await client.send(message, { signal: abort.signal });
        accepted += message.length;
      }
    })();
    let last = -1;
    await until(() => {
      const settled = accepted > 0 && accepted === last;
      last = accepted;
      return settled;
    });
    // Two queues of 1 MiB, the kernel's buffers, and what is being read.
    expect(accepted).toBeLessThan(8 * 1024 * 1024);
    abort.abort(new Error("enough"));
    await expect(flood).rejects.toThrow("enough");
    await closeAll([client, server]);
  });

  it("ends both ends of a pair with one another", async () => {
    const [left, right] = UnixSocket.pair();
    expect(left.peer.pid).toBe(process.pid);
    expect(left.address).toBeUndefined();
    await left.send(Buffer.from("a"));
    await right.send(Buffer.from("b"));
    expect([String(await right.receive()), String(await left.receive())]).toEqual(["a", "b"]);
    await left.close();
    expect((await failure(() => right.receive())).code).toBe("ERR_END_OF_CHANNEL");
    await right.closed;
  });
});
