// Listens at PATH with OPTIONS (JSON), tells "listening" or "refused CODE", and sends each message back.
import { ChannelError, UnixSocket, type UnixSocketListenOptions } from "sluice";

const [path = "", options = "{}"] = process.argv.slice(2);
try {
  const listener = await UnixSocket.listen(
    path,
    JSON.parse(options) as UnixSocketListenOptions<Uint8Array, Buffer>,
  );
  process.once("SIGTERM", () => void listener.close());
  console.log("listening");
  for await (const channel of listener) {
    (async () => {
      for await (const message of channel) await channel.send(message);
    })().catch((error: unknown) => {
      console.log(`failed ${error instanceof ChannelError ? error.code : String(error)}`);
    });
  }
} catch (error) {
  if (!(error instanceof ChannelError)) throw error;
  console.log(`refused ${error.code}`);
}
