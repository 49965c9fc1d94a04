// Opens a queue as whoever it is run by, and says how that went: KIND NAME [create]. A queue that it makes is open to all.
import { ChannelError, MessageQueue, type MessageQueueKind } from "sluice";

const [kind, name = "", create] = process.argv.slice(2);
try {
  const options = { kind: kind as MessageQueueKind, create: create === "create", mode: 0o666 };
  await (await MessageQueue.open(name, options)).close();
  console.log("open");
} catch (error) {
  console.log(error instanceof ChannelError ? error.code : String(error));
}
