// One of the two processes of the soak that stay (test/campaign/load/soak.test.ts). The first offers the services; both have an end of every lane.
import { openSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { type Channel, ChannelError, SharedBuffer, Signal, type SignalMessage } from "sluice";
import { makePair } from "../../../contract/maker.js";
import { randomNumbers } from "../../campaign.js";
import { settledDescriptors } from "../../settled-descriptors.js";
import { newDescriptors, openDescriptors } from "./descriptors.js";
import { answerCommands, liveBytes } from "./commands.js";
import {
  call,
  type CallOutcomes,
  exchange,
  type LoadClient,
  type NewsReader,
  openClient,
  openSubscribers,
  openVisits,
} from "./guest.js";
import { ACROSS, laneOf, Lanes, WITHIN } from "./lanes.js";
import { Ledger, LEDGER_BYTES } from "./ledger.js";
import {
  type Addresses,
  addressesIn,
  openCalls,
  openEchoes,
  openNews,
  type Service,
  type ServiceCounts,
} from "./services.js";

interface Invitation {
  readonly end: "first" | "second";
  readonly folder: string;
  readonly seed: number;
  /** Milliseconds between two bursts on a lane, on average. */
  readonly pause: number;
  /** Keeps 100 bytes of each message: the test has to find it. */
  readonly leaksBytes?: boolean;
  /** Opens a file so many times a minute, and never closes it. */
  readonly leaksDescriptors?: number;
}

const SIGNAL = "SIGRTMIN+5";
const {
  end,
  folder,
  seed,
  pause,
  leaksBytes = false,
  leaksDescriptors = 0,
} = JSON.parse(process.argv[2] ?? "") as Invitation;
const isFirst = end === "first";
const random = randomNumbers(seed + (isFirst ? 5 : 6));
const lanes = new Lanes({ seed, pause, leaks: leaksBytes });
const counts: ServiceCounts = {
  began: 0,
  ended: 0,
  aborted: 0,
  visits: 0,
  open: 0,
  echoed: 0,
  audited: 0,
  published: 0,
};
const outcomes: CallOutcomes = { made: 0, answered: 0, aborted: 0, late: 0, cut: 0 };
const services: Service[] = [];
const signals = { sent: 0, received: 0 };
let news: Awaited<ReturnType<typeof openNews>> | undefined;
let readers: NewsReader[] = [];
let client: LoadClient | undefined;
let memory: SharedBuffer;
let ledger: Ledger;
let signalling: Channel<SignalMessage> | undefined;
let opening: Promise<void>[] = [];
let stopping = false;
let work: Promise<void>[] = [];
let before: readonly string[] = [];

if (leaksDescriptors > 0) setInterval(() => openSync("/dev/null", "r"), 60_000 / leaksDescriptors);

await answerCommands({
  /** The first: everything that has to be there before the second. */
  async prepare({ otherPid }: { otherPid: number }): Promise<Addresses> {
    before = await openAtRest();
    const known = addressesIn(folder, 0);
    const echoes = await openEchoes(known, counts);
    const addresses = addressesIn(folder, echoes.port);
    services.push(echoes, await openCalls(addresses, counts));
    news = await openNews(addresses, counts, random);
    memory = SharedBuffer.create({ name: addresses.memory, size: LEDGER_BYTES });
    ledger = new Ledger(memory, 0);
    signalling = Signal.open([SIGNAL], { peer: otherPid });
    for (const name of ACROSS) {
      const { maker, directory } = await laneOf(name, folder);
      const { channel } = await maker.first(directory, {});
      opening.push(channel.then((opened) => lanes.add(maker, "first", opened)));
    }
    for (const name of WITHIN) {
      const { maker, directory } = await laneOf(name, folder);
      const [first, second] = await makePair(maker, directory, {});
      lanes.add(maker, "first", first);
      lanes.add(maker, "second", second);
    }
    return addresses;
  },

  async open({ addresses, otherPid }: { addresses: Addresses; otherPid: number }): Promise<void> {
    if (isFirst) {
      await Promise.all(opening);
      opening = [];
      return;
    }
    before = await openAtRest();
    for (const name of ACROSS) {
      const { maker, directory } = await laneOf(name, folder);
      lanes.add(maker, "second", await maker.second(directory, {}));
    }
    client = await openClient(addresses);
    readers = await openSubscribers(addresses);
    memory = SharedBuffer.open(addresses.memory);
    ledger = new Ledger(memory, 1);
    signalling = Signal.open([], { peer: otherPid });
    const visits = await openVisits(addresses);
    work.push(
      ...visits.map(async (channel, index) => {
        await exchange(channel, seed + index, random, () => stopping);
        await channel.close();
      }),
    );
  },

  start(): void {
    lanes.start();
    work.push(keepLedger(), isFirst ? receiveSignals() : sendSignals());
    if (client !== undefined) work.push(makeCalls(client));
  },

  sample({ live }: { live: boolean }) {
    const messages = lanes.messages + counts.echoed + counts.published + outcomes.made;
    return { messages, visits: counts.visits, open: counts.open, live: live ? liveBytes() : undefined };
  },

  async stop() {
    stopping = true;
    const totals = await lanes.stop();
    if (!isFirst) {
      await Promise.all(work);
      work = [];
    }
    return { totals, signals: signals.sent };
  },

  /** What is not yet accounted for. */
  async missing({ totals, sentSignals }: { totals: Record<string, number>; sentSignals: number }) {
    const missing = lanes.open(totals);
    if (isFirst && signals.received < sentSignals)
      missing.push(`signals: sent ${sentSignals}, received ${signals.received}`);
    if (counts.began !== counts.ended)
      missing.push(`calls: ${counts.began} have begun, ${counts.ended} have ended`);
    if (counts.open > 0) missing.push(`${counts.open} connections are still open`);
    // The last number of a burst may be lost; the next one tells.
    await delay(20);
    return missing;
  },

  lastNews: () => news?.last(),

  missingNews: (published: number) =>
    readers
      .filter((reader) => !reader.has(published))
      .map(({ received, missed, first, next }) => ({ published, received, missed, first, next })),

  ledger: async () => ({ own: ledger.sections, places: await ledger.counts(), repaired: ledger.repaired }),

  account: () => ({
    counts,
    outcomes,
    news: readers.map(({ received, missed }) => ({ received, missed })),
    aborted: [...lanes.sendings.values(), ...lanes.receivings.values()].reduce(
      (sum, each) => sum + each.aborted,
      0,
    ),
    missed: [...lanes.receivings.values()].reduce((sum, each) => sum + each.missed, 0),
    received: [...lanes.receivings.values()].reduce((sum, each) => sum + each.received, 0),
  }),

  leave: () => lanes.leave(),

  /** Closes everything, and tells which descriptors are left that were not there before. */
  async close(): Promise<string[]> {
    signalling?.destroy();
    await Promise.all(work);
    await client?.close();
    await Promise.all(readers.map((reader) => reader.close()));
    await Promise.all(services.map((service) => service.close()));
    await news?.close();
    await lanes.close();
    memory.close();
    await settledDescriptors();
    return newDescriptors(before);
  },
});
process.exit(0);

/** The descriptors of this process once it has waited for a lock: for that each thread has an eventfd, which stays. */
async function openAtRest(): Promise<string[]> {
  using shared = SharedBuffer.create({ size: 4096 });
  using _held = await shared.mutex(0).acquire();
  await shared
    .mutex(0)
    .acquire({ timeout: 1 })
    .then(
      () => Promise.reject(new Error("the mutex was had twice")),
      (error: unknown) => {
        if (!(error instanceof ChannelError && error.code === "ERR_TIMEOUT")) throw error;
      },
    );
  return openDescriptors();
}

async function keepLedger(): Promise<void> {
  while (!stopping) {
    for (let count = 0; count < 5; count++) await ledger.section();
    await delay(20 + random() * 50);
  }
}

async function makeCalls(to: LoadClient): Promise<void> {
  let n = 0;
  while (!stopping) {
    const several = Array.from({ length: 1 + Math.floor(random() * 8) }, () =>
      call(to, n++, random, outcomes),
    );
    await Promise.all(several);
    await delay(10 + random() * 30);
  }
}

async function sendSignals(): Promise<void> {
  while (!stopping) {
    await signalling?.send({ signal: SIGNAL, value: signals.sent });
    signals.sent++;
    await delay(50);
  }
}

async function receiveSignals(): Promise<void> {
  if (signalling === undefined) return;
  for await (const { value } of signalling) {
    if (value !== signals.received) throw new Error(`signal ${value} came instead of ${signals.received}`);
    signals.received++;
  }
}
