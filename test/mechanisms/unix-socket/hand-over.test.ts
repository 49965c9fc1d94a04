import { closeSync, existsSync, openSync, readdirSync } from "node:fs";
import { dirname } from "node:path";
import { describe, expect, it } from "vitest";
import { text } from "../../../src/codec/index.js";
import type { FileHandle } from "../../../src/core/channel.js";
import { OwnedHandle } from "../../../src/mechanisms/owned-handle.js";
import { UnixSocket } from "../../../src/mechanisms/unix-socket/unix-socket.js";
import { startPeer, startProgram } from "../../support/child.js";
import { freshPath } from "./support.js";
import { openDescriptors } from "../../support/open-descriptors.js";

const chat = { codec: text() };

/** Another descriptor of the same open file, as one that came with a message is. */
async function passed(fds: readonly number[]): Promise<readonly FileHandle[]> {
  const [left, right] = UnixSocket.pair({ maxHandles: 2 });
  await left.send(Buffer.from("x"), { handles: fds });
  const { handles = [] } = await right.receiveEnvelope();
  await Promise.all([left.close(), right.close()]);
  return handles;
}

describe("a listener that is handed over", () => {
  it("refuses nobody and loses no message, from process to process, under load", async () => {
    const path = freshPath();
    let server = startPeer("unix-socket/successor", [path, "first"]);
    await server.expectLine("serving");
    const pids = new Set<string>();
    let calls = 0;
    let stop = false;
    // Two kinds of clients: one connection a call, and one connection for many calls.
    const callOnce = async (): Promise<void> => {
      while (!stop) {
        await using client = await UnixSocket.connect(path, chat);
        await client.send("call");
        const [word, pid = ""] = (await client.receive()).split(" ");
        expect(word).toBe("call");
        pids.add(pid);
        calls++;
      }
    };
    const callOften = async (): Promise<void> => {
      while (!stop) {
        await using client = await UnixSocket.connect(path, chat);
        for (let number = 0; number < 20; number++) {
          await client.send(`n${number}`);
          expect(await client.receive()).toMatch(new RegExp(`^n${number} `));
        }
      }
    };
    const load = Promise.all([callOnce(), callOnce(), callOften(), callOften()]);
    const servers = new Set([String(server.pid)]);
    for (let round = 0; round < 5; round++) {
      const successor = startPeer("unix-socket/successor", [path, "next"]);
      servers.add(String(successor.pid));
      await successor.expectLine("serving");
      await server.expectLine("done");
      expect(await server.exit).toEqual({ code: 0, signal: null });
      server = successor;
      const before = calls;
      while (calls < before + 20) await new Promise((resolve) => setImmediate(resolve));
    }
    stop = true;
    await load;
    expect(pids).toEqual(servers);
    server.end();
    await server.expectLine("done");
    await server.exit;
    expect(readdirSync(dirname(path)), "what the last one leaves").toEqual([]);
  });

  it.each(["taken", "listening"])("goes on when the successor is killed: %s", async (stop) => {
    const path = freshPath();
    await using server = startPeer("unix-socket/successor", [path, "first"]);
    await server.expectLine("serving");
    await using successor = startPeer("unix-socket/successor", [path, "next", stop]);
    await successor.expectLine(stop);
    successor.kill("SIGKILL");
    await server.expectLine("successor died");
    await using client = await UnixSocket.connect(path, chat);
    await client.send("still");
    expect(await client.receive()).toBe(`still ${server.pid}`);
    await expect(UnixSocket.listen(path)).rejects.toMatchObject({ code: "ERR_ADDRESS_IN_USE" });
  });

  it("is the successor's when the old process is killed before it lets go", async () => {
    const path = freshPath();
    await using server = startPeer("unix-socket/successor", [path, "first"]);
    await server.expectLine("serving");
    const predecessor = await UnixSocket.connect(`${path}.next`, { ...chat, maxHandles: 2 });
    await predecessor.send("replace");
    const { handles } = await predecessor.receiveEnvelope();
    server.kill("SIGKILL");
    await server.exit;
    await expect(predecessor.receive()).rejects.toThrow();
    const listener = await UnixSocket.listen(path, { ...chat, handles });
    await expect(UnixSocket.listen(path)).rejects.toMatchObject({ code: "ERR_ADDRESS_IN_USE" });
    await using client = await UnixSocket.connect(path, chat);
    await using here = await listener.accept();
    await client.send("mine now");
    expect(await here.receive()).toBe("mine now");
    await listener.close();
    expect(existsSync(path)).toBe(false);
    expect(existsSync(`${path}.lock`)).toBe(false);
  });

  it.each(["stream", "seqpacket"] as const)("keeps what had come already: %s", async (type) => {
    const path = freshPath();
    const before = openDescriptors();
    const decisions: ((allowed: boolean) => void)[] = [];
    let questions = 0;
    const listener = await UnixSocket.listen(path, {
      ...chat,
      type,
      allow: () => (questions++ < 2 ? true : new Promise<boolean>((resolve) => decisions.push(resolve))),
    });
    const clients = [];
    for (let number = 0; number < 4; number++) {
      const client = await UnixSocket.connect(path, { ...chat, type });
      await client.send(`client ${number}`);
      clients.push(client);
    }
    while (decisions.length < 2) await new Promise((resolve) => setImmediate(resolve));
    const successor = await UnixSocket.listen(path, {
      ...chat,
      type,
      handles: await passed(listener.handles),
    });
    const handedOver = listener.handOver();
    const late = await UnixSocket.connect(path, { ...chat, type });
    await late.send("late");
    await using lateHere = await successor.accept();
    expect(await lateHere.receive()).toBe("late");
    // Of the two that the function was asked about one is refused.
    decisions[0]?.(true);
    decisions[1]?.(false);
    await handedOver;
    const seen = [];
    for await (const channel of listener) {
      seen.push(await channel.receive());
      await channel.close();
    }
    expect(seen).toEqual(["client 0", "client 1", "client 2"]);
    expect(listener.refused).toBe(1);
    expect(listener.handles).toEqual([]);
    await expect(listener.accept()).rejects.toMatchObject({ code: "ERR_CHANNEL_CLOSED" });
    await listener.handOver();
    await listener.close();
    for (const client of [...clients, late, lateHere]) client.destroy();
    await Promise.all([...clients, late, lateHere].map((client) => client.closed));
    await successor.close();
    expect(existsSync(path)).toBe(false);
    expect(openDescriptors()).toBe(before);
  });

  it("drops those whom nobody accepted when it is closed", async () => {
    const path = freshPath();
    const listener = await UnixSocket.listen(path, chat);
    const client = await UnixSocket.connect(path, chat);
    await client.send("x");
    const successor = await UnixSocket.listen(path, { ...chat, handles: await passed(listener.handles) });
    await listener.handOver();
    await listener.close();
    // It was with one of the two: with the first it ends now, with the second it can be accepted.
    const outcome = await Promise.race([
      client.receive().catch((error: unknown) => (error as { code: string }).code),
      successor.accept().then(() => "accepted"),
    ]);
    expect(["ERR_END_OF_CHANNEL", "ERR_PEER_DIED", "accepted"]).toContain(outcome);
    client.destroy();
    await successor.close();
    await expect(successor.handOver()).rejects.toMatchObject({ code: "ERR_CHANNEL_CLOSED" });
  });

  it("can be a socket that another program has made, whose file stays", async () => {
    const path = freshPath();
    const control = freshPath("control.sock");
    const code = `
import socket, sys
l = socket.socket(socket.AF_UNIX); l.bind(sys.argv[1]); l.listen(5)
s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[2])
socket.send_fds(s, [b"\\x01\\0\\0\\0x"], [l.fileno()])
l.close(); s.recv(1)`;
    await using listenerOfControl = await UnixSocket.listen(control, { maxHandles: 1 });
    await using python = startProgram("python3", ["-uc", code, path, control]);
    await using channel = await listenerOfControl.accept();
    const { handles } = await channel.receiveEnvelope();
    const listener = await UnixSocket.listen(path, { ...chat, handles, backlog: 10 });
    expect(listener.handles).toHaveLength(1);
    await using client = await UnixSocket.connect(path, chat);
    await using here = await listener.accept();
    await client.send("hello");
    expect(await here.receive()).toBe("hello");
    await listener.close();
    expect(existsSync(path)).toBe(true);
    expect(python.pid).toBeGreaterThan(0);
  });

  it("is refused where the handles are something else, and they stay their owner's", async () => {
    const path = freshPath();
    const other = freshPath("other.sock");
    await using listener = await UnixSocket.listen(path, chat);
    await using elsewhere = await UnixSocket.listen(other, chat);
    const [left, right] = UnixSocket.pair();
    const file = openSync("/dev/null", "r");
    const wrong: [FileHandle[], RegExp][] = [
      [[new OwnedHandle(file)], /no Unix socket/],
      [[...(await passed(elsewhere.handles))], /listens at .*other\.sock/],
      [[...(await passed([listener.handles[0] ?? -1, file]))], /not the lock file/],
    ];
    for (const [handles, message] of wrong) {
      const error: unknown = await UnixSocket.listen(path, { ...chat, handles }).catch(
        (reason: unknown) => reason,
      );
      expect(error).toMatchObject({ code: "ERR_ADDRESS_IN_USE" });
      expect(String(error)).toMatch(message);
      for (const handle of handles.slice(0, 2)) if (handle.fd !== file) handle.close();
    }
    const seqpacket = { ...chat, type: "seqpacket", handles: [...(await passed(listener.handles))] } as const;
    await expect(UnixSocket.listen(path, seqpacket)).rejects.toThrow(/no socket of type seqpacket/);
    for (const handle of seqpacket.handles) handle.close();
    closeSync(file);

    await expect(UnixSocket.listen(path, { handles: [] })).rejects.toThrow(TypeError);
    await expect(UnixSocket.listen(path, { handles: [1] as unknown as FileHandle[] })).rejects.toThrow(
      TypeError,
    );
    const handles = await passed(listener.handles);
    await expect(UnixSocket.listen(path, { mode: 0o600, handles })).rejects.toThrow(/mode must be absent/);
    await expect(UnixSocket.bind(path, { handles } as object)).rejects.toThrow(/are for listen/);
    for (const handle of handles) handle.close();
    await Promise.all([left.close(), right.close()]);
  });
});
