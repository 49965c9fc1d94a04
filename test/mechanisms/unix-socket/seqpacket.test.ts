import { describe, expect, it } from "vitest";
import { type UnixSocketChannel, UnixSocket } from "../../../src/index.js";
import { startPeer, startProgram } from "../../support/child.js";
import { codeOf, engines, freshPath, meet, receiveAll } from "./packets/support.js";

const python = (source: string, ...args: string[]) => startProgram("python3", ["-u", "-c", source, ...args]);
const CONNECT =
  "import socket, sys\ns = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)\ns.connect(sys.argv[1])\n";

describe.each(engines)("UnixSocket seqpacket by engine %s", (engine) => {
  const type = "seqpacket";

  /** A Python client that runs this after it has connected, and this side's channel to it. */
  async function withPython(source: string, options = {}) {
    let program!: ReturnType<typeof startProgram>;
    const channel = await meet(
      type,
      engine,
      (path) => {
        program = python(CONNECT + source, path);
      },
      options,
    );
    return { channel, program };
  }

  it("talks both ways with a Python client, message by message", async () => {
    const { channel, program } = await withPython(
      "s.send(b'one'); s.send(b'two')\nprint(s.recv(100)); print(s.recv(100))\n",
    );
    await using client = program;
    expect(String(await channel.receive())).toBe("one");
    expect(String(await channel.receive())).toBe("two");
    await channel.sendMany([Buffer.from("three"), Buffer.from("four")]);
    await client.expectLine("b'three'");
    await client.expectLine("b'four'");
    expect(await receiveAll(channel)).toEqual({ messages: [], code: "ERR_END_OF_CHANNEL" });
  });

  it("talks both ways with a Python server", async () => {
    const path = freshPath();
    await using server = python(
      "import socket, sys\nl = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)\nl.bind(sys.argv[1]); l.listen(1); print('ready')\n" +
        "c, _ = l.accept()\nwhile True:\n m = c.recv(1000)\n if not m: break\n c.send(m.upper())\n",
      path,
    );
    await server.expectLine("ready");
    const client = await UnixSocket.connect(path, { type, engine });
    await client.send(Buffer.from("hello"));
    expect(String(await client.receive())).toBe("HELLO");
    await client.close();
    expect((await server.exit).code).toBe(0);
  });

  it("talks with socat, which keeps each message apart", async () => {
    const path = freshPath();
    await using listener = await UnixSocket.listen(path, { type, engine });
    await using socat = startProgram("socat", ["-", `UNIX-CONNECT:${path},socktype=5`]);
    await using channel = await listener.accept({ timeout: 5000 });
    await socat.write("from socat");
    expect(String(await channel.receive())).toBe("from socat\n");
    await channel.send(Buffer.from("to socat\n"));
    await socat.expectLine("to socat");
    socat.end();
    expect(await codeOf(channel.receive({ timeout: 5000 }))).toBe("ERR_END_OF_CHANNEL");
  });

  it("connects to a socat listener", async () => {
    const path = freshPath();
    await using socat = startProgram("socat", ["-d", "-d", `UNIX-LISTEN:${path},socktype=5`, "PIPE"]);
    let client: UnixSocketChannel<Uint8Array, Buffer> | undefined;
    while (client === undefined && socat.process.exitCode === null) {
      // socat says that it listens on standard error only; a refused connection tells the same.
      client = await UnixSocket.connect(path, { type, engine }).catch((error: unknown) => {
        if ((error as { code?: string }).code === "ERR_NO_PEER") return undefined;
        throw error;
      });
    }
    await client?.send(Buffer.from("around"));
    expect(String(await client?.receive())).toBe("around");
    await client?.close();
  });

  it("tells an empty message from the end", async () => {
    const { channel, program } = await withPython(
      "s.send(b''); s.send(b'x'); s.send(b''); s.send(b''); s.send(b'y'); s.close()\n",
    );
    await using client = program;
    expect(await receiveAll(channel)).toEqual({
      messages: ["", "x", "", "", "y"],
      code: "ERR_END_OF_CHANNEL",
    });
    expect((await client.exit).code).toBe(0);
  });

  it("knows an empty message right before the end, or refuses to send one", async () => {
    const [left, right] = UnixSocket.pair({ type, engine });
    const sent = await codeOf(left.send(Buffer.alloc(0)));
    expect(sent).toBe(engine === "native" ? "none" : "ERR_INVALID_MESSAGE");
    await left.close();
    expect(await receiveAll(right)).toEqual({
      messages: engine === "native" ? [""] : [],
      code: "ERR_END_OF_CHANNEL",
    });
  });

  it("ends at the peer's shutdown, and halfOpen can still answer", async () => {
    const { channel, program } = await withPython(
      "s.send(b'question'); s.shutdown(socket.SHUT_WR); print(s.recv(100)); print(s.recv(100))\n",
      { halfOpen: true },
    );
    await using client = program;
    expect(await receiveAll(channel)).toEqual({ messages: ["question"], code: "ERR_END_OF_CHANNEL" });
    await channel.send(Buffer.from("answer"));
    await client.expectLine("b'answer'");
    await channel.close();
    await client.expectLine("b''");
  });

  it("delivers what came before the peer closed with unread data, then says ERR_PEER_DIED", async () => {
    const { channel, program } = await withPython(
      "s.send(b'a'); s.send(b'b'); print('sent'); sys.stdin.readline(); s.close()\n",
    );
    await using client = program;
    await channel.send(Buffer.from("never read"));
    await client.expectLine("sent");
    await client.write("");
    await client.exit;
    expect(await receiveAll(channel)).toEqual({ messages: ["a", "b"], code: "ERR_PEER_DIED" });
    await channel.closed;
  });

  it("drops a message over its limit with ERR_MESSAGE_TOO_LARGE and goes on", async () => {
    const { channel, program } = await withPython("s.send(b'x' * 1001); s.send(b'fits')\n", {
      maxMessageSize: 1000,
    });
    await using _client = program;
    expect(await codeOf(channel.receive())).toBe("ERR_MESSAGE_TOO_LARGE");
    expect(String(await channel.receive())).toBe("fits");
    channel.destroy();
  });

  it("drops a message that the kernel had to cut with ERR_MESSAGE_TRUNCATED and goes on", async () => {
    const { channel, program } = await withPython(
      "s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 200000)\ns.send(b'x' * 300000); s.send(b'y' * 300000); s.send(b'fits')\n",
    );
    await using _client = program;
    expect(await codeOf(channel.receive())).toBe("ERR_MESSAGE_TRUNCATED");
    expect(await codeOf(channel.receive())).toBe("ERR_MESSAGE_TRUNCATED");
    expect(String(await channel.receive())).toBe("fits");
    channel.destroy();
  });

  it("notices kill -9 of the peer at once, whether it waits to receive or to send", async () => {
    let peer!: ReturnType<typeof startPeer>;
    const channel = await meet(type, engine, (path) => {
      peer = startPeer("unix-packets/peer", ["stall", type, engine, path]);
    });
    await using staller = peer;
    await staller.expectLine("connected");
    const receiving = codeOf(channel.receive());
    const sending = (async () => {
      for (;;) await channel.send(Buffer.alloc(10_000));
    })();
    const sent = codeOf(sending);
    staller.kill("SIGKILL");
    await staller.exit;
    const killed = performance.now();
    expect(await receiving).toMatch(/ERR_PEER_DIED|ERR_END_OF_CHANNEL/);
    expect(await sent).toMatch(/ERR_PEER_DIED|ERR_CHANNEL_CLOSED/);
    await channel.closed;
    expect(performance.now() - killed).toBeLessThan(1000);
  });

  it("sees every message whole, then the end, on 60 connections whose peer is killed in mid-traffic", async () => {
    const connections = 20;
    for (let round = 0; round < 3; round++) {
      const path = freshPath();
      await using listener = await UnixSocket.listen(path, { type, engine, allow: "anyone" });
      await using peer = startPeer("unix-packets/peer", [
        "flood-all",
        type,
        engine,
        path,
        String(connections),
      ]);
      const channels = [];
      while (channels.length < connections) channels.push(await listener.accept({ timeout: 20_000 }));
      const ends = channels.map(async (channel) => {
        for (let number = 0; ; number++) {
          try {
            const message = await channel.receive({ timeout: 20_000 });
            if (message.length !== 1024 || message.readUInt32LE() !== number)
              return `message ${number} is torn`;
          } catch (error) {
            return (error as { code?: string }).code;
          }
          if (number === 100) peer.kill("SIGKILL");
        }
      });
      for (const end of await Promise.all(ends))
        expect(["ERR_END_OF_CHANNEL", "ERR_PEER_DIED"]).toContain(end);
      await Promise.all(channels.map((channel) => channel.closed));
    }
  }, 60_000);
});
