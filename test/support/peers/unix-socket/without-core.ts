// Runs where the native core does not load (SLUICE_NATIVE names no file) and tells what works.
import { existsSync, statSync, writeFileSync } from "node:fs";
import { ChannelError, lines, text, UnixSocket, type UnixSocketListenOptions } from "sluice";

const [path = ""] = process.argv.slice(2);
const code = async (work: () => Promise<unknown>): Promise<string> => {
  try {
    await work();
    return "fulfilled";
  } catch (error) {
    if (error instanceof ChannelError) return error.code;
    throw error;
  }
};
// A short queue, so that reading stops and goes on in the middle of what was read.
const receiveQueue = { messages: 10 };
const chat = { codec: text(), framing: lines(), allow: "anyone" as const, receiveQueue };

console.log("checked listen", await code(() => UnixSocket.listen(path)));
console.log("checked connect", await code(() => UnixSocket.connect(path)));
console.log("abstract", await code(() => UnixSocket.listen("\0sluice-no-core", chat)));
console.log("pair", await code(async () => UnixSocket.pair()));
console.log("native", await code(() => UnixSocket.listen(path, { ...chat, engine: "native" })));
console.log("nobody", await code(() => UnixSocket.connect(path, chat)));

const listener = await UnixSocket.listen(path, { ...chat, mode: 0o640 });
console.log("mode", (statSync(path).mode & 0o777).toString(8));
console.log("second listen", await code(() => UnixSocket.listen(path, chat)));
// Whether somebody listens can only be found out by connecting: that was the first visitor.
await (await listener.accept()).close();
const client = await UnixSocket.connect(path, chat);
const server = await listener.accept();
console.log("identity", server.traits.peerIdentity, await code(async () => server.peer));
const sent = Array.from({ length: 5000 }, (_, number) => `${number} ${"x".repeat(number % 700)}`);
void client.sendMany(sent).then(() => client.close());
const received: string[] = [];
for await (const line of server) received.push(line);
console.log(
  "stream",
  received.length,
  received.every((line, index) => line === sent[index]),
);
await listener.close();
console.log("file after close", existsSync(path));

writeFileSync(path, "precious");
console.log("regular file", await code(() => UnixSocket.listen(path, chat)));
console.log("size", statSync(path).size);

const packets: UnixSocketListenOptions<Uint8Array, Buffer> & { type: "seqpacket" } = {
  type: "seqpacket",
  allow: "anyone",
};
const packetListener = await UnixSocket.listen(`${path}.seq`, packets);
const packetClient = await UnixSocket.connect(`${path}.seq`, packets);
const packetServer = await packetListener.accept();
await packetClient.send(Buffer.from("whole"));
await packetClient.send(Buffer.from("packets"));
console.log("seqpacket", String(await packetServer.receive()), String(await packetServer.receive()));
await packetServer.send(Buffer.from("back"));
console.log("answer", String(await packetClient.receive()));
await packetClient.close();
await packetServer.close();
packetListener.unref().ref();
await packetListener.close();
console.log("seqpacket file after close", existsSync(`${path}.seq`));
