// Sends one message to a queue: KIND NAME MESSAGE [ALLOW].
import { MessageQueue, type MessageQueueKind, text } from "sluice";

const [kind, name = "", message = "", allow] = process.argv.slice(2);
const queue = await MessageQueue.open(name, {
  kind: kind as MessageQueueKind,
  direction: "send",
  codec: text(),
  allow: allow === "root" ? "root" : "self",
});
await queue.send(message);
await queue.close();
console.log("sent");
