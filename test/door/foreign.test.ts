import { expect, test } from "vitest";
import { connect, lines, listen, NamedPipe, text } from "sluice";
import { startProgram } from "../support/child.js";
import { Folder } from "./support.js";

const chat = { codec: text(), framing: lines() };

/** Listens where it is told, a path or a port, says where that is, and answers each line. */
const server = `
import socket, sys
where = sys.argv[1]
onPath = not where.isdigit()
listener = socket.socket(socket.AF_UNIX if onPath else socket.AF_INET)
listener.bind(where.replace("@", "\\0") if onPath else ("127.0.0.1", int(where)))
listener.listen()
print(where if onPath else listener.getsockname()[1], flush=True)
peer, _ = listener.accept()
for line in peer.makefile("rb"):
    peer.sendall(b"python read " + line)
`;

test("socat comes by a path, by an abstract name and by TCP to listen()", async () => {
  using folder = new Folder();
  const name = `door-socat-${process.pid}`;
  await using byPath = await listen(`unix:${folder.at("socket")}`, chat);
  await using byName = await listen(`unix:@${name}`, chat);
  await using byPort = await listen("tcp://127.0.0.1:0", chat);
  const ways = [
    { listener: byPath, address: `UNIX-CONNECT:${folder.at("socket")}` },
    { listener: byName, address: `ABSTRACT-CONNECT:${name}` },
    { listener: byPort, address: `TCP4:127.0.0.1:${byPort.address.port}` },
  ];
  for (const { listener, address } of ways) {
    await using peer = startProgram("socat", ["-", address]);
    await peer.write("question");
    await using channel = await listener.accept({ timeout: 10_000 });
    expect(await channel.receive({ timeout: 10_000 })).toBe("question");
    await channel.send("answer");
    await peer.expectLine("answer");
  }
});

test("connect() reaches python3 by a path, by an abstract name and by TCP", async () => {
  using folder = new Folder();
  for (const where of [folder.at("socket"), `@door-python-${process.pid}`, "0"]) {
    await using peer = startProgram("python3", ["-c", server, where]);
    const told = await peer.nextLine();
    await using channel = await (where === "0"
      ? connect(`tcp://127.0.0.1:${told}?timeout=10000`, chat)
      : connect(`unix:${told}?timeout=10000`, chat));
    await channel.send("a line");
    expect(await channel.receive({ timeout: 10_000 })).toBe("python read a line");
  }
});

test("a shell writes into the FIFO of listen(), and socat sends to its UDP port", async () => {
  using folder = new Folder();
  const path = folder.at("fifo");
  await using orders = await listen(`fifo:${path}`, chat);
  await using shell = startProgram("sh", ["-c", `printf 'start\\nstop\\n' > ${path}`]);
  expect([await orders.receive(), await orders.receive()]).toEqual(["start", "stop"]);
  await shell.exit;
  await NamedPipe.unlink(path);

  await using readings = await listen("udp://127.0.0.1:0", { codec: text() });
  await using sensor = startProgram("socat", ["-u", "-", `UDP4:127.0.0.1:${readings.localAddress.port}`]);
  await sensor.write("21");
  expect(await readings.receive({ timeout: 10_000 })).toBe("21\n");
});
