import { getegid, geteuid } from "node:process";
import { setImmediate as turn } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { UnixSocket } from "../../../src/index.js";
import { startPeer, startProgram } from "../../support/child.js";
import { codeOf, engines, freshPath } from "./packets/support.js";
import { openDescriptors } from "../../support/open-descriptors.js";

const python = (source: string, ...args: string[]) => startProgram("python3", ["-u", "-c", source, ...args]);
const SOCKET = "import socket, sys\ns = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)\n";
const type = "dgram";
const me = { uid: geteuid?.(), gid: getegid?.() };

describe.each(engines)("UnixSocket dgram by engine %s", (engine) => {
  const bind = (path: string, options = {}) => UnixSocket.bind(path, { engine, allow: "anyone", ...options });
  const connect = (path: string, options = {}) =>
    UnixSocket.connect(path, { type, engine, allow: "anyone", ...options });

  it("talks both ways with Python: sends to its path and receives from it", async () => {
    const [ours, theirs] = [freshPath(), freshPath()];
    await using socket = await bind(ours);
    await using program = python(
      `${SOCKET}s.bind(sys.argv[2]); s.sendto(b'hello', sys.argv[1]); m, f = s.recvfrom(100); print(m, f)\n`,
      ours,
      theirs,
    );
    expect(String(await socket.receive({ timeout: 10_000 }))).toBe("hello");
    await socket.send(Buffer.from("answer"), { to: theirs });
    await program.expectLine(`b'answer' ${ours}`);
  });

  it("talks with socat in both directions", async () => {
    const path = freshPath();
    await using socket = await bind(path);
    await using sender = startProgram("socat", ["-u", "-", `UNIX-SENDTO:${path}`]);
    await sender.write("from socat");
    expect(String(await socket.receive({ timeout: 10_000 }))).toBe("from socat\n");
    const target = freshPath();
    await using receiver = startProgram("socat", ["-u", `UNIX-RECV:${target}`, "-"]);
    let sent = "ERR_NO_PEER";
    while (sent === "ERR_NO_PEER")
      sent = await codeOf(socket.send(Buffer.from("to socat\n"), { to: target }));
    expect(sent).toBe("none");
    await receiver.expectLine("to socat");
  });

  it("keeps 5,000 messages to a receiver that must be waited for in order, sent with to", async () => {
    const path = freshPath();
    await using receiver = await bind(path, { receiveQueue: { messages: 50 } });
    await using sender = await bind(freshPath());
    const sending = (async () => {
      for (let number = 0; number < 5000; number++)
        await sender.send(Buffer.from(String(number)), { to: path });
    })();
    for (let number = 0; number < 5000; number++)
      expect(String(await receiver.receive())).toBe(String(number));
    await sending;
  });

  it("does not let one receiver that does not read stop the others", async () => {
    const [full, free] = [freshPath(), freshPath()];
    await using stalled = await bind(full, { receiveQueue: { messages: 1 } });
    await using reader = await bind(free);
    await using sender = await bind(freshPath());
    let waiting: Promise<void>;
    let state: string;
    do {
      waiting = sender.send(Buffer.from("x"), { to: full });
      for (state = "waits"; state === "waits";) {
        state = await Promise.race([waiting.then(() => "sent"), turn("turn").then(() => turn("blocked"))]);
      }
    } while (state === "sent");
    for (let number = 0; number < 100; number++) {
      await sender.send(Buffer.from(String(number)), { to: free });
      expect(String(await reader.receive())).toBe(String(number));
    }
    while ((await Promise.race([waiting.then(() => "sent"), turn("blocked")])) === "blocked")
      stalled.tryReceive();
  });

  it("fails only the message whose receiver is not there", async () => {
    const path = freshPath();
    await using receiver = await bind(path);
    await using sender = await bind(freshPath());
    expect(await codeOf(sender.send(Buffer.from("x"), { to: freshPath() }))).toBe("ERR_NO_PEER");
    await sender.send(Buffer.from("y"), { to: path });
    expect(String(await receiver.receive())).toBe("y");
  });

  it("releases a waiting send when its receiver dies, with ERR_NO_PEER", async () => {
    const path = freshPath();
    const receiver = await bind(path, { receiveQueue: { messages: 1 } });
    await using sender = await bind(freshPath());
    const sending = codeOf(
      (async () => {
        for (;;) await sender.send(Buffer.from("x"), { to: path });
      })(),
    );
    for (let count = 0; count < 20; count++) await turn();
    receiver.destroy();
    expect(await sending).toBe("ERR_NO_PEER");
  });

  it("needs a destination that is an address", async () => {
    await using socket = await bind(freshPath());
    await expect(socket.send(Buffer.from("x"))).rejects.toThrow(/options\.to/);
    expect(() => socket.trySend(Buffer.from("x"))).toThrow(TypeError);
    await expect(socket.send(Buffer.from("x"), { to: "" })).rejects.toThrow(TypeError);
    await expect(socket.send(Buffer.from("x"), { to: "a\0b" })).rejects.toThrow(TypeError);
    await expect(socket.send(Buffer.from("x"), { to: { host: "::1", port: 1 } })).rejects.toThrow(TypeError);
    await expect(socket.send(Buffer.from("x"), { to: "/".repeat(108) })).rejects.toThrow(RangeError);
  });

  it("refuses what datagrams lack with ERR_UNSUPPORTED", async () => {
    const path = freshPath();
    await using server = await bind(path);
    await using client = await connect(path);
    expect(await codeOf(client.send(Buffer.from("x"), { to: path }))).toBe("ERR_UNSUPPORTED");
    expect(await codeOf(server.send(Buffer.from("x"), { to: path, priority: 1 }))).toBe("ERR_UNSUPPORTED");
    expect(await codeOf(server.send(Buffer.from("x"), { to: path, handles: [0] }))).toBe("ERR_UNSUPPORTED");
  });

  it("fails a connected sender with ERR_PEER_DIED when the receiver is gone, also one that waits", async () => {
    const path = freshPath();
    const receiver = await bind(path, { receiveQueue: { messages: 1 } });
    const sender = await connect(path);
    const sending = codeOf(
      (async () => {
        for (;;) await sender.send(Buffer.alloc(1000));
      })(),
    );
    for (let count = 0; count < 20; count++) await turn();
    receiver.destroy();
    expect(await sending).toBe("ERR_PEER_DIED");
    await sender.closed;
  });

  it("notices kill -9 of the receiver while it sends", async () => {
    const path = freshPath();
    await using program = python(
      `${SOCKET}s.bind(sys.argv[1]); print('bound'); sys.stdin.readline()\n`,
      path,
    );
    await program.expectLine("bound");
    const sender = await connect(path);
    const sending = codeOf(
      (async () => {
        for (;;) await sender.send(Buffer.alloc(1000));
      })(),
    );
    for (let count = 0; count < 20; count++) await turn();
    program.kill("SIGKILL");
    await program.exit;
    const killed = performance.now();
    expect(await sending).toBe("ERR_PEER_DIED");
    expect(performance.now() - killed).toBeLessThan(1000);
    await sender.closed;
  });

  it("drops a message over its limit with an error in its place and goes on", async () => {
    const path = freshPath();
    await using socket = await bind(path, { maxMessageSize: 1000 });
    await using _program = python(
      `${SOCKET}s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 200000)\nfor n in (1001, 300000, 4): s.sendto(b'x' * n, sys.argv[1])\n`,
      path,
    );
    expect(await codeOf(socket.receive({ timeout: 10_000 }))).toBe("ERR_MESSAGE_TOO_LARGE");
    expect(await codeOf(socket.receive({ timeout: 10_000 }))).toBe("ERR_MESSAGE_TRUNCATED");
    expect(String(await socket.receive({ timeout: 10_000 }))).toBe("xxxx");
  });

  it("leaves no descriptor open after sends that had to wait", async () => {
    const before = openDescriptors();
    for (let round = 0; round < 50; round++) {
      const path = freshPath();
      const receiver = await bind(path, { receiveQueue: { messages: 1 } });
      const sender = await bind(freshPath());
      const sends = Array.from({ length: 20 }, () => codeOf(sender.send(Buffer.from("x"), { to: path })));
      await turn();
      sender.destroy();
      receiver.destroy();
      await Promise.all([...sends, sender.closed, receiver.closed]);
    }
    await turn();
    expect(openDescriptors()).toBe(before);
  });
});

