import { AnonymousPipe, type Channel, NamedPipe, TcpSocket, UdpSocket, UnixSocket } from "sluice";
import { expect, test } from "vitest";
import { type Peer, startProgram } from "../support/child.js";
import { isWatched, readersOfThisProcess } from "../support/watched.js";
import { connection } from "./tcp-socket/support.js";
import { freshPath } from "./unix-socket/support.js";
import { immediates } from "../support/immediates.js";

type Bytes = Channel<Uint8Array, Buffer>;

/** Both ends, of which the second may be one that names its receivers. */
const opens: Record<string, () => Promise<readonly [Bytes, Bytes]>> = {
  "unix-stream": () => Promise.resolve(UnixSocket.pair({ type: "stream" })),
  "unix-seqpacket": () => Promise.resolve(UnixSocket.pair({ type: "seqpacket" })),
  "unix-dgram": () => Promise.resolve(UnixSocket.pair({ type: "dgram" })),
  tcp: async () => {
    const { client, server, listener } = await connection();
    await listener.close();
    return [client, server];
  },
  "named-pipe": async () => {
    const path = freshPath("talk");
    return Promise.all([NamedPipe.openDuplex(path), NamedPipe.openDuplex(path)]);
  },
  udp: async () => {
    const bound = await UdpSocket.bind();
    return [await UdpSocket.connect({ port: bound.localAddress.port }), bound];
  },
};
const kinds = Object.keys(opens);
const question = Buffer.alloc(64, 7);
const ROUNDS = 3000;

async function answer(channel: Bytes, rounds: number): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    const { message, from } = await channel.receiveEnvelope();
    await channel.send(
      message,
      channel.traits.mechanism === "udp-socket" && from !== undefined ? { to: from } : {},
    );
  }
}

test.each(kinds)("in a conversation over %s no end is watched, and after it both are", async (kind) => {
  const before = readersOfThisProcess();
  const [asking, answering] = (await opens[kind]?.()) ?? [];
  if (asking === undefined || answering === undefined) throw new Error("no such kind");
  await using _asking = asking;
  await using _answering = answering;
  const mine = readersOfThisProcess().filter((fd) => !before.includes(fd));
  expect(mine).toHaveLength(2);
  const answered = answer(answering, ROUNDS + 1);
  let unwatched = 0;
  for (let round = 0; round < ROUNDS; round++) {
    question.writeUInt32LE(round);
    await asking.send(question);
    expect(await asking.receive()).toEqual(question);
    if (round % 16 === 0 && !isWatched(mine)) unwatched++;
  }
  expect(unwatched).toBeGreaterThan(0);
  while (mine.some((fd) => !isWatched([fd]))) await new Promise(setImmediate);
  // Asleep, both are still told.
  const coming = asking.receive();
  await new Promise(setImmediate);
  await asking.send(question);
  expect(await coming).toEqual(question);
  await answered;
});

test.each(kinds)(
  "a conversation over %s keeps the process alive only while its channels do",
  async (kind) => {
    const before = immediates();
    const [asking, answering] = (await opens[kind]?.()) ?? [];
    if (asking === undefined || answering === undefined) throw new Error("no such kind");
    await using _asking = asking;
    await using _answering = answering;
    const answered = expect(answer(answering, Infinity)).rejects.toMatchObject({
      code: "ERR_CHANNEL_CLOSED",
    });
    const talk = async (): Promise<void> => {
      await asking.send(question);
      await asking.receive();
    };
    for (let round = 0; round < 200; round++) await talk();
    // Asking by turns comes and goes.
    while (immediates() <= before) await talk();
    asking.unref();
    answering.unref();
    expect(immediates()).toBe(before);
    await talk();
    await answering.close();
    await answered;
  },
);

