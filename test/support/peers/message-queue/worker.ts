// One of several senders or receivers of a queue: KIND NAME send FROM TO, or KIND NAME receive. Sends numbers, or tells those that it has received.
import { json, MessageQueue, type MessageQueueKind } from "sluice";

const [kind, name = "", role, from, to] = process.argv.slice(2);
const queue = await MessageQueue.open(name, { kind: kind as MessageQueueKind, codec: json<number>() });
if (role === "send") {
  for (let number = Number(from); number < Number(to); number++) await queue.send(number);
  await queue.flush();
  console.log("sent");
} else if (role === "receive") {
  console.log("ready");
  for await (const number of queue) {
    if (number < 0) break;
    console.log(String(number));
  }
} else {
  // Leaves messages in the queue, and waits to be killed.
  for (let number = 0; number < 8; number++) await queue.send(number);
  await queue.flush();
  console.log("left");
  setInterval(() => undefined, 1000);
}
if (role !== "leave") await queue.close();
