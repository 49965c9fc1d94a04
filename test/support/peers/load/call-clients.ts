// Many clients of one server, which come, call, change their mind and go: `call-clients PATH FIRST COUNT CALLS SEED`.
import { setTimeout as delay } from "node:timers/promises";
import { UnixSocket } from "sluice";
import { createClient } from "sluice/rpc";
import { randomNumbers } from "../../campaign.js";
import { settledDescriptors } from "../../settled-descriptors.js";
import { answerCommands, liveBytes } from "./commands.js";
import { call, type CallOutcomes, DONE } from "./guest.js";
import type { LoadMethods } from "./methods.js";

/** What a client knows of a call of `done`. */
export const CALL_STATES = { notMade: 0, answered: 1, withoutAnswer: 2 } as const;

const [path = "", first = "", count = "", calls = "", seed = ""] = process.argv.slice(2);
const perClient = Number(calls);
const outcomes: CallOutcomes = { made: 0, answered: 0, aborted: 0, late: 0, cut: 0 };
const leaves = { orderly: 0, abrupt: 0 };
const states = Buffer.alloc(Number(count) * perClient);

await answerCommands({
  /** Each client makes all its calls. Fulfils when every call has ended. */
  async run(): Promise<{ outcomes: CallOutcomes; leaves: typeof leaves; states: string }> {
    states.fill(CALL_STATES.notMade);
    const all = Array.from({ length: Number(count) }, (_, index) => live(index));
    await Promise.all(all);
    return { outcomes, leaves, states: states.toString("base64") };
  },
  measure: async () => ({ live: liveBytes(), descriptors: await settledDescriptors() }),
});

/** One client: it connects again after each time that it has gone. */
async function live(index: number): Promise<void> {
  const random = randomNumbers(Number(seed) + Number(first) + index);
  let made = 0;
  while (made < perClient) {
    const channel = await UnixSocket.connect(path, { timeout: 120_000 });
    const client = createClient<LoadMethods>(channel);
    const until = Math.min(perClient, made + 1 + Math.floor(random() * 400));
    while (made < until) {
      const several = Math.min(until - made, 1 + Math.floor(random() * 16));
      const ends = Array.from({ length: several }, () => one(client, index, made++, random));
      // The last ones are still under way when the client goes.
      if (made < until || random() < 0.2) await Promise.all(ends);
      else {
        await delay(random() * 3);
        await leave(client, channel, random() < 0.5);
        await Promise.all(ends);
      }
    }
    if (channel.state === "open") await leave(client, channel, true);
    await channel.closed;
  }
}

async function leave(
  client: { close(): Promise<void> },
  channel: { destroy(): void },
  orderly: boolean,
): Promise<void> {
  if (orderly) {
    leaves.orderly++;
    await client.close();
  } else {
    leaves.abrupt++;
    channel.destroy();
  }
}

async function one(
  client: Parameters<typeof call>[0],
  index: number,
  n: number,
  random: () => number,
): Promise<void> {
  const kind = random();
  const id = (Number(first) + index) * perClient + n;
  const answered = await call(client, id, random, outcomes, kind);
  const known = answered ? CALL_STATES.answered : CALL_STATES.withoutAnswer;
  if (kind < DONE) states[index * perClient + n] = known;
}
