/** The soak: two processes that stay, with a channel of each mechanism between them, and visitors that come and go. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { within } from "../../contract/subject.js";
import { atLength, randomNumbers } from "../../support/campaign.js";
import { type Peer, startPeer } from "../../support/child.js";
import { loadMaker } from "../../support/load-maker.js";
import { ACROSS } from "../../support/peers/load/lanes.js";
import { PLACES } from "../../support/peers/load/ledger.js";
import type { Addresses, ServiceCounts } from "../../support/peers/load/services.js";
import type { Manner } from "../../support/peers/load/visitor.js";
import { ask, resourcesOf, type Resources } from "./processes.js";
import { floorOf, judge, type Sample, type Slope, slopeOf, type Verdict } from "./slope.js";

/** What each second has shown of a process. */
interface Reading extends Resources {
  readonly at: number;
  readonly messages: number;
  /** After a full collection; not at each reading. */
  readonly live: number | undefined;
}

/** How something has grown. */
export interface Growth extends Slope {
  readonly what: string;
  readonly limit: number;
  readonly verdict: Verdict;
}

/** What a process may keep of each message, at most, so that a soak passes. 100 must be found; in the beginning code is still compiled. */
const BYTES_A_MESSAGE = atLength ? 50 : 80;
/** A soak goes on until each process has had so many messages, however busy the machine is. */
const FEWEST_MESSAGES = atLength ? 200_000 : 50_000;
/** One descriptor a minute must be found. */
const DESCRIPTORS_A_SECOND = 0.5 / 60;
const THREADS_A_SECOND = 0.5 / 60;
/** Descriptors are looked at as the least of so many seconds: between two waves there is no visitor. */
const STRETCH = 10;

/** What a message costs a process. */
export type CpuCost = {
  readonly process: "first" | "second";
  /** Of the first third of the time … */
  readonly firstMicroseconds: number;
  /** … and of the last. */
  readonly lastMicroseconds: number;
};

const READ_EVERY_MS = atLength ? 1000 : 600;
const FEWEST_READINGS = 15;
/** Between two bursts on a lane, on average: half an hour must leave the processor to others, too. */
const PAUSE_MS = atLength ? 80 : 20;
/** The share of the readings before which code is still compiled, and pools become as large as they will be. */
const WARM_UP = atLength ? 0.15 : 0.4;

/** How long anything may take before it counts as hanging: no measure of speed, even on a machine that does much else. */
const PATIENCE_MS = 90_000;

const MANNERS: readonly Manner[] = ["close", "kill", "destroy", "kill", "exit"];

/** What one of the two has counted. */
interface Account {
  readonly received: number;
  readonly missed: number;
  readonly aborted: number;
  readonly counts: ServiceCounts;
  readonly news: readonly { readonly missed: number }[];
}

/** What the processes are to do wrong, to show that it is found. */
export interface Faults {
  readonly leaksBytes?: boolean;
  readonly leaksDescriptors?: number;
}

export class Soak implements AsyncDisposable {
  readonly readings: Record<"first" | "second", Reading[]> = { first: [], second: [] };
  visitors = 0;
  killed = 0;
  readonly #folder: string;
  readonly #peers: Record<"first" | "second", Peer>;
  readonly #addresses: Addresses;
  readonly #random: () => number;
  #started = 0;

  static async open(seed: number, faults: Faults = {}): Promise<Soak> {
    const folder = mkdtempSync(path.join(tmpdir(), "sluice-soak-"));
    // The certificates are made here, before the processes look for them; the pipes are inherited.
    const makers = await Promise.all(ACROSS.map((name) => loadMaker(name)));
    const bequests = makers.find((maker) => maker.bequeath !== undefined)?.bequeath?.();
    const start = (end: "first" | "second"): Peer => {
      const bequest = bequests?.[end];
      const invitation = JSON.stringify(Object.assign({ end, folder, seed, pause: PAUSE_MS }, faults));
      const options = { execArgv: ["--expose-gc"], ...bequest?.peerOptions };
      const peer = startPeer("load/soak", [invitation], options);
      bequest?.close();
      return peer;
    };
    const first = start("first");
    const second = start("second");
    const addresses = await ask<Addresses>(first, "prepare", { otherPid: second.pid });
    await Promise.all([
      within("the first process", ask(first, "open", { addresses, otherPid: second.pid }), PATIENCE_MS),
      within("the second process", ask(second, "open", { addresses, otherPid: first.pid }), PATIENCE_MS),
    ]);
    return new Soak(folder, { first, second }, addresses, seed);
  }

