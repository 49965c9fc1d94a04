// Subscribes over a broadcast, and says at the end what it had: `subscriber PATH`.
import { ChannelError, json, SharedBuffer } from "sluice";
import { subscriber } from "sluice/pubsub";

const channel = await SharedBuffer.follow((process.argv[2] ?? "").replace(/^@/, "\0"));
const mine = subscriber(channel, { codec: json<number>(), topics: ["n.*"] });
console.log("following");
let received = 0;
let next = 0;
try {
  for (;;) {
    for (const { message, missed } of await mine.receiveMany()) {
      next += missed;
      if (message !== next++) throw new Error(`message ${message} came instead of ${next - 1}`);
      received++;
    }
  }
} catch (error) {
  if (!(error instanceof ChannelError)) throw error;
  console.log(JSON.stringify({ code: error.code, received, missed: mine.missed }));
}