test("a UDP peer that goes away in the middle of a conversation is told of", async () => {
  const answering = await UdpSocket.bind();
  await using asking = await UdpSocket.connect({ port: answering.localAddress.port });
  const answered = answer(answering, ROUNDS);
  for (let round = 0; round < ROUNDS; round++) {
    await asking.send(question);
    expect(await asking.receive()).toEqual(question);
  }
  await answered;
  await answering.close();
  await asking.send(question);
  await expect(asking.receive()).rejects.toMatchObject({ code: "ERR_PEER_DIED" });
});

// Echoes so many messages as they come, says so, and then either ends in order after a last one, or leaves the next unread.
const echo = `
import socket, struct, sys
kind, address, rounds = sys.argv[1], sys.argv[2], int(sys.argv[3])
if kind == "tcp":
    l = socket.socket(); l.bind(("127.0.0.1", 0))
else:
    l = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM if kind == "unix-stream" else socket.SOCK_SEQPACKET); l.bind(address)
l.listen(1)
print(l.getsockname()[1] if kind == "tcp" else "up")
s, _ = l.accept()
for _ in range(rounds): s.sendall(s.recv(65536))
print("echoed")
if sys.stdin.readline() == "end\\n":
    s.sendall(s.recv(65536))
    s.sendall(b"last" if kind == "unix-seqpacket" else struct.pack("<I", 4) + b"last")
    s.close()
sys.stdin.readline()`;

async function converse(kind: string): Promise<{ python: Peer; channel: Bytes }> {
  const path = freshPath();
  const python = startProgram("python3", ["-uc", echo, kind, path, String(ROUNDS)]);
  const port = Number(await python.nextLine());
  const channel =
    kind === "tcp"
      ? await TcpSocket.connect({ host: "127.0.0.1", port })
      : await UnixSocket.connect(path, { type: kind === "unix-stream" ? "stream" : "seqpacket" });
  for (let round = 0; round < ROUNDS; round++) {
    await channel.send(question);
    expect(await channel.receive()).toEqual(question);
  }
  await python.expectLine("echoed");
  return { python, channel };
}

test("the end of a conversation over anonymous pipes comes after its last message, and so does that of a peer that is killed", async () => {
  for (const end of ["exit", "kill"]) {
    const script = `
import os, signal, struct, sys
for _ in range(${ROUNDS}): os.write(4, os.read(3, 65536))
os.write(4, struct.pack("<I", 4) + b"last")
if "${end}" == "kill": os.kill(os.getpid(), signal.SIGKILL)`;
    const { exited, channel } = AnonymousPipe.spawn("python3", ["-c", script]);
    await using _channel = channel;
    for (let round = 0; round < ROUNDS; round++) {
      await channel.send(question);
      expect(await channel.receive()).toEqual(question);
    }
    expect(String(await channel.receive())).toBe("last");
    await expect(channel.receive()).rejects.toMatchObject({ code: "ERR_END_OF_CHANNEL" });
    const expected = end === "exit" ? { code: 0, signal: null } : { code: null, signal: "SIGKILL" };
    expect(await exited).toEqual(expected);
  }
});

const connected = ["unix-stream", "unix-seqpacket", "tcp"];

test.each(connected)("the end of a conversation over %s comes after its last message", async (kind) => {
  const { python, channel } = await converse(kind);
  await using _python = python;
  await using _channel = channel;
  await python.write("end");
  await channel.send(question);
  expect(await channel.receive()).toEqual(question);
  expect(String(await channel.receive())).toBe("last");
  await expect(channel.receive()).rejects.toMatchObject({ code: "ERR_END_OF_CHANNEL" });
});

test.each(connected)(
  "a peer that is killed in a conversation over %s, with a question unread, has died",
  async (kind) => {
    const { python, channel } = await converse(kind);
    await using _python = python;
    await using _channel = channel;
    await channel.send(question);
    // With nothing unread a peer that is killed ends as one that closes.
    await channel.flush();
    const answered = expect(channel.receive()).rejects.toMatchObject({ code: "ERR_PEER_DIED" });
    python.kill("SIGKILL");
    await answered;
  },
);