  private constructor(
    folder: string,
    peers: Record<"first" | "second", Peer>,
    addresses: Addresses,
    seed: number,
  ) {
    this.#folder = folder;
    this.#peers = peers;
    this.#addresses = addresses;
    this.#random = randomNumbers(seed + 99);
  }

  /** Traffic and visitors for so many seconds; longer where the machine is so busy that there are too few readings by then. */
  async run(duration: number): Promise<void> {
    const { first, second } = this.#peers;
    await Promise.all([ask(first, "start"), ask(second, "start")]);
    this.#started = performance.now();
    const end = this.#started + duration * 1000;
    const liveEvery = atLength ? 15 : 1;
    let failed = false;
    const visits = this.#receiveVisitors(end);
    visits.catch(() => {
      failed = true;
    });
    const isShort = (): boolean =>
      Object.values(this.readings).some(
        (each) => each.length < FEWEST_READINGS || (each.at(-1)?.messages ?? 0) < FEWEST_MESSAGES,
      );
    for (let count = 0; !failed && (performance.now() < end || isShort()); count++) {
      await delay(READ_EVERY_MS);
      for (const name of ["first", "second"] as const) await this.#read(name, count % liveEvery === 0);
    }
    await visits;
  }

  /** Waves of a few visitors; when all have left, the next come. */
  async #receiveVisitors(end: number): Promise<void> {
    while (performance.now() < end) {
      const count = 1 + Math.floor(this.#random() * 3);
      await Promise.all(Array.from({ length: count }, () => this.#visit()));
      await delay(this.#random() * 1500);
    }
  }

  async #visit(): Promise<void> {
    const number = this.visitors++;
    const manner = MANNERS[number % MANNERS.length] ?? "close";
    const invitation = {
      addresses: this.#addresses,
      seed: 10_000 + number * 10,
      place: 2 + (number % (PLACES - 2)),
      manner,
    };
    await using visitor = startPeer("load/visitor", [JSON.stringify(invitation)]);
    await visitor.expectLine("here");
    if (manner === "kill") {
      await delay(this.#random() * 400);
      visitor.kill("SIGKILL");
      this.killed++;
    }
    const { code } = await within(`a visitor to leave (${manner})`, visitor.exit, PATIENCE_MS);
    if (manner !== "kill" && code !== 0)
      throw new Error(`a visitor has failed (${manner}):\n${visitor.stderr}`);
  }

  async #read(name: "first" | "second", live: boolean): Promise<void> {
    const peer = this.#peers[name];
    const told = await ask<{ messages: number; live?: number }>(peer, "sample", { live });
    const at = (performance.now() - this.#started) / 1000;
    const resources = resourcesOf(peer.pid);
    this.readings[name].push(Object.assign(resources, { at, messages: told.messages, live: told.live }));
  }

  /** Ends the traffic, and looks where every message has gone. Rejects if one is not accounted for. */
  async account(): Promise<Record<string, number>> {
    const { first, second } = this.#peers;
    type Stopped = { totals: Record<string, number>; signals: number };
    const stops = [ask<Stopped>(first, "stop"), ask<Stopped>(second, "stop")];
    const [one, other] = await within("the senders to have sent", Promise.all(stops), PATIENCE_MS);
    const totals = Object.assign({}, one?.totals, other?.totals);
    const question = { totals, sentSignals: other?.signals ?? 0 };
    for (const peer of [first, second])
      await nothing("messages", () => ask<string[]>(peer, "missing", question));
    await nothing("publications", async () =>
      ask<unknown[]>(second, "missingNews", await ask<number>(first, "lastNews")),
    );
    type Books = { own: number; places: number[]; repaired: number };
    const [left, right] = [await ask<Books>(first, "ledger"), await ask<Books>(second, "ledger")];
    for (const which of [0, PLACES]) {
      if (left.places[which] !== left.own || right.places[which + 1] !== right.own)
        throw new Error(`sections were lost: ${JSON.stringify([left, right])}`);
    }
    const [mine, theirs] = [await ask<Account>(first, "account"), await ask<Account>(second, "account")];
    return {
      visitors: this.visitors,
      visitorsKilled: this.killed,
      messagesReceived: mine.received + theirs.received,
      messagesToldLost: mine.missed + theirs.missed,
      waitsGivenUp: mine.aborted + theirs.aborted,
      echoed: mine.counts.echoed,
      connections: mine.counts.visits,
      calls: mine.counts.began,
      callsAborted: mine.counts.aborted,
      auditLines: mine.counts.audited,
      published: mine.counts.published,
      publicationsToldMissed: theirs.news.reduce((sum, { missed }) => sum + missed, 0),
      lockSections: left.places.reduce((sum, each) => sum + each, 0),
      locksRepairedAfterDeath: left.repaired + right.repaired,
    };
  }

  /** How what was read has grown after the warm-up. In seconds only what a collection leaves can be judged; the rest needs minutes. */
  growth(): Growth[] {
    const growths: Growth[] = [];
    for (const name of ["first", "second"] as const) {
      const all = this.readings[name];
      const readings = all.slice(Math.floor(all.length * WARM_UP));
      const series = (over: "at" | "messages", pick: keyof Reading): Sample[] =>
        readings.flatMap((reading) => {
          const value = reading[pick];
          return value === undefined ? [] : [{ at: reading[over], value }];
        });
      const add = (what: string, samples: Sample[], limit: number): void => {
        const slope = slopeOf(samples);
        growths.push(Object.assign(slope, { what: `${name}: ${what}`, limit, verdict: judge(slope, limit) }));
      };
      add("live bytes a message", series("messages", "live"), BYTES_A_MESSAGE);
      if (!atLength) continue;
      add("resident bytes a message", series("messages", "residentBytes"), BYTES_A_MESSAGE);
      add("descriptors a second", floorOf(series("at", "descriptors"), STRETCH), DESCRIPTORS_A_SECOND);
      add("threads a second", floorOf(series("at", "threads"), STRETCH), THREADS_A_SECOND);
    }
    return growths;
  }

  /** What a message costs in processor time at the beginning and at the end. */
  cpu(): CpuCost[] {
    return (["first", "second"] as const).map((process) => {
      const readings = this.readings[process];
      const third = Math.floor(readings.length / 3);
      const [firstMicroseconds, lastMicroseconds] = [readings.slice(0, third), readings.slice(-third)].map(
        (part) => Math.round(costOf(part) * 10) / 10,
      );
      return {
        process,
        firstMicroseconds: firstMicroseconds ?? NaN,
        lastMicroseconds: lastMicroseconds ?? NaN,
      };
    });
  }

  /** Closes everything in both. Which descriptors each has left that were not there before. */
  async close(): Promise<Record<"first" | "second", string[]>> {
    const { first, second } = this.#peers;
    // From now on the other's end is no fault.
    await Promise.all([ask(first, "leave"), ask(second, "leave")]);
    const left = await within(
      "both to close",
      Promise.all([ask<string[]>(first, "close"), ask<string[]>(second, "close")]),
      PATIENCE_MS,
    );
    return { first: left[0], second: left[1] };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const peer of Object.values(this.#peers)) await peer[Symbol.asyncDispose]();
    for (const name of ACROSS) (await loadMaker(name)).remove?.(path.join(this.#folder, `lane-${name}`));
    rmSync(this.#folder, { recursive: true });
  }
}

/** Microseconds a message between the first and the last of these readings. */
function costOf(readings: readonly Reading[]): number {
  const [first, last] = [readings[0], readings.at(-1)];
  if (first === undefined || last === undefined) return NaN;
  return ((last.cpuSeconds - first.cpuSeconds) / (last.messages - first.messages)) * 1e6;
}

/** Asks until nothing is missing; what is still missing after a long time is lost. */
async function nothing(what: string, ask: () => Promise<readonly unknown[]>): Promise<void> {
  const end = performance.now() + PATIENCE_MS;
  let missing = await ask();
  while (missing.length > 0) {
    if (performance.now() > end) throw new Error(`${what} are not accounted for: ${JSON.stringify(missing)}`);
    missing = await ask();
  }
}
