// Connects to PATH with OPTIONS (JSON), tells "connected" or "refused CODE", then does what each line of standard input says: a message to send
// and wait for the answer, or "flood" to send without end, or "close".
import { createInterface } from "node:readline";
import { ChannelError, UnixSocket, type UnixSocketConnectOptions } from "sluice";

const [path = "", options = "{}"] = process.argv.slice(2);
try {
  const channel = await UnixSocket.connect(
    path,
    JSON.parse(options) as UnixSocketConnectOptions<Uint8Array, Buffer>,
  );
  console.log("connected");
  for await (const line of createInterface({ input: process.stdin })) {
    if (line === "close") {
      await channel.close();
      console.log("closed");
    } else if (line === "flood") {
      console.log("flooding");
      for (let number = 0; ; number++) await channel.send(Buffer.alloc(1000, number % 256));
    } else {
      await channel.send(Buffer.from(line));
      console.log(`got ${String(await channel.receive())}`);
    }
  }
} catch (error) {
  if (!(error instanceof ChannelError)) throw error;
  console.log(`refused ${error.code}`);
}
