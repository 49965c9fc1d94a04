// Accepts whoever comes, verifies what each sends, and sends it back: `acceptor KIND FOLDER`.
import { ChannelError } from "sluice";
import type { End } from "../../../contract/maker.js";
import { verify } from "../../../contract/traffic.js";
import { settledDescriptors } from "../../settled-descriptors.js";
import { answerCommands, liveBytes } from "./commands.js";
import { type Kind, lengthOf, listen } from "./kinds.js";

const [kind = "", folder = ""] = process.argv.slice(2);
const { listener, where } = await listen(kind as Kind, folder);
const seen = { accepted: 0, open: 0, echoed: 0, endedOrderly: 0, died: 0 };
void welcome();

await answerCommands({
  where: () => where,
  seen: () => seen,
  measure: async () => ({
    descriptors: await settledDescriptors(),
    live: liveBytes(),
    resident: process.memoryUsage.rss(),
  }),
  close: () => listener.close(),
});

async function welcome(): Promise<void> {
  for await (const channel of listener) {
    seen.accepted++;
    seen.open++;
    void echo(channel);
  }
}

async function echo(channel: End): Promise<void> {
  let next: number | undefined;
  try {
    for (;;) {
      const message = await channel.receive();
      const sequence = message.readUInt32LE(0);
      // Another's message, or one that was lost or came twice, has another number.
      if (next !== undefined && sequence !== next)
        throw new Error(`message ${sequence} came over the connection of ${next}`);
      verify(message, sequence, lengthOf(sequence));
      next = sequence + 1;
      await channel.send(message);
      seen.echoed++;
    }
  } catch (error) {
    if (!(error instanceof ChannelError)) throw error;
    if (error.code === "ERR_END_OF_CHANNEL") seen.endedOrderly++;
    else if (error.code === "ERR_PEER_DIED") seen.died++;
    else throw error;
  }
  await channel.close();
  seen.open--;
}
