// A process that opens both ends of a channel, does one thing, and is expected to end, or not, by itself.
import type { Channel } from "sluice";
import { type End, type EndOptions, makePair } from "../../contract/maker.js";
import { loadMaker } from "../load-maker.js";

const [name = "", directory = "", scenario = "", place = ""] = process.argv.slice(2);
const maker = await loadMaker(name);
const way = maker.ways[0];
const options: EndOptions = place === "decode" ? { codec: "picky" } : {};
const [first, second] = await makePair(maker, directory, options);
const [sender, receiver] = way === "first-to-second" ? [first, second] : [second, first];
await sender.send(Buffer.from("hello"));
if ((await receiver.receive()).toString() !== "hello")
  throw new Error("the message is not the one that was sent");

const scenarios: Record<string, () => unknown> = {
  close: () => Promise.all([sender.close(), receiver.close()]),
  destroy: () => {
    // With calls that wait, and with messages on their way.
    for (const call of [receiver.receive(), receiver.receiveMany({ timeout: 60_000 })])
      call.catch(() => undefined);
    sender.send(Buffer.alloc(1000), { timeout: 60_000 }).catch(() => undefined);
    sender.destroy();
    receiver.destroy();
  },
  unref: () => {
    sender.unref();
    receiver.unref();
    // A call that waits is no reason to stay either.
    receiver.receive().catch(() => undefined);
  },
  open: () => {
    receiver.receive().catch(() => undefined);
    setTimeout(() => {
      console.log("closing");
      sender.destroy();
      receiver.destroy();
    }, 300).unref();
  },
  throw: () => throwAt(place),
  handled: async () => {
    process.on("uncaughtException", (error) => {
      console.log(`uncaught: ${error.message}`);
    });
    const thrown = new Promise((resolve) => process.once("uncaughtException", resolve));
    throwAt("loop");
    await thrown;
    await sender.send(Buffer.from("after"));
    if ((await receiver.receive()).toString() !== "after")
      throw new Error("the channel does not work any more");
    sender.destroy();
    receiver.destroy();
  },
};

await scenarios[scenario]?.();
console.log("done");

/** Throws in code of the user that runs because of the channel. Whoever catches it would be an error of the library. */
function throwAt(where: string): void {
  const fail = (): never => {
    throw new Error("thrown by the user");
  };
  if (where === "then") void receiver.receive().then(fail);
  if (where === "loop") {
    void receiver.receive().then(() => {
      process.nextTick(fail);
    });
  }
  if (where === "decode") {
    receiver.receive().catch((error: unknown) => {
      throw new Error("thrown by the user", { cause: error });
    });
  }
  if (where === "send") void sendThenThrow(sender, fail);
  else void sender.send(where === "decode" ? Buffer.from([0xbd]) : Buffer.from("go"));
}

async function sendThenThrow(end: End | Channel<Uint8Array, Buffer>, fail: () => never): Promise<void> {
  await end.sendMany([Buffer.alloc(100), Buffer.alloc(100)]);
  await end.flush();
  fail();
}
