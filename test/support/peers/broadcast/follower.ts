// Follows a broadcast, verifies what comes, and says at the end what it had: `follower PATH [MILLISECONDS a batch]`.
import { setTimeout as delay } from "node:timers/promises";
import { ChannelError, SharedBuffer } from "sluice";
import { verify } from "../../../contract/traffic.js";

const [path = "", pause = "0"] = process.argv.slice(2);
const follower = await SharedBuffer.follow(path.replace(/^@/, "\0"), { receiveQueue: { messages: 256 } });
console.log("following");
let received = 0;
let next = 0;
let told = 0;
try {
  for (;;) {
    const { message, missed = 0 } = await follower.receiveEnvelope();
    told += missed;
    next += missed;
    verify(message, next, message.length);
    if (message.length >= 4 && message.readUInt32LE(0) !== next) throw new Error(`not message ${next}`);
    next++;
    received++;
    if (pause !== "0" && received % 256 === 0) await delay(Number(pause));
  }
} catch (error) {
  if (!(error instanceof ChannelError)) throw error;
  const { code } = error;
  console.log(JSON.stringify({ code, received, told, missed: follower.missed }));
}
