import { readFileSync } from "node:fs";
import { type AddressInfo, connect as netConnect, createServer, type Socket } from "node:net";
import { ChannelError, lines, none, TcpSocket, text, type TcpPeer } from "sluice";
import { afterAll, describe, expect, it } from "vitest";
import { Authority } from "../../support/certificates.js";
import { startProgram } from "../../support/child.js";
import { connection, failure, until } from "./support.js";
import { openDescriptors } from "../../support/open-descriptors.js";

const authority = new Authority();
const stranger = new Authority();
const own = authority.sign("localhost");
const alice = authority.sign("alice");
const eve = stranger.sign("eve");
const { ca } = authority;
const server = { key: own.key, cert: own.cert };
const mutual = { ...server, requestCert: true, ca };
const GONE = ["ERR_END_OF_CHANNEL", "ERR_PEER_DIED", "ERR_ACCESS_DENIED"];

/** A state of tcp(7), in the numbers of /proc/net/tcp. */
const FIN_WAIT1 = "04";

/** The state of the connection between these ports of 127.0.0.1. Others that have ended (TIME_WAIT) can have had one of them. */
function stateOf(...ports: readonly [local: number, remote: number]): string | undefined {
  const [local, remote] = ports.map((port) => `0100007F:${port.toString(16).toUpperCase().padStart(4, "0")}`);
  const rows = readFileSync("/proc/net/tcp", "utf8").split("\n");
  return rows.map((row) => row.trim().split(/\s+/)).find((row) => row[1] === local && row[2] === remote)?.[3];
}

afterAll(() => {
  authority[Symbol.dispose]();
  stranger[Symbol.dispose]();
});