describe("UnixSocket dgram, what only engine native does", () => {
  it("sends all of a sendMany to an address before close releases the socket", async () => {
    const path = freshPath();
    await using receiver = await UnixSocket.bind(path);
    const sender = await UnixSocket.bind(freshPath());
    const messages = Array.from({ length: 50 }, (_, index) => Buffer.of(index));
    const sending = sender.sendMany(messages, { to: path });
    const closing = sender.close();
    for (const message of messages) expect(await receiver.receive({ timeout: 10_000 })).toEqual(message);
    await Promise.all([sending, closing]);
  });

  it("ends a sendMany to an address when the socket is destroyed under it, and sends nothing by its number", async () => {
    const path = freshPath();
    await using receiver = await UnixSocket.bind(path);
    const sender = await UnixSocket.bind(freshPath());
    const messages = function* () {
      for (;;) yield Buffer.from("x");
    };
    const code = codeOf(sender.sendMany(messages(), { to: path }));
    await receiver.receive({ timeout: 10_000 });
    sender.destroy();
    expect(await code).toBe("ERR_CHANNEL_CLOSED");
  });

  it("tells who sent each message: its address and the kernel's credentials", async () => {
    const [path, from] = [freshPath(), freshPath()];
    await using socket = await UnixSocket.bind(path);
    await using program = python(
      `${SOCKET}socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b'unnamed', sys.argv[1]); s.bind(sys.argv[2]); s.sendto(b'named', sys.argv[1]); sys.stdin.readline()\n`,
      path,
      from,
    );
    const credentials = { pid: program.pid, ...me };
    const unnamed = await socket.receiveEnvelope({ timeout: 10_000 });
    expect({ ...unnamed, message: String(unnamed.message) }).toEqual({ message: "unnamed", credentials });
    const named = await socket.receiveEnvelope({ timeout: 10_000 });
    expect({ ...named, message: String(named.message) }).toEqual({ message: "named", credentials, from });
  });

  it("answers a connected client of another process at the address that the kernel gave it", async () => {
    const path = freshPath();
    await using server = await UnixSocket.bind(path);
    await using client = startPeer("unix-packets/peer", ["ask", type, "native", path, "500"]);
    for (let number = 0; number < 500; number++) {
      const { message, from, credentials } = await server.receiveEnvelope({ timeout: 10_000 });
      expect([String(message), credentials?.pid, typeof from === "string" ? from[0] : from]).toEqual([
        String(number),
        client.pid,
        "\0",
      ]);
      await server.send(message, { to: from });
    }
    await client.expectLine("answered");
  });

  it("waits for a connected client that does not read, and goes on when it does", async () => {
    const path = freshPath();
    await using server = await UnixSocket.bind(path);
    await using client = await UnixSocket.connect(path, { type, receiveQueue: { messages: 1 } });
    await client.send(Buffer.from("here I am"));
    const { from } = await server.receiveEnvelope();
    const total = 2000;
    const sending = (async () => {
      for (let number = 0; number < total; number++)
        await server.send(Buffer.alloc(1000, number & 0xff), { to: from });
    })();
    expect(await Promise.race([sending.then(() => "all sent"), turn("waits")])).toBe("waits");
    for (let number = 0; number < total; number++) expect((await client.receive())[999]).toBe(number & 0xff);
    await sending;
  });

  it("drops and counts messages of those whom allow refuses", async () => {
    const path = freshPath();
    const refused: number[] = [];
    await using socket = await UnixSocket.bind(path, {
      allow: { uids: [54321] },
      onRefuse: ({ uid }) => refused.push(uid),
    });
    await using sender = await UnixSocket.connect(path, { type });
    for (let count = 0; count < 5; count++) await sender.send(Buffer.from("let me in"));
    while (socket.refused < 5) await turn();
    expect(refused).toEqual(Array.from({ length: 5 }, () => me.uid));
    expect(socket.tryReceive()).toBeUndefined();
  });

  it("asks a function about each message, in order, also one that takes its time", async () => {
    const path = freshPath();
    let asked = 0;
    await using socket = await UnixSocket.bind(path, {
      allow: async ({ uid }) => {
        await turn();
        return uid === me.uid && asked++ % 2 === 0;
      },
    });
    await using sender = await UnixSocket.connect(path, { type });
    const sending = sender.sendMany(Array.from({ length: 400 }, (_, number) => Buffer.from(String(number))));
    for (let number = 0; number < 400; number += 2)
      expect(String(await socket.receive())).toBe(String(number));
    await sending;
    while (socket.refused < 200) await turn();
  });

  it("refuses an allow with engine node-unix-socket, which does not know who sends", async () => {
    const before = openDescriptors();
    expect(await codeOf(UnixSocket.bind(freshPath(), { engine: "node-unix-socket" }))).toBe(
      "ERR_UNSUPPORTED",
    );
    expect(openDescriptors()).toBe(before);
  });
});
