// Serves PATH, answers each message with its own pid, and hands over to whoever asks at PATH.next; with "next" it takes over first.
// STOP, when given, is where it stops for good: "taken" (has the handles and does not listen yet) or "listening" (has not told).
import { text, UnixSocket } from "sluice";

const [path = "", role = "", stop = ""] = process.argv.slice(2);
const succession = { codec: text(), maxHandles: 2 };
const predecessor = role === "next" ? await UnixSocket.connect(`${path}.next`, succession) : undefined;
await predecessor?.send("replace");
const handles = predecessor === undefined ? undefined : (await predecessor.receiveEnvelope()).handles;
await halt("taken");
const listener = await UnixSocket.listen(path, { codec: text(), handles });
await halt("listening");
if (predecessor !== undefined) {
  await predecessor.send("listening");
  // Its end: the name for the next succession is free.
  for await (const message of predecessor) throw new Error(`unexpected: ${message}`);
}
const successions = await UnixSocket.listen(`${path}.next`, succession);
console.log("serving");
process.stdin.once("end", () => void Promise.all([listener.close(), successions.close()])).resume();
const succeeding = (async () => {
  for await (const successor of successions) {
    await successor.receive();
    await successor.send("yours", { handles: listener.handles });
    try {
      await successor.receive();
    } catch {
      console.log("successor died");
      continue;
    }
    await listener.handOver();
    await successions.close();
    await successor.close();
    return;
  }
})();
const conversations: Promise<void>[] = [];
for await (const client of listener) {
  conversations.push(
    (async () => {
      for await (const message of client) await client.send(`${message} ${process.pid}`);
    })(),
  );
}
await Promise.all([...conversations, succeeding]);
console.log("done");
process.stdin.destroy();

async function halt(at: string): Promise<void> {
  if (stop !== at) return;
  console.log(at);
  await new Promise((resolve) => process.stdin.once("data", resolve));
}
