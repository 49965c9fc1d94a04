// A process that comes to the soak's services and leaves again, in the way that it is told: `close`, `destroy`, `exit` in the middle of everything, or `kill`, which the
// test does.
import { setTimeout as delay } from "node:timers/promises";
import { randomNumbers } from "../../campaign.js";
import {
  call,
  type CallOutcomes,
  exchange,
  openClient,
  openLedger,
  openSubscribers,
  openVisits,
} from "./guest.js";
import type { Addresses } from "./services.js";

/** How a visitor leaves. */
export type Manner = "close" | "destroy" | "exit" | "kill";

interface Invitation {
  readonly addresses: Addresses;
  readonly seed: number;
  readonly place: number;
  readonly manner: Manner;
}

const { addresses, seed, place, manner } = JSON.parse(process.argv[2] ?? "") as Invitation;
const random = randomNumbers(seed);
const outcomes: CallOutcomes = { made: 0, answered: 0, aborted: 0, late: 0, cut: 0 };
const visits = await openVisits(addresses);
const client = await openClient(addresses);
const readers = await openSubscribers(addresses);
const { ledger, memory } = openLedger(addresses, place);
let leaving = false;

const work = [
  ...visits.map((channel, index) => exchange(channel, seed + index, random, () => leaving)),
  makeCalls(),
  keepLedger(),
];
console.log("here");

if (manner === "kill") await Promise.all(work);
await delay(50 + random() * 400);
if (manner === "exit") process.exit(0);
if (manner === "destroy") {
  // What was under way fails with ERR_CHANNEL_CLOSED, and nothing else happens.
  const outcome = Promise.allSettled(work);
  for (const channel of visits) channel.destroy();
  leaving = true;
  await client.close();
  for (const each of await outcome) {
    const { code } = (each.status === "rejected" ? each.reason : {}) as { readonly code?: string };
    if (each.status === "rejected" && code !== "ERR_CHANNEL_CLOSED") throw each.reason;
  }
} else {
  leaving = true;
  await Promise.all(work);
  await client.close();
  await Promise.all(visits.map((channel) => channel.close()));
}
await Promise.all(readers.map((reader) => reader.close()));
memory.close();

async function makeCalls(): Promise<void> {
  let n = 0;
  while (!leaving) await Promise.all([0, 1, 2].map(() => call(client, n++, random, outcomes)));
}

async function keepLedger(): Promise<void> {
  while (!leaving) {
    await ledger.section();
    await delay(random() * 5);
  }
}
