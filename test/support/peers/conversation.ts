// One side of a conversation over a path: conversation.js KIND listen|connect PATH ROUNDS. Both sides may share one processor.
import { type Channel, SharedBuffer, UnixSocket } from "sluice";
import { isWatched, readersOfThisProcess } from "../watched.js";

const [kind = "", role = "", path = "", count = ""] = process.argv.slice(2);
const rounds = Number(count);

async function open(): Promise<Channel<Uint8Array, Buffer>> {
  if (kind === "dgram")
    return role === "listen"
      ? UnixSocket.bind(path, { type: "dgram" })
      : UnixSocket.connect(path, { type: "dgram" });
  if (role === "connect")
    return kind === "ring"
      ? SharedBuffer.connect(path)
      : UnixSocket.connect(path, { type: kind as "stream" | "seqpacket" });
  const listener =
    kind === "ring"
      ? await SharedBuffer.listen(path)
      : await UnixSocket.listen(path, { type: kind as "stream" | "seqpacket" });
  console.log("ready");
  const accepted = await listener.accept();
  await listener.close();
  return accepted;
}

const before = readersOfThisProcess();
const channel = await open();
const sockets = readersOfThisProcess().filter((fd) => !before.includes(fd));
let turns = 0;
const timer = setInterval(() => turns++, 1);
if (role === "listen") {
  if (kind === "dgram") console.log("ready");
  for (let round = 0; round < rounds + 1; round++) {
    const { message, from } = await channel.receiveEnvelope();
    await channel.send(message, from === undefined ? {} : { to: from });
  }
} else {
  const question = Buffer.alloc(64);
  for (let round = 0; round < rounds; round++) {
    question.writeUInt32LE(round, 0);
    await channel.send(question);
    // Both ways to ask, and one that is bounded.
    const answer =
      round % 3 === 0
        ? await channel.receive()
        : round % 3 === 1
          ? ((await channel.receiveMany())[0] ?? Buffer.alloc(0))
          : await channel.receive({ timeout: 60_000 });
    if (answer.length !== 64 || answer.readUInt32LE(0) !== round)
      throw new Error(`answer ${answer.length} bytes, ${answer.readUInt32LE(0)} to question ${round}`);
  }
  // Once nobody asks any more it is watched again, and whoever sleeps is told.
  while (kind !== "ring" && !isWatched(sockets)) await new Promise(setImmediate);
  const answer = channel.receive();
  await new Promise(setImmediate);
  await channel.send(question);
  if (!(await answer).equals(question)) throw new Error("another answer to the last question");
}
clearInterval(timer);
await channel.close();
console.log(`${rounds} rounds, ${turns > 0 ? "the event loop turned" : "the event loop stood still"}`);
