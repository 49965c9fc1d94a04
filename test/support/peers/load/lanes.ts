// The channels between the two processes of the soak that stay: one of each mechanism and engine, in each way that it has.
import { mkdirSync } from "node:fs";
import type { End, EndName, Maker } from "../../../contract/maker.js";
import { randomNumbers } from "../../campaign.js";
import { loadMaker } from "../../load-maker.js";
import { planOf, Receiving, Sending } from "./traffic.js";

/** Between two processes. */
export const ACROSS: readonly string[] = [
  "anonymous-pipe-inherited",
  "named-pipe",
  "named-pipe-duplex",
  "message-queue.posix",
  "message-queue.sysv",
  "unix-stream",
  "unix-seqpacket.native",
  "unix-seqpacket.node-unix-socket",
  "unix-dgram.native",
  "unix-dgram.node-unix-socket",
  "shared-buffer",
  "broadcast",
  "tcp-socket",
  "tcp-socket-tls",
  "udp-socket",
];

/** With both ends in one. */
export const WITHIN: readonly string[] = [
  "memory",
  "anonymous-pipe",
  "unix-dgram-pair.native",
  "unix-dgram-pair.node-unix-socket",
];

/** What the lanes of a process have in common. */
export interface LaneOptions {
  readonly seed: number;
  /** Milliseconds between two bursts, on average. */
  readonly pause: number;
  /** Keeps 100 bytes of each message. */
  readonly leaks: boolean;
}

/** What one process has of all lanes. */
export class Lanes {
  readonly sendings = new Map<string, Sending>();
  readonly receivings = new Map<string, Receiving>();
  readonly #ends: { readonly maker: Maker; readonly end: End; readonly isSecond: boolean }[] = [];
  readonly #seed: number;
  readonly #pause: number;
  readonly #leaks: boolean;

  constructor({ seed, pause, leaks }: LaneOptions) {
    this.#seed = seed;
    this.#pause = pause;
    this.#leaks = leaks;
  }

  /** The end of a lane that this process has, or one of the two. */
  add(maker: Maker, name: EndName, end: End): void {
    const isSecond = name === "second";
    const reliable = maker.reliable !== false;
    this.#ends.push({ maker, end, isSecond });
    for (const way of maker.ways) {
      const lane = `${maker.name} ${way}`;
      const number = [...ACROSS, ...WITHIN].indexOf(maker.name) * 2 + maker.ways.indexOf(way);
      // A queue of System V holds 16 KiB, one of POSIX no message over 8 KiB.
      const plan = planOf(this.#seed + number, maker.largestMessage ?? 20_000);
      const sends = (way === "first-to-second") !== isSecond;
      const random = randomNumbers(this.#seed + 1000 + 2 * number + (sends ? 1 : 0));
      if (sends) this.sendings.set(lane, new Sending(end, plan, random, { reliable, pause: this.#pause }));
      else {
        const how = { reliable, leaks: this.#leaks };
        this.receivings.set(lane, new Receiving(lane, end, plan, random, how));
      }
    }
  }

  start(): void {
    for (const receiving of this.receivings.values()) receiving.start();
    for (const sending of this.sendings.values()) sending.start();
  }

  get messages(): number {
    let messages = 0;
    for (const { received } of this.receivings.values()) messages += received;
    for (const { sent } of this.sendings.values()) messages += sent;
    return messages;
  }

  /** Ends the bursts. How many messages each lane that this process sends on has had by then. */
  async stop(): Promise<Record<string, number>> {
    const totals = [...this.sendings].map(async ([lane, sending]) => [lane, await sending.stop()] as const);
    return Object.fromEntries(await Promise.all(totals));
  }

  /** Lanes on which not all of so many messages are accounted for, and how it stands with them. */
  open(totals: Readonly<Record<string, number>>): string[] {
    const open: string[] = [];
    for (const [lane, receiving] of this.receivings) {
      const total = totals[lane] ?? 0;
      if (receiving.has(total)) continue;
      const { received, missed, next } = receiving;
      open.push(`${lane}: sent ${total}, received ${received}, missed ${missed}, the last was ${next - 1}`);
    }
    return open;
  }

  /** All is accounted for: the other side may end now. */
  leave(): void {
    for (const receiving of this.receivings.values()) receiving.mayEnd = true;
  }

  async close(): Promise<void> {
    await Promise.all([...this.sendings.values()].map((sending) => sending.finish()));
    // Who is told of the other's end closes after it.
    await Promise.all(this.#ends.map(({ end }) => end.close({ deadline: 5000 })));
  }
}

/** A folder for each maker, that their files may have the same names. */
export async function laneOf(name: string, folder: string): Promise<{ maker: Maker; directory: string }> {
  const directory = `${folder}/lane-${name}`;
  mkdirSync(directory, { recursive: true });
  return { maker: await loadMaker(name), directory };
}
