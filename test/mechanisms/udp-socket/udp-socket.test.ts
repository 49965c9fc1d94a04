import { createSocket } from "node:dgram";
import { readFileSync } from "node:fs";
import { ChannelError, text, UdpSocket, type UdpChannel } from "sluice";
import { describe, expect, it } from "vitest";
import { compiled, startPeer, startProgram } from "../../support/child.js";
import { failure } from "../tcp-socket/support.js";
import { openDescriptors } from "../../support/open-descriptors.js";

const chat = { codec: text() };
const GROUP = "239.255.77.1";
const GROUP6 = "ff15::77:1";

describe("UdpSocket.bind()", () => {
  it("binds to 127.0.0.1 and a free port, and tells where each message came from", async () => {
    await using one = await UdpSocket.bind(chat);
    await using other = await UdpSocket.bind(chat);
    expect(one.localAddress.host).toBe("127.0.0.1");
    expect(one.remoteAddress).toBeUndefined();
    await one.send("question", { to: other.localAddress });
    const { message, from } = await other.receiveEnvelope();
    expect([message, from]).toEqual(["question", one.localAddress]);
    await other.sendMany(["a", "b"], { to: from });
    expect([await one.receive(), await one.receive()]).toEqual(["a", "b"]);
  });

  it("works over IPv6; with dualStack it talks to IPv4 addresses, too", async () => {
    await using six = await UdpSocket.bind({ host: "::1", ...chat });
    await using sixth = await UdpSocket.connect({ host: "::1", port: six.localAddress.port, ...chat });
    await sixth.send("six");
    expect(await six.receiveEnvelope()).toEqual({ message: "six", from: sixth.localAddress });
    await using four = await UdpSocket.bind(chat);
    await expect(six.send("four", { to: four.localAddress })).rejects.toThrow(
      /options\.to\.host must be an IPv6 address/,
    );
    await expect(four.send("six", { to: six.localAddress })).rejects.toThrow(
      /options\.to\.host must be an IPv4 address/,
    );
    await using dual = await UdpSocket.bind({ host: "::", dualStack: true, ...chat });
    await dual.send("both", { to: four.localAddress });
    const { from } = await four.receiveEnvelope();
    expect(from).toEqual({ host: "127.0.0.1", port: dual.localAddress.port });
    await four.send("back", { to: from });
    expect(await dual.receiveEnvelope()).toEqual({ message: "back", from: four.localAddress });
  });

  it("refuses an address that is taken, unless both share it", async () => {
    await using first = await UdpSocket.bind();
    const { port } = first.localAddress;
    expect((await failure(() => UdpSocket.bind({ port }))).code).toBe("ERR_ADDRESS_IN_USE");
    await using shared = await UdpSocket.bind({ reuseAddress: true });
    await using other = await UdpSocket.bind({ port: shared.localAddress.port, reuseAddress: true });
    expect(other.localAddress).toEqual(shared.localAddress);
    expect((await failure(() => UdpSocket.bind({ host: "192.0.2.1" }))).message).toMatch(/no such address/);
  });

  it("gives the kernel's buffer the size that was asked for, or says that it cannot", async () => {
    await using receiver = await UdpSocket.bind({ receiveBufferSize: 4096 });
    await using sender = await UdpSocket.connect({ port: receiver.localAddress.port });
    for (let count = 0; count < 50; count++) await sender.send(Buffer.alloc(1000));
    expect(receiver.dropped).toBeGreaterThan(40);
    const large = UdpSocket.bind({ receiveBufferSize: 2 ** 29 });
    if (process.getuid?.() === 0) await (await large).close();
    else expect((await failure(() => large)).code).toBe("ERR_UNSUPPORTED");
  });

  it.each([
    [{ port: -1 }, /options\.port.*received -1/],
    [{ host: 7 }, /options\.host.*received 7/],
    [{ ttl: 0 }, /options\.ttl.*received 0/],
    [{ maxMessageSize: 65_508 }, /options\.maxMessageSize.*65507, received 65508/],
    [{ multicast: { ttl: 256 } }, /options\.multicast\.ttl.*256/],
    [{ multicast: { interface: "no-such-interface" } }, /options\.multicast\.interface.*\(.*lo.*\)/],
    [{ multicast: 1 }, /options\.multicast must be/],
    [{ broadcast: "yes" }, /options\.broadcast must be a boolean/],
    [{ receiveBufferSize: 0 }, /options\.receiveBufferSize.*received 0/],
    [null, /options must be an object, received null/],
  ])(
    "refuses %j with an error that names what is wrong, and leaves no descriptor",
    async (options, message) => {
      const before = openDescriptors();
      const binding = UdpSocket.bind(options as object);
      await expect(binding).rejects.toThrow(message);
      await expect(binding).rejects.not.toBeInstanceOf(ChannelError);
      expect(openDescriptors()).toBe(before);
    },
  );

  it.each([
    [undefined, /needs options\.to/],
    ["127.0.0.1:80", /options\.to must be \{ host, port \}, received "127/],
    [
      { host: "localhost", port: 80 },
      /options\.to\.host must be an IPv4 or IPv6 address, received "localhost"/,
    ],
    [{ host: "127.0.0.1", port: 0 }, /options\.to\.port must be from 1 to 65535/],
    [{ host: "127.0.0.1", port: 70_000 }, /options\.to\.port.*70000/],
  ])("refuses to send to %j", async (to, message) => {
    await using socket = await UdpSocket.bind();
    await expect(socket.send(Buffer.from("x"), { to: to as { host: string; port: number } })).rejects.toThrow(
      message,
    );
  });
});

describe("UdpSocket.connect()", () => {
  it("hears from its peer alone, and can be given its own address", async () => {
    await using server = await UdpSocket.bind(chat);
    const localAddress = { host: "127.0.0.9", port: 0 };
    await using client = await UdpSocket.connect({ port: server.localAddress.port, localAddress, ...chat });
    expect(client.localAddress.host).toBe("127.0.0.9");
    await using stranger = await UdpSocket.bind(chat);
    await stranger.send("psst", { to: client.localAddress });
    await server.send("hello", { to: client.localAddress });
    expect(await client.receiveEnvelope()).toEqual({ message: "hello", from: server.localAddress });
    expect(client.tryReceive()).toBeUndefined();
    expect((await failure(() => client.send("x", { to: server.localAddress }))).code).toBe("ERR_UNSUPPORTED");
  });

  it("fails with ERR_PEER_DIED once a message has found nobody, and gives whoever waits that error", async () => {
    const gone = await UdpSocket.bind();
    const { port } = gone.localAddress;
    await gone.close();
    await using client = await UdpSocket.connect({ port });
    const waiting = failure(() => client.receive());
    await client.send(Buffer.from("anybody?"));
    expect(await waiting).toMatchObject({
      code: "ERR_PEER_DIED",
      message: expect.stringMatching(/ECONNREFUSED/) as string,
    });
    await client.closed;
  });

  it("a bound socket is not told that nobody is there, and goes on", async () => {
    const gone = await UdpSocket.bind();
    await gone.close();
    await using socket = await UdpSocket.bind();
    await using other = await UdpSocket.bind();
    for (let count = 0; count < 10; count++) await socket.send(Buffer.from("x"), { to: gone.localAddress });
    await socket.send(Buffer.from("y"), { to: other.localAddress });
    expect(String(await other.receive())).toBe("y");
  });

  it("refuses a datagram over 65,507 bytes before it is sent, and carries one of that size", async () => {
    await using server = await UdpSocket.bind();
    await using client = await UdpSocket.connect({ port: server.localAddress.port });
    expect((await failure(() => client.send(Buffer.alloc(65_508)))).code).toBe("ERR_MESSAGE_TOO_LARGE");
    await client.send(Buffer.alloc(65_507, 1));
    expect(await server.receive()).toHaveLength(65_507);
  });

  it("tells of a datagram over the receiver's limit in its place, and goes on", async () => {
    await using server = await UdpSocket.bind({ maxMessageSize: 100 });
    await using client = await UdpSocket.connect({ port: server.localAddress.port });
    for (const size of [100, 101, 99]) await client.send(Buffer.alloc(size));
    expect(await server.receive()).toHaveLength(100);
    expect((await failure(() => server.receive())).code).toBe("ERR_MESSAGE_TOO_LARGE");
    expect(await server.receive()).toHaveLength(99);
  });

  it("looks its host up within the bounds of the call", async () => {
    const reason = new Error("before");
    const signal = AbortSignal.abort(reason);
    await expect(UdpSocket.connect({ host: "localhost", port: 9, signal })).rejects.toBe(reason);
    expect((await failure(() => UdpSocket.connect({ host: "no-such-host.invalid", port: 9 }))).code).toBe(
      "ERR_NO_PEER",
    );
    await expect(UdpSocket.connect({ port: 0 })).rejects.toThrow(/options\.port.*received 0/);
  });

  it("refuses a broadcast address without the option", async () => {
    await using socket = await UdpSocket.bind({ host: "0.0.0.0" });
    const to = { host: "255.255.255.255", port: 9 };
    // Without a network there is no way to it either.
    expect(["ERR_ACCESS_DENIED", "ERR_NO_PEER"]).toContain(
      (await failure(() => socket.send(Buffer.from("x"), { to }))).code,
    );
    const lo = { host: "127.255.255.255", port: 9 };
    expect((await failure(() => socket.send(Buffer.from("x"), { to: lo }))).code).toBe("ERR_ACCESS_DENIED");
    await using allowed = await UdpSocket.bind({ host: "0.0.0.0", broadcast: true });
    await allowed.send(Buffer.from("x"), {
      to: { host: "127.255.255.255", port: allowed.localAddress.port },
    });
    expect(String(await allowed.receive())).toBe("x");
  });
});

describe("multicast on the loopback interface", () => {
  const member = (port?: number): Promise<UdpChannel<string>> =>
    UdpSocket.bind({ host: GROUP, port, reuseAddress: true, ...chat });

  it("reaches all members, and nobody who has left", async () => {
    await using first = await member();
    await using second = await member(first.localAddress.port);
    for (const each of [first, second]) each.join(GROUP, { interface: "lo" });
    const { port } = first.localAddress;
    await using sender = await UdpSocket.bind({ multicast: { interface: "lo" }, ...chat });
    const to = { host: GROUP, port };
    await sender.send("to all", { to });
    expect([await first.receive(), await second.receive()]).toEqual(["to all", "to all"]);
    second.leave(GROUP, { interface: "lo" });
    await sender.send("to one", { to });
    expect(await first.receive()).toBe("to one");
    expect(() => second.leave(GROUP, { interface: "lo" })).toThrow(/no member/);
    expect(() => first.join(GROUP, { interface: "127.0.0.1" })).toThrow(
      expect.objectContaining({ code: "ERR_ADDRESS_IN_USE" }),
    );
  });

  it("tells the kernel what the options say of multicasts and time to live", async () => {
    // The loopback interface gives back what is sent by it, whatever IP_MULTICAST_LOOP says.
    const program = compiled("test/support/peers/internet/multicast-options.ts");
    const calls = ["-f", "-e", "trace=setsockopt", process.execPath, program];
    // LeakSanitizer, in builds that have it, does not run under a tracer.
    await using peer = startProgram("strace", calls, { env: { ASAN_OPTIONS: "detect_leaks=0" } });
    await peer.expectLine("done");
    expect(await peer.exit).toEqual({ code: 0, signal: null });
    for (const option of [
      "IP_MULTICAST_TTL, [3]",
      "IP_MULTICAST_LOOP, [0]",
      "IP_TTL, [9]",
      "IPV6_MULTICAST_HOPS, [4]",
    ])
      expect(peer.stderr).toContain(option);
    expect(peer.stderr).toMatch(/IPV6_MULTICAST_LOOP, \[0\]/);
    expect(peer.stderr).toMatch(/IPV6_UNICAST_HOPS, \[5\]/);
  });

  it("joins and leaves IPv6 groups", async () => {
    await using receiver = await UdpSocket.bind({ host: "::", multicast: { interface: "lo" } });
    const isMember = (): boolean =>
      readFileSync("/proc/net/igmp6", "utf8").includes("ff150000000000000000000000770001");
    receiver.join(GROUP6, { interface: "lo" });
    expect(isMember()).toBe(true);
    receiver.leave(GROUP6, { interface: "lo" });
    expect(isMember()).toBe(false);
  });

  it("refuses what is no group, no interface, or closed", async () => {
    const socket = await UdpSocket.bind();
    expect(() => {
      socket.join("127.0.0.1");
    }).toThrow(/group must be a multicast address.*"127/);
    expect(() => {
      socket.join(GROUP, { interface: "nope0" });
    }).toThrow(RangeError);
    await socket.close();
    expect(() => {
      socket.join(GROUP);
    }).toThrow(expect.objectContaining({ code: "ERR_CHANNEL_CLOSED" }));
  });
});

describe("foreign peers", () => {
  it("python3 sends, and gets an answer at the address it has", async () => {
    await using socket = await UdpSocket.bind(chat);
    const program = `
import socket, sys
peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
peer.sendto(b"", ("127.0.0.1", int(sys.argv[1])))
peer.sendto(b"hello", ("127.0.0.1", int(sys.argv[1])))
print(peer.recvfrom(100)[0].decode(), flush=True)
`;
    await using peer = startProgram("python3", ["-c", program, String(socket.localAddress.port)]);
    expect(await socket.receive({ timeout: 10_000 })).toBe("");
    const { message, from } = await socket.receiveEnvelope();
    await socket.send(`${message} too`, { to: from });
    await peer.expectLine("hello too");
  });

  it("socat receives what is sent, one line a datagram", async () => {
    await using probe = await UdpSocket.bind();
    const { port } = probe.localAddress;
    await probe.close();
    await using peer = startProgram("socat", ["-u", `UDP4-RECV:${port},bind=127.0.0.1`, "-"]);
    await using sender = await UdpSocket.bind(chat);
    const to = { host: "127.0.0.1", port };
    // Nobody tells when socat is bound: it is sent the same until it says so.
    const again = setInterval(() => void sender.send("line\n", { to }), 10);
    await peer.expectLine("line");
    clearInterval(again);
  });

  it("node:dgram sees whole datagrams", async () => {
    const plain = createSocket("udp4").bind(0, "127.0.0.1");
    await new Promise((resolve) => plain.once("listening", resolve));
    await using sender = await UdpSocket.connect({ port: plain.address().port });
    const got = new Promise<Buffer>((resolve) => plain.once("message", resolve));
    await sender.send(Buffer.alloc(9000, 5));
    expect(await got).toEqual(Buffer.alloc(9000, 5));
    plain.close();
  });

  it("works in worker threads, which may be terminated in mid-traffic", { timeout: 60_000 }, async () => {
    await using peer = startPeer("internet/workers");
    await peer.expectLine("10 terminated, 0 descriptors left");
    expect(await peer.exit, peer.stderr).toEqual({ code: 0, signal: null });
  });
});
