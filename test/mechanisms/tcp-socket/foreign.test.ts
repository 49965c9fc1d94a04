import { TcpSocket, lines, text, lengthPrefixed } from "sluice";
import { expect, it } from "vitest";
import { startProgram } from "../../support/child.js";
import { until } from "./support.js";

const chat = { codec: text(), framing: lines() };

it("socat connects, and gets the answers that it has asked for", async () => {
  await using listener = await TcpSocket.listen({ port: 0, ...chat });
  await using peer = startProgram("socat", ["-", `TCP4:127.0.0.1:${listener.address.port}`]);
  await peer.write("question");
  await using channel = await listener.accept({ timeout: 10_000 });
  expect(await channel.receive()).toBe("question");
  await channel.send("answer");
  await peer.expectLine("answer");
  peer.end();
  await expect(channel.receive()).rejects.toMatchObject({ code: "ERR_END_OF_CHANNEL" });
});

it("python3 speaks the length-prefixed frames, at ::1 too", async () => {
  await using listener = await TcpSocket.listen({ host: "::1", port: 0, framing: lengthPrefixed() });
  const program = `
import socket, struct, sys
peer = socket.create_connection(("::1", int(sys.argv[1])))
for size in (0, 1, 70000):
    peer.sendall(struct.pack("<I", size) + b"p" * size)
read = peer.makefile("rb")
(size,) = struct.unpack("<I", read.read(4))
print(read.read(size).decode(), flush=True)
`;
  await using peer = startProgram("python3", ["-c", program, String(listener.address.port)]);
  await using channel = await listener.accept({ timeout: 10_000 });
  for (const size of [0, 1, 70_000]) expect(await channel.receive()).toHaveLength(size);
  await channel.send(Buffer.from("from node"));
  await peer.expectLine("from node");
});

it("a server in python3 that is killed fails the channel that waits", async () => {
  const program = `
import socket, sys
server = socket.create_server(("127.0.0.1", 0))
print(server.getsockname()[1], flush=True)
peer, _ = server.accept()
peer.sendall(b"welcome\\n")
sys.stdin.read()
`;
  await using peer = startProgram("python3", ["-c", program]);
  await using channel = await TcpSocket.connect({ port: Number(await peer.nextLine()), ...chat });
  expect(await channel.receive()).toBe("welcome");
  const waiting = channel.receive();
  peer.kill("SIGKILL");
  await expect(waiting).rejects.toMatchObject({ code: expect.stringMatching(/END_OF|DIED/) as string });
  await channel.closed;
});

it("a client that resets its connection fails the channel with ERR_PEER_DIED, behind what it had sent", async () => {
  await using listener = await TcpSocket.listen({ port: 0, ...chat });
  const program = `
import socket, struct, sys
peer = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
peer.sendall(b"first\\nsecond\\nhalf of the th")
sys.stdin.readline()
peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
peer.close()
`;
  await using peer = startProgram("python3", ["-c", program, String(listener.address.port)]);
  await using channel = await listener.accept({ timeout: 10_000 });
  expect(await channel.receive()).toBe("first");
  await peer.write("now");
  await peer.exit;
  expect(await channel.receive()).toBe("second");
  await expect(channel.receive()).rejects.toMatchObject({ code: "ERR_PEER_DIED" });
});

it("a client that announces a message over the limit is cut off before memory is taken", async () => {
  await using listener = await TcpSocket.listen({ port: 0, maxMessageSize: 1000 });
  const program = `
import socket, sys
peer = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
peer.sendall(b"\\xff\\xff\\xff\\x7f")
print("ended" if peer.recv(1) == b"" else "data", flush=True)
`;
  await using peer = startProgram("python3", ["-c", program, String(listener.address.port)]);
  await using channel = await listener.accept({ timeout: 10_000 });
  await expect(channel.receive()).rejects.toMatchObject({ code: "ERR_MESSAGE_TOO_LARGE" });
  await until(() => channel.state === "closed");
  await peer.expectLine("ended");
});
