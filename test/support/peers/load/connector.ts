// Opens many connections and has traffic on all of them at once: `connector KIND`.
import type { End } from "../../../contract/maker.js";
import { compose, verify } from "../../../contract/traffic.js";
import { settledDescriptors } from "../../settled-descriptors.js";
import { answerCommands } from "./commands.js";
import { connect, type Kind, lengthOf, sequenceOf, type Where } from "./kinds.js";

/** How many connects are under way at a time. */
const AT_ONCE = 64;

const [kind = ""] = process.argv.slice(2);
const channels: { readonly connection: number; readonly channel: End }[] = [];
let before: number | undefined;
let round = 0;

await answerCommands({
  async open({ where, from, count }: { where: Where; from: number; count: number }): Promise<void> {
    // Not earlier: standard input is open now, for which Node keeps a descriptor of /dev/null.
    before ??= await settledDescriptors();
    let next = from;
    const lane = async (): Promise<void> => {
      while (next < from + count) {
        const connection = next++;
        channels.push({ connection, channel: await connect(kind as Kind, where) });
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, lane));
  },

  /** So many rounds: a message on each connection, and its echo. Gives how many messages came back as they were sent. */
  async talk({ rounds }: { rounds: number }): Promise<number> {
    const end = round + rounds;
    for (; round < end; round++) await Promise.all(channels.map(exchange));
    return rounds * channels.length;
  },

  /** Gives how many descriptors are left that were not there before. */
  async leave({ orderly }: { orderly: boolean }): Promise<number> {
    if (orderly) await Promise.all(channels.map(({ channel }) => channel.close()));
    else for (const { channel } of channels) channel.destroy();
    await Promise.all(channels.map(({ channel }) => channel.closed));
    channels.length = 0;
    round = 0;
    return (await settledDescriptors()) - (before ?? 0);
  },
});

async function exchange({ connection, channel }: { connection: number; channel: End }): Promise<void> {
  const sequence = sequenceOf(connection, round);
  await channel.send(compose(sequence, lengthOf(sequence)));
  verify(await channel.receive(), sequence, lengthOf(sequence));
}
