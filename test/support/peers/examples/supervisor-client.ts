// A client of examples/supervisor that goes on whatever happens to the supervisor: client FOLDER. Calls, subscribes, restarts programs; after each 2 answers and 10 lines it says when it had begun with them.
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { ChannelError, json, UnixSocket } from "sluice";
import { subscriber } from "sluice/pubsub";
import { createClient } from "sluice/rpc";
import type { Control, LogLine } from "../../../../examples/supervisor/control.js";

const [folder = ""] = process.argv.slice(2);
const codec = json<LogLine>();
const bounds = { timeout: 20_000 };

for (;;) {
  try {
    await converse();
  } catch (error) {
    // The supervisor was killed, or is being replaced. Anything else is a failure.
    const gone = ["ERR_NO_PEER", "ERR_PEER_DIED", "ERR_END_OF_CHANNEL", "ERR_CHANNEL_CLOSED"];
    if (!(error instanceof ChannelError && gone.includes(error.code))) throw error;
    await delay(100);
  }
}

async function converse(): Promise<void> {
  const control = await UnixSocket.connect(join(folder, "control.sock"), bounds);
  const client = createClient<Control>(control, bounds);
  const channel = await UnixSocket.connect(join(folder, "logs.sock"), bounds);
  const lines = subscriber(channel, { codec, topics: ["logs.*"] });
  try {
    for (;;) {
      const began = Date.now();
      for (let count = 0; count < 10; count++) await lines.receive(bounds);
      const { programs } = await client.status();
      const { name } = programs[Math.floor(Math.random() * programs.length)]!;
      await (Math.random() < 0.1 ? client.restart(name) : client.start(name));
      console.log(began);
    }
  } finally {
    control.destroy();
    channel.destroy();
  }
}
