// Seqpacket by node-unix-socket alone: run with SLUICE_NATIVE naming no file. PATH. Tells what happened, line by line.
import { ChannelError, UnixSocket } from "sluice";

const path = process.argv[2] ?? "";
const options = { type: "seqpacket", allow: "anyone" } as const;

async function codeOf(attempt: () => unknown): Promise<string> {
  try {
    await attempt();
    return "none";
  } catch (error) {
    if (error instanceof ChannelError) return error.code;
    throw error;
  }
}

const listener = await UnixSocket.listen(path, options);
const client = await UnixSocket.connect(path, options);
const server = await listener.accept();
console.log(`identity ${server.traits.peerIdentity}`);

const sending = (async () => {
  for (let number = 0; number < 5000; number++) await client.send(Buffer.from(String(number)));
})();
for (let number = 0; number < 5000; number++) {
  const message = String(await server.receive());
  if (message !== String(number)) throw new Error(`received ${message} where ${number} was sent`);
}
await sending;
console.log("all in order");
console.log(`empty ${await codeOf(() => client.send(Buffer.alloc(0)))}`);

await client.close();
await server.close();

// A server that stops reading after the first message, and goes while others wait in the kernel.
const small = { ...options, receiveQueue: { messages: 1 } };
const stalling = await UnixSocket.listen(`${path}.small`, small);
const sender = await UnixSocket.connect(`${path}.small`, options);
const stalled = await stalling.accept();
for (let number = 0; number < 200; number++) await sender.send(Buffer.from(String(number)));
await stalled.send(Buffer.from("last words"));
stalled.destroy();
await stalled.closed;
console.log(`then ${String(await sender.receive())}`);
console.log(`end ${await codeOf(() => sender.receive())}`);
await sender.closed;
await stalling.close();

console.log(`unchecked ${await codeOf(() => UnixSocket.connect(path, { type: "seqpacket" }))}`);
console.log(`datagrams ${await codeOf(() => UnixSocket.bind(`${path}.dgram`, { allow: "anyone" }))}`);
console.log(
  `large ${await codeOf(() => UnixSocket.connect(path, { ...options, maxMessageSize: 10_000_000 }))}`,
);
await listener.close();
console.log(`closed ${await codeOf(() => UnixSocket.connect(path, options))}`);
