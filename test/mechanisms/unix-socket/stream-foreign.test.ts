import { describe, expect, it } from "vitest";
import { json, lengthPrefixed, lines, nul, text } from "../../../src/codec/index.js";
import { UnixSocket } from "../../../src/mechanisms/unix-socket/unix-socket.js";
import { startProgram } from "../../support/child.js";
import { freshPath, isListening, until } from "./support.js";

const chat = { codec: text(), framing: lines() };

describe("UnixSocket stream and other programs", () => {
  it("serves socat with lines, both ways", async () => {
    const path = freshPath();
    await using listener = await UnixSocket.listen(path, chat);
    await using socat = startProgram("socat", ["STDIO", `UNIX-CONNECT:${path}`]);
    await using channel = await listener.accept();
    for (const line of ["one", "zwei €", "", "x".repeat(100_000)]) {
      await socat.write(line);
      expect(await channel.receive()).toBe(line);
      await channel.send(line);
      expect(await socat.nextLine()).toBe(line);
    }
    expect(channel.peer.pid).toBe(socat.pid);
    socat.end();
    await expect(channel.receive()).rejects.toMatchObject({ code: "ERR_END_OF_CHANNEL" });
  });

  it("connects to socat with lines, both ways", async () => {
    const path = freshPath();
    await using socat = startProgram("socat", [`UNIX-LISTEN:${path}`, "STDIO"]);
    await until(() => isListening(path));
    const channel = await UnixSocket.connect(path, { ...chat, timeout: 5000 });
    await channel.send("hello socat");
    await socat.expectLine("hello socat");
    await socat.write("hello sluice");
    expect(await channel.receive()).toBe("hello sluice");
    await channel.close();
    await socat.exit;
  });

  it("serves Python with length prefixes, both ways and split at every byte", async () => {
    const path = freshPath();
    const code = `
import json, socket, struct, sys
s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1])
f = s.makefile("rb")
for number in range(300):
    body = json.dumps({"number": number, "pad": "p" * (number % 50)}).encode()
    frame = struct.pack("<I", len(body)) + body
    for i in range(0, len(frame), 1 + number % 7): s.sendall(frame[i:i + 1 + number % 7])
    (length,) = struct.unpack("<I", f.read(4))
    answer = json.loads(f.read(length))
    assert answer == {"twice": number * 2}, answer
print("good")`;
    const codec = json<{ number?: number; twice?: number }>();
    await using listener = await UnixSocket.listen(path, { codec, framing: lengthPrefixed() });
    await using python = startProgram("python3", ["-uc", code, path]);
    await using channel = await listener.accept();
    for await (const { number = NaN } of channel) await channel.send({ twice: number * 2 });
    await python.expectLine("good");
  });

  it("connects to a Python server with NUL-separated text, both ways", async () => {
    const path = freshPath();
    const code = `
import socket, sys
s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen(1); print("up")
c, _ = s.accept(); rest = b""
while chunk := c.recv(7):
    *whole, rest = (rest + chunk).split(b"\\0")
    for word in whole: c.sendall(word.upper() + b"\\0")`;
    await using python = startProgram("python3", ["-uc", code, path]);
    await python.expectLine("up");
    await using channel = await UnixSocket.connect(path, { codec: text(), framing: nul() });
    await channel.sendMany(["alpha", "", "line\nbreak", "omega"]);
    const answers = [];
    while (answers.length < 4) answers.push(await channel.receive());
    expect(answers).toEqual(["ALPHA", "", "LINE\nBREAK", "OMEGA"]);
    expect(channel.peer.pid).toBe(python.pid);
  });

  it("serves many at once", async () => {
    const path = freshPath();
    await using listener = await UnixSocket.listen(path, chat);
    const served = (async () => {
      for await (const channel of listener) {
        void (async () => {
          for await (const line of channel) await channel.send(`${channel.peer.pid} ${line}`);
        })();
      }
    })();
    const clients = Array.from({ length: 5 }, () => startProgram("socat", ["STDIO", `UNIX-CONNECT:${path}`]));
    await Promise.all(
      clients.map(async (client) => {
        for (let number = 0; number < 50; number++) {
          await client.write(`line ${number}`);
          await client.expectLine(`${client.pid} line ${number}`);
        }
        client.end();
        await client.exit;
      }),
    );
    await listener.close();
    await served;
  });
});