describe("TcpSocket with TLS", () => {
  it("carries messages and tells what was agreed on", async () => {
    await using pair = await connection(
      { tls: { ...server, ALPNProtocols: ["sluice"] } },
      { host: "localhost", tls: { ca, ALPNProtocols: ["sluice"] } },
    );
    await pair.client.send(Buffer.from("secret"));
    expect(String(await pair.server.receive())).toBe("secret");
    expect(pair.client.tls).toMatchObject({ protocol: "TLSv1.3", authorized: true, alpnProtocol: "sluice" });
    expect(pair.client.tls?.cipher).toMatch(/^TLS_/);
    expect(pair.client.tls?.peerCertificate?.subject.CN).toBe("localhost");
    expect(pair.server.tls).toMatchObject({
      authorized: false,
      peerCertificate: undefined,
      servername: "localhost",
    });
    expect(pair.server.remoteAddress).toEqual(pair.client.localAddress);
    expect([pair.client.traits.peerIdentity, pair.server.traits.peerIdentity]).toEqual(["none", "none"]);
  });

  it("identifies both sides by their certificates when it is mutual, and asks allow with them", async () => {
    const seen: TcpPeer[] = [];
    const allow = (peer: TcpPeer): boolean => {
      seen.push(peer);
      return peer.tls?.peerCertificate?.subject.CN === "alice";
    };
    const tls = { ca, key: alice.key, cert: alice.cert };
    await using pair = await connection({ tls: mutual, allow }, { tls });
    expect(seen).toMatchObject([
      { tls: { authorized: true, peerCertificate: { subject: { CN: "alice" } } } },
    ]);
    expect([pair.client.traits.peerIdentity, pair.server.traits.peerIdentity]).toEqual([
      "connection",
      "connection",
    ]);
    const { port } = pair.listener.address;
    const bob = authority.sign("bob");
    const refused = await TcpSocket.connect({ port, tls: { ca, key: bob.key, cert: bob.cert } });
    expect(GONE).toContain((await failure(() => refused.receive())).code);
    expect(pair.listener.refused).toBe(1);
  });

  it.each([
    ["no certificate", {}],
    ["a certificate of another authority", { key: eve.key, cert: eve.cert }],
  ])(
    "refuses a client with %s when it is mutual, before it is a channel, and says why",
    async (_, identity) => {
      const reports: (Error | undefined)[] = [];
      await using listener = await TcpSocket.listen({
        port: 0,
        tls: mutual,
        onRefuse: (_peer, error) => reports.push(error),
      });
      const { port } = listener.address;
      const error = await failure(async () => {
        await using client = await TcpSocket.connect({ port, tls: { ca, ...identity } });
        await client.receive();
      });
      expect(GONE).toContain(error.code);
      await until(() => reports.length === 1);
      expect(reports[0]).toBeInstanceOf(ChannelError);
      expect((reports[0] as ChannelError).message).toMatch(/certificate/i);
      expect((await failure(() => listener.accept({ timeout: 0 }))).code).toBe("ERR_TIMEOUT");
    },
  );

  it("refuses a server that it does not trust, or that has another name, with ERR_ACCESS_DENIED", async () => {
    await using listener = await TcpSocket.listen({ port: 0, tls: server });
    const { port } = listener.address;
    expect(await failure(() => TcpSocket.connect({ port, tls: {} }))).toMatchObject({
      code: "ERR_ACCESS_DENIED",
      message: expect.stringMatching(/options\.tls\.ca/) as string,
    });
    const named = { ca, servername: "elsewhere.example" };
    expect(await failure(() => TcpSocket.connect({ port, tls: named }))).toMatchObject({
      code: "ERR_ACCESS_DENIED",
      message: expect.stringMatching(/servername/) as string,
    });
  });

  it("tells a client that speaks TLS to a server which does not, and does not wait for ever the other way round", async () => {
    await using plain = await TcpSocket.listen({ port: 0, framing: lines(), codec: text() });
    const connecting = TcpSocket.connect({ port: plain.address.port, tls: { ca } });
    const accepted = await plain.accept();
    const [error] = await Promise.all([failure(() => connecting), accepted.send("I speak no TLS")]);
    expect(error).toMatchObject({
      code: "ERR_INVALID_MESSAGE",
      message: expect.stringMatching(/speaks no TLS/) as string,
    });

    const reports: (Error | undefined)[] = [];
    await using listener = await TcpSocket.listen({
      port: 0,
      tls: server,
      onRefuse: (_peer, why) => reports.push(why),
    });
    const client = await TcpSocket.connect({ port: listener.address.port });
    await client.send(Buffer.from("no TLS at all"));
    expect(GONE).toContain((await failure(() => client.receive())).code);
    await until(() => reports.length === 1);
    expect(reports[0]).toMatchObject({ code: "ERR_INVALID_MESSAGE" });
  });

  it("cuts off clients that never speak after handshakeTimeout, reports them, and lets others in meanwhile", async () => {
    const reports: (Error | undefined)[] = [];
    await using listener = await TcpSocket.listen({
      port: 0,
      tls: server,
      handshakeTimeout: 2000,
      onRefuse: (_peer, error) => reports.push(error),
    });
    const { port } = listener.address;
    const silent = Array.from({ length: 20 }, () => netConnect(port));
    const closed = silent.map((socket) => new Promise((resolve) => socket.once("close", resolve)));
    await using client = await TcpSocket.connect({ port, tls: { ca } });
    await using accepted = await listener.accept();
    expect(accepted.remoteAddress).toEqual(client.localAddress);
    await Promise.all(closed);
    await until(() => reports.length === 20);
    expect(reports.map((error) => (error as ChannelError).code)).toEqual(Array(20).fill("ERR_TIMEOUT"));
    expect(listener.refused).toBe(20);
  });

  it("ends a handshake by the client's timeout and signal, and leaves no descriptor", async () => {
    const accepted: Socket[] = [];
    const mute = createServer((socket) => accepted.push(socket)).listen(0, "127.0.0.1");
    await new Promise((resolve) => mute.once("listening", resolve));
    const { port } = mute.address() as AddressInfo;
    const before = openDescriptors();
    expect((await failure(() => TcpSocket.connect({ port, tls: { ca }, timeout: 50 }))).code).toBe(
      "ERR_TIMEOUT",
    );
    const controller = new AbortController();
    const connecting = TcpSocket.connect({ port, tls: { ca }, signal: controller.signal });
    const reason = new Error("enough");
    setImmediate(() => {
      controller.abort(reason);
    });
    await expect(connecting).rejects.toBe(reason);
    await until(() => accepted.length === 2);
    for (const socket of accepted) socket.destroy();
    await until(() => openDescriptors() <= before);
    mute.close();
  });

  it("drops handshakes that go on when the listener is closed, without a report", async () => {
    let reports = 0;
    const listener = await TcpSocket.listen({ port: 0, tls: server, onRefuse: () => reports++ });
    const socket = netConnect(listener.address.port);
    const closed = new Promise((resolve) => socket.once("close", resolve));
    await new Promise((resolve) => socket.once("connect", resolve));
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
    await listener.close();
    await closed;
    expect(reports).toBe(0);
  });

  it("refuses options that OpenSSL cannot use with a TypeError", async () => {
    const connecting = TcpSocket.connect({ port: 1, tls: { key: "nonsense", cert: "nonsense" } });
    await expect(connecting).rejects.toThrow(/options\.tls must be options that node:tls takes/);
  });

  it("talks to openssl s_client, whose certificate it checks", async () => {
    await using listener = await TcpSocket.listen({ port: 0, tls: mutual, codec: text(), framing: lines() });
    const { port } = listener.address;
    const identity = ["-cert", alice.certFile, "-key", alice.keyFile];
    await using peer = startProgram("openssl", [
      ...["s_client", "-quiet", "-verify_return_error", "-verify_quiet"],
      ...["-CAfile", authority.caFile, "-connect", `127.0.0.1:${port}`, ...identity],
    ]);
    await peer.write("hello from openssl");
    await using channel = await listener.accept({ timeout: 10_000 });
    expect(await channel.receive()).toBe("hello from openssl");
    expect(channel.tls?.peerCertificate?.subject.CN).toBe("alice");
    await channel.send("hello from sluice");
    await peer.expectLine("hello from sluice");
  });

  it("talks to openssl s_server, TLS 1.2 included", async () => {
    for (const version of ["-tls1_2", "-tls1_3"]) {
      await using reserved = await TcpSocket.listen({ port: 0 });
      const { port } = reserved.address;
      await reserved.close();
      await using peer = startProgram("openssl", [
        ...["s_server", "-quiet", version, "-cert", own.certFile, "-key", own.keyFile],
        ...["-accept", `127.0.0.1:${port}`],
      ]);
      const client = await connectSoon(port);
      await client.send("hello");
      await peer.expectLine("hello");
      await peer.write("welcome");
      expect(await client.receive({ timeout: 10_000 })).toBe("welcome");
      expect(client.tls?.protocol).toBe(version === "-tls1_2" ? "TLSv1.2" : "TLSv1.3");
      client.destroy();
      await client.closed;
    }
  });
});

