import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createServer, connect as netConnect, type AddressInfo } from "node:net";
import { ChannelError, json, lines, TcpSocket, text } from "sluice";
import { describe, expect, it } from "vitest";
import { compiled, startProgram } from "../../support/child.js";
import { connection, failure, until } from "./support.js";
import { openDescriptors } from "../../support/open-descriptors.js";

const isRoot = process.getuid?.() === 0;

describe("TcpSocket.listen()", () => {
  it("listens at 127.0.0.1 unless told otherwise, and tells the port that it has", async () => {
    await using listener = await TcpSocket.listen({ port: 0 });
    expect(listener.address.host).toBe("127.0.0.1");
    expect(listener.address.port).toBeGreaterThan(0);
    expect(rowOf(listener.address.port)?.[1]).toMatch(/^0100007F:/);
  });

  it.each([["::1"], ["localhost"], ["127.0.0.2"]])("listens at %s", async (host) => {
    await using pair = await connection({ host });
    await pair.client.send(Buffer.from("there"));
    expect(String(await pair.server.receive())).toBe("there");
    expect(pair.server.localAddress).toEqual(pair.listener.address);
    expect(pair.client.remoteAddress).toEqual(pair.listener.address);
    expect(pair.server.remoteAddress).toEqual(pair.client.localAddress);
  });

  it("takes IPv4 clients at :: only with dualStack, and tells their IPv4 addresses", async () => {
    await using six = await TcpSocket.listen({ host: "::", port: 0 });
    const { port } = six.address;
    expect((await failure(() => TcpSocket.connect({ port }))).code).toBe("ERR_NO_PEER");
    await using dual = await TcpSocket.listen({ host: "::", port: 0, dualStack: true });
    await using client = await TcpSocket.connect({ port: dual.address.port });
    await using server = await dual.accept();
    expect(server.remoteAddress).toEqual(client.localAddress);
    expect(server.remoteAddress.host).toBe("127.0.0.1");
  });

  it("refuses a port that somebody listens on with ERR_ADDRESS_IN_USE, and takes it once he has closed", async () => {
    const first = await TcpSocket.listen({ port: 0 });
    const { port } = first.address;
    const error = await failure(() => TcpSocket.listen({ port }));
    expect(error).toMatchObject({
      code: "ERR_ADDRESS_IN_USE",
      syscall: "bind",
      address: { host: "127.0.0.1", port },
    });
    expect(error.message).toMatch(/take another port/);
    const client = await TcpSocket.connect({ port });
    const server = await first.accept();
    await Promise.all([server.close(), first.close()]);
    // The server's side of that connection is in TIME_WAIT now, or soon.
    await using second = await TcpSocket.listen({ port });
    expect(second.address.port).toBe(port);
    await client.close();
  });

  it("refuses a port below 1024 without the privilege with ERR_ACCESS_DENIED", () => {
    const program = compiled("test/support/peers/internet/low-port.ts");
    const nobody = isRoot ? { uid: 65_534, gid: 65_534 } : {};
    const output = execFileSync(process.execPath, [program], { encoding: "utf8", ...nobody });
    const first = Number(readFileSync("/proc/sys/net/ipv4/ip_unprivileged_port_start", "utf8"));
    expect(output).toContain(first > 81 ? "ERR_ACCESS_DENIED" : "listening");
  });

  it("refuses an address that this machine has not, and a name that nobody knows", async () => {
    expect(await failure(() => TcpSocket.listen({ host: "192.0.2.1", port: 0 }))).toMatchObject({
      code: "ERR_SYSTEM",
      message: expect.stringMatching(/this machine has no such address/) as string,
    });
    const unknown = () => TcpSocket.listen({ host: "no-such-host.invalid", port: 0 });
    expect((await failure(unknown)).code).toBe("ERR_NO_PEER");
  });

  it.each([
    [{}, /options\.port must be a number, received undefined/],
    [{ port: 65_536 }, /options\.port.*0 to 65535, received 65536/],
    [{ port: "80" }, /options\.port must be a number, received "80"/],
    [{ port: 0, host: "" }, /options\.host.*received ""/],
    [{ port: 0, backlog: 0 }, /options\.backlog.*received 0/],
    [{ port: 0, allow: "self" }, /options\.allow must be a function, received "self"/],
    [{ port: 0, tls: true }, /options\.tls must be an object/],
    [
      { port: 0, tls: { key: "no key", cert: "no certificate" } },
      /options\.tls must be options that node:tls takes/,
    ],
    [{ port: 0, handshakeTimeout: 5 }, /options\.handshakeTimeout must be absent without options\.tls/],
    [{ port: 0, noDelay: 1 }, /options\.noDelay must be a boolean, received 1/],
    [{ port: 0, keepAliveInitialDelay: 10 }, /options\.keepAliveInitialDelay.*received 10/],
    [{ port: 0, maxConnections: 0 }, /options\.maxConnections.*received 0/],
    [{ port: 0, framing: {} }, /options\.framing must have a method/],
  ])("refuses %j with an error that names what is wrong", async (options, message) => {
    const before = openDescriptors();
    const listening = TcpSocket.listen(options as { port: number });
    await expect(listening).rejects.toThrow(message);
    await expect(listening).rejects.not.toBeInstanceOf(ChannelError);
    expect(openDescriptors()).toBe(before);
  });

  it("accept takes signal and timeout, and rejects after close", async () => {
    const listener = await TcpSocket.listen({ port: 0 });
    expect((await failure(() => listener.accept({ timeout: 5 }))).code).toBe("ERR_TIMEOUT");
    const reason = new Error("enough");
    await expect(listener.accept({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    await listener.close();
    expect((await failure(() => listener.accept())).code).toBe("ERR_CHANNEL_CLOSED");
  });

  it("leaves clients beyond maxConnections in the backlog until a channel is closed", async () => {
    await using listener = await TcpSocket.listen({ port: 0, maxConnections: 2 });
    const { port } = listener.address;
    const clients = await Promise.all([1, 2, 3].map(() => TcpSocket.connect({ port })));
    const first = await listener.accept();
    const second = await listener.accept();
    expect((await failure(() => listener.accept({ timeout: 50 }))).code).toBe("ERR_TIMEOUT");
    await first.close();
    const third = await listener.accept({ timeout: 5000 });
    for (const channel of [...clients, second, third]) channel.destroy();
  });

  it("asks allow about the peer before the first byte reaches the program, and reports whom it refuses", async () => {
    const refused: unknown[] = [];
    let ports: number[] = [];
    await using listener = await TcpSocket.listen({
      port: 0,
      codec: text(),
      allow: async (peer) => {
        await Promise.resolve();
        return ports.includes(peer.remoteAddress.port);
      },
      onRefuse: (peer) => refused.push(peer.remoteAddress.port),
    });
    const { port } = listener.address;
    const stranger = await TcpSocket.connect({ port, codec: text() });
    await stranger.send("let me in");
    expect(["ERR_END_OF_CHANNEL", "ERR_PEER_DIED"]).toContain((await failure(() => stranger.receive())).code);
    expect(listener.refused).toBe(1);
    expect(refused).toEqual([stranger.localAddress.port]);
    // A port that is known beforehand: the one the stranger had.
    ports = refused as number[];
    const friend = await TcpSocket.connect({ port, codec: text(), localAddress: stranger.localAddress });
    await using server = await listener.accept();
    await friend.send("it is me");
    expect(await server.receive()).toBe("it is me");
    friend.destroy();
  });

  it("an open listener that was unref'ed does not keep the process alive", () => {
    const program = compiled("test/support/peers/internet/unref.ts");
    expect(execFileSync(process.execPath, [program], { encoding: "utf8", timeout: 10_000 })).toBe("end\n");
  });
});

describe("TcpSocket.connect()", () => {
  it("tells ERR_NO_PEER when nobody listens, with what to do", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => server.once("listening", resolve));
    const { port } = server.address() as AddressInfo;
    await new Promise((resolve) => server.close(resolve));
    const before = openDescriptors();
    expect(await failure(() => TcpSocket.connect({ port }))).toMatchObject({
      code: "ERR_NO_PEER",
      syscall: "connect",
      address: { host: "127.0.0.1", port },
      message: expect.stringMatching(/nobody listens there/) as string,
    });
    expect((await failure(() => TcpSocket.connect({ host: "localhost", port }))).code).toBe("ERR_NO_PEER");
    expect(openDescriptors()).toBe(before);
  });

  it("tells ERR_NO_PEER for a host that nobody knows", async () => {
    const error = await failure(() => TcpSocket.connect({ host: "no-such-host.invalid", port: 80 }));
    expect(error).toMatchObject({
      code: "ERR_NO_PEER",
      message: expect.stringMatching(/no-such-host/) as string,
    });
  });

  it("ends by timeout and by signal while the server's backlog is full, and leaves nothing behind", async () => {
    // With a full backlog the kernel leaves further requests unanswered.
    const program =
      "import socket,sys; s=socket.socket(); s.bind(('127.0.0.1',0)); s.listen(0); print(s.getsockname()[1],flush=True); sys.stdin.read()";
    await using stuck = startProgram("python3", ["-c", program]);
    const port = Number(await stuck.nextLine());
    const before = openDescriptors();
    const channels = [];
    let error: ChannelError | undefined;
    for (let count = 0; count < 10 && error === undefined; count++) {
      try {
        channels.push(await TcpSocket.connect({ port, timeout: 100 }));
      } catch (reason) {
        error = reason as ChannelError;
      }
    }
    expect(error).toMatchObject({ code: "ERR_TIMEOUT" });
    const reason = new Error("not interested");
    const controller = new AbortController();
    const connecting = TcpSocket.connect({ port, signal: controller.signal });
    controller.abort(reason);
    await expect(connecting).rejects.toBe(reason);
    await expect(TcpSocket.connect({ port, signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    for (const channel of channels) channel.destroy();
    await Promise.all(channels.map((channel) => channel.closed));
    await until(() => openDescriptors() <= before);
  });

  it("takes the address of this side from localAddress", async () => {
    await using pair = await connection({}, { localAddress: { host: "127.0.0.5", port: 0 } });
    expect(pair.server.remoteAddress.host).toBe("127.0.0.5");
    const wrong = { host: "192.0.2.1", port: 0 };
    const { port } = pair.listener.address;
    expect(await failure(() => TcpSocket.connect({ port, localAddress: wrong }))).toMatchObject({
      code: "ERR_SYSTEM",
      message: expect.stringMatching(/options\.localAddress/) as string,
    });
  });

  it("asks allow about the server", async () => {
    await using listener = await TcpSocket.listen({ port: 0 });
    const { port } = listener.address;
    const error = await failure(() => TcpSocket.connect({ port, allow: () => false }));
    expect(error.code).toBe("ERR_ACCESS_DENIED");
    await expect(
      TcpSocket.connect({
        port,
        allow: () => {
          throw new Error("cannot say");
        },
      }),
    ).rejects.toThrow("cannot say");
  });

  it("sets no-delay and keep-alive as the options say", async () => {
    await using listener = await TcpSocket.listen({ port: 0 });
    const { port } = listener.address;
    const usual = await TcpSocket.connect({ port, keepAliveInitialDelay: 30_000 });
    const other = await TcpSocket.connect({ port, keepAlive: false });
    // Timer 2 is keep-alive; its time is in hundredths of a second.
    const [timer, when] = rowOf(usual.localAddress.port)?.[5]?.split(":") ?? [];
    expect(timer).toBe("02");
    expect(parseInt(when ?? "", 16)).toBeLessThanOrEqual(3000);
    expect(rowOf(other.localAddress.port)?.[5]).toMatch(/^00:/);
    usual.destroy();
    other.destroy();
  });
});

describe("a TCP channel", () => {
  it("carries what its codec and framing say", async () => {
    const chat = { codec: json<{ count: number }>(), framing: lines() };
    await using listener = await TcpSocket.listen({ port: 0, ...chat });
    const socket = netConnect(listener.address.port);
    await using server = await listener.accept();
    socket.write('{"count":1}\n{"cou');
    socket.write('nt":2}\n');
    expect([await server.receive(), await server.receive()]).toEqual([{ count: 1 }, { count: 2 }]);
    await server.send({ count: 3 });
    expect(String(await new Promise((resolve) => socket.once("data", resolve)))).toBe('{"count":3}\n');
    socket.destroy();
  });

  it("tells the peer's address in each envelope", async () => {
    await using pair = await connection();
    await pair.client.send(Buffer.from("x"));
    const { from } = await pair.server.receiveEnvelope();
    expect(from).toEqual(pair.client.localAddress);
  });

  it("answers a client that has ended its sending side with halfOpen, and closes itself without", async () => {
    for (const halfOpen of [true, false]) {
      await using listener = await TcpSocket.listen({ port: 0, codec: text(), framing: lines(), halfOpen });
      const socket = netConnect({ port: listener.address.port, allowHalfOpen: true });
      const server = await listener.accept();
      socket.end("question\n");
      expect(await server.receive()).toBe("question");
      const answer = new Promise<string>((resolve) => {
        let all = "";
        socket.on("data", (bytes) => (all += String(bytes)));
        socket.on("end", () => {
          resolve(all);
        });
      });
      if (halfOpen) {
        expect((await failure(() => server.receive())).code).toBe("ERR_END_OF_CHANNEL");
        await server.send("answer");
        await server.close();
        expect(await answer).toBe("answer\n");
      } else {
        await server.closed;
        expect(await answer).toBe("");
      }
      socket.destroy();
    }
  });

  it("delivers all that was sent though the peer goes on sending after this side has closed", async () => {
    await using listener = await TcpSocket.listen({ port: 0, framing: lines() });
    const socket = netConnect({ port: listener.address.port });
    socket.on("error", () => undefined); // its writes fail once the server has gone
    const server = await listener.accept();
    const total = 4 * 1024 * 1024;
    const sent = (async () => {
      await server.sendMany(Array.from({ length: 1024 }, () => Buffer.alloc(4095, 120)));
      await server.close();
    })();
    const writing = setInterval(() => {
      if (socket.writable) socket.write("and another thing\n");
    }, 1);
    let received = 0;
    await new Promise((resolve) => {
      socket.on("data", (bytes) => (received += bytes.length));
      socket.on("close", resolve);
    });
    clearInterval(writing);
    await sent;
    expect(received).toBe(total);
  });

  it("has traits that say what it is", async () => {
    await using pair = await connection();
    expect(pair.client.traits).toMatchObject({
      mechanism: "tcp-socket",
      scope: "network",
      boundaries: "framed",
      peerIdentity: "none",
      reliable: true,
    });
    expect(pair.client.tls).toBeUndefined();
    expect(() => Reflect.construct(TcpSocket, []) as unknown).toThrow(TypeError);
  });
});

/** The fields that proc_net_tcp(5) has of the socket with this port on its side. */
function rowOf(port: number): string[] | undefined {
  const rows = readFileSync("/proc/net/tcp", "utf8").split("\n");
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  return rows.map((row) => row.trim().split(/ +/)).find((fields) => fields[1]?.endsWith(suffix));
}
