// What a process does with the services of the soak: some of everything, until it leaves.
import { setTimeout as delay } from "node:timers/promises";
import { ChannelError, json, SharedBuffer, TcpSocket, UnixSocket } from "sluice";
import { type Subscriber, subscriber } from "sluice/pubsub";
import { type Client, createClient, RemoteError } from "sluice/rpc";
import type { End } from "../../../contract/maker.js";
import { compose, sizeOf, verify } from "../../../contract/traffic.js";
import { Ledger } from "./ledger.js";
import type { LoadMethods } from "./methods.js";
import { type Addresses, VISITOR_LARGEST } from "./services.js";
import { planOf } from "./traffic.js";

/** A client of the soak's server. */
export type LoadClient = Client<LoadMethods>;

/** Opens a channel to each of the echoes. */
export function openVisits({ stream, seqpacket, ring, port }: Addresses): Promise<End[]> {
  return Promise.all([
    UnixSocket.connect(stream),
    UnixSocket.connect(seqpacket, { type: "seqpacket" }),
    SharedBuffer.connect(ring),
    TcpSocket.connect({ port }),
  ]);
}

export async function openClient({ calls }: Addresses): Promise<LoadClient> {
  return createClient<LoadMethods>(await UnixSocket.connect(calls));
}

/** The same publications over a socket and over the broadcast. */
export async function openSubscribers({ news, broadcast }: Addresses): Promise<NewsReader[]> {
  const channels = [await UnixSocket.connect(news), await SharedBuffer.follow(broadcast)];
  const codec = json<number>();
  return channels.map((channel) => new NewsReader(subscriber<number>(channel, { codec, topics: ["n.*"] })));
}

/** Sends messages of a plan and takes their echoes, a few at a time, until it is time to leave. Gives how many came back. */
export async function exchange(
  channel: End,
  seed: number,
  random: () => number,
  leaving: () => boolean,
): Promise<number> {
  const plan = planOf(seed, VISITOR_LARGEST);
  const opening = Buffer.alloc(8);
  opening.writeUInt32LE(seed);
  await channel.send(opening);
  let sequence = 0;
  while (!leaving()) {
    const to = sequence + 1 + Math.floor(random() * 20);
    for (let each = sequence; each < to; each++) await channel.send(compose(each, sizeOf(plan, each)));
    while (sequence < to) {
      verify(await channel.receive(), sequence, sizeOf(plan, sequence));
      sequence++;
    }
    await delay(random() * 60);
  }
  return sequence;
}

/** What came of calls. */
export interface CallOutcomes {
  /** Calls that were made … */
  made: number;
  /** … and how they ended. */
  answered: number;
  aborted: number;
  late: number;
  /** Ended with the connection. */
  cut: number;
}

/** Of the kinds of calls, which are numbers from 0 to 1, those below this are calls of `done`. */
export const DONE = 0.5;

/** Makes one call of some kind, and waits for its end, whatever that is. Whether it was answered. */
export async function call(
  client: LoadClient,
  n: number,
  random: () => number,
  outcomes: CallOutcomes,
  kind: number = random(),
): Promise<boolean> {
  outcomes.made++;
  const controller = new AbortController();
  const options = random() < 0.15 ? { timeout: random() * 4 } : { signal: controller.signal };
  const gone = random() < 0.3 ? setTimeout(() => controller.abort(ENOUGH), random() * 4) : undefined;
  try {
    await callOne(client, n, kind, options);
    outcomes.answered++;
    return true;
  } catch (error) {
    if (error === ENOUGH) outcomes.aborted++;
    else if (error instanceof RemoteError || !(error instanceof ChannelError)) throw error;
    else if (error.code === "ERR_TIMEOUT") outcomes.late++;
    else if (["ERR_PEER_DIED", "ERR_CHANNEL_CLOSED"].includes(error.code)) outcomes.cut++;
    else throw error;
    return false;
  } finally {
    clearTimeout(gone);
  }
}

async function callOne(
  client: LoadClient,
  n: number,
  kind: number,
  options: { signal: AbortSignal } | { timeout: number },
): Promise<void> {
  if (kind < DONE) {
    expectSame(await client.done(n, options), n);
  } else if (kind < 0.7) {
    const milliseconds = 1 + (n % 4);
    expectSame(await client.slow(milliseconds, options), milliseconds);
  } else if (kind < 0.85) {
    const to = 1 + (n % 60);
    let next = 0;
    for await (const tick of client.ticks(to, options)) {
      expectSame(tick, next++);
      // Some leave the loop early.
      if (n % 7 === 0 && next === 20) return;
    }
    expectSame(next, to);
  } else {
    const to = n % 60;
    expectSame(await client.sum(upTo(to), options), (to * (to - 1)) / 2);
  }
}

async function* upTo(to: number): AsyncGenerator<number, void> {
  for (let n = 0; n < to; n++) yield n;
}

function expectSame(actual: number, expected: number): void {
  if (actual !== expected) throw new Error(`a call has given ${actual} instead of ${expected}`);
}

/** A subscriber that accounts for every number. */
export class NewsReader {
  received = 0;
  /** The number that is expected next; unknown before the first came. */
  next: number | undefined = undefined;
  missed = 0;
  /** Of those it hears of: where it began. */
  first = 0;
  readonly #subscriber: Subscriber<number>;

  constructor(from: Subscriber<number>) {
    this.#subscriber = from;
    void this.#run();
  }

  /** Whether all of so many publications are accounted for. */
  has(total: number): boolean {
    return this.next === total && this.received + this.missed === total - this.first;
  }

  async close(): Promise<void> {
    await this.#subscriber.close();
  }

  async #run(): Promise<void> {
    try {
      for (;;)
        for (const { message, missed } of await this.#subscriber.receiveMany()) {
          if (this.next === undefined) this.first = message;
          else {
            const expected = this.next + missed;
            if (message !== expected) throw new Error(`number ${message} came instead of ${expected}`);
            this.missed += missed;
          }
          this.next = message + 1;
          this.received++;
        }
    } catch (error) {
      if (!(error instanceof ChannelError)) throw error;
      const ends = ["ERR_CHANNEL_CLOSED", "ERR_END_OF_CHANNEL", "ERR_PEER_DIED"];
      if (!ends.includes(error.code)) throw error;
    }
  }
}

/** A place in the ledger. */
export function openLedger({ memory }: Addresses, place: number): { ledger: Ledger; memory: SharedBuffer } {
  const opened = SharedBuffer.open(memory);
  return { ledger: new Ledger(opened, place), memory: opened };
}

const ENOUGH = new Error("enough");