/** Connects as soon as somebody listens there. */
async function connectSoon(port: number) {
  for (;;) {
    try {
      return await TcpSocket.connect({ port, tls: { ca }, codec: text(), framing: lines(), timeout: 10_000 });
    } catch (error) {
      if (!(error instanceof ChannelError && error.code === "ERR_NO_PEER")) throw error;
    }
  }
}

it("delivers everything to a server that is late, when the client has sent, closed and gets session tickets then", async () => {
  const program = `
import socket, ssl, sys
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1], sys.argv[2])
server = socket.create_server(("127.0.0.1", 0))
server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16384)
print(server.getsockname()[1], flush=True)
peer, _ = server.accept()
incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
tls = context.wrap_bio(incoming, outgoing, server_side=True)
def step(work):
    while True:
        try:
            return work()
        except ssl.SSLWantReadError:
            pass
        finally:
            if outgoing.pending:
                peer.sendall(outgoing.read())
                sys.stdin.readline()
        incoming.write(peer.recv(4096)) or incoming.write_eof()
step(tls.do_handshake)
total = 0
try:
    while (piece := step(lambda: tls.read(65536))): total += len(piece)
except ssl.SSLZeroReturnError:
    pass
print(total, flush=True)
`;
  await using peer = startProgram("python3", ["-c", program, own.certFile, own.keyFile]);
  const port = Number(await peer.nextLine());
  const channel = await TcpSocket.connect({ port, framing: none(), tls: { ca } });
  await channel.send(Buffer.alloc(200_000));
  const closing = channel.close();
  // Until the kernel has all, more than the server's has room for, and the end.
  await until(() => stateOf(channel.localAddress.port, port) === FIN_WAIT1);
  await peer.write("go on\n".repeat(3));
  await peer.expectLine("200000");
  await closing;
});
