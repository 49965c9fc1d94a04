// One way of a channel under mixed traffic for as long as is wanted: every way to send, every way to receive, calls that are given up, and every message verified.
import { setTimeout as delay } from "node:timers/promises";
import { type BroadcastReceiver, ChannelError } from "sluice";
import type { End } from "../../../contract/maker.js";
import { compose, type Plan, sizeOf, verify } from "../../../contract/traffic.js";

/** Messages that both sides can make: small ones, and some that fill a kernel's buffer. */
export function planOf(seed: number, largest: number): Plan {
  return { seed, least: 12, usual: Math.min(900, largest), most: Math.min(20_000, largest) };
}

/** How a lane is sent on. */
export interface SendingOptions {
  readonly reliable: boolean;
  /** Milliseconds between two bursts, on average. */
  readonly pause: number;
}

/** Sends bursts of a plan's messages, with pauses, in all the ways there are. */
export class Sending {
  sent = 0;
  /** Sends that were aborted. */
  aborted = 0;
  readonly #end: End;
  readonly #plan: Plan;
  readonly #random: () => number;
  readonly #pause: number;
  #stopping = false;
  #done: Promise<void> | undefined;
  /** As long as this is asked for, single messages follow: what was lost last is only told with a message that arrives. */
  #tail: boolean;

  constructor(end: End, plan: Plan, random: () => number, { reliable, pause }: SendingOptions) {
    this.#end = end;
    this.#plan = plan;
    this.#random = random;
    this.#pause = pause;
    this.#tail = !reliable;
  }

  start(): void {
    this.#done = this.#run();
  }

  /** Fulfils when the channel has all that was sent; of unreliable ones single messages still follow. */
  async stop(): Promise<number> {
    this.#stopping = true;
    if (!this.#tail) await this.#done;
    return this.sent;
  }

  async finish(): Promise<void> {
    this.#tail = false;
    await this.#done;
  }

  async #run(): Promise<void> {
    while (!this.#stopping) {
      // One in forty is more than any buffer holds: the sender is made to wait.
      const burst = this.#random() < 0.025 ? 300 : 1 + Math.floor(this.#random() * 40);
      await this.#send(burst);
      await delay(2 * this.#random() * this.#pause);
    }
    await this.#end.flush();
    while (this.#tail) {
      await this.#end.send(this.#next());
      this.sent++;
      await delay(20);
    }
    await this.#end.flush();
  }

  async #send(burst: number): Promise<void> {
    const manner = this.#random();
    if (manner < 0.3) {
      await this.#end.sendMany(Array.from({ length: burst }, (_, index) => this.#next(index)));
      this.sent += burst;
      return;
    }
    for (let count = 0; count < burst; count++) {
      if (manner < 0.6) {
        await this.#end.send(this.#next());
        this.sent++;
      } else if (manner < 0.8) {
        if (this.#end.trySend(this.#next())) this.sent++;
        else await this.#end.flush();
      } else await this.#sendOrGiveUp();
    }
  }

  /** An aborted send was sent whole or not at all; which of them, the statistics tell. If it was not, the next message gets the same number. */
  async #sendOrGiveUp(): Promise<void> {
    const before = this.#end.statistics().messagesSent;
    const controller = new AbortController();
    const sending = this.#end.send(this.#next(), { signal: controller.signal });
    if (this.#random() < 0.5) controller.abort(ENOUGH);
    else
      setImmediate(() => {
        controller.abort(ENOUGH);
      });
    try {
      await sending;
      this.sent++;
    } catch (error) {
      if (error !== ENOUGH) throw error;
      this.aborted++;
      this.sent += this.#end.statistics().messagesSent - before;
    }
  }

  #next(ahead = 0): Buffer {
    const sequence = this.sent + ahead;
    return compose(sequence, sizeOf(this.#plan, sequence));
  }
}

/** How a lane is received. */
export interface ReceivingOptions {
  readonly reliable: boolean;
  /** Keeps 100 bytes of each message: to show that the test finds that. */
  readonly leaks: boolean;
}

/** Receives and verifies a plan's messages, in all the ways there are. */
export class Receiving {
  received = 0;
  /** The number after that of the last message. */
  next = 0;
  /** Whether the other side may end. */
  mayEnd = false;
  /** Receives that were given up: by a signal, or by their time. */
  aborted = 0;
  readonly #name: string;
  readonly #end: End;
  readonly #plan: Plan;
  readonly #random: () => number;
  readonly #reliable: boolean;
  readonly #kept: Buffer[] | undefined;

  constructor(
    name: string,
    end: End,
    plan: Plan,
    random: () => number,
    { reliable, leaks }: ReceivingOptions,
  ) {
    this.#name = name;
    this.#end = end;
    this.#plan = plan;
    this.#random = random;
    this.#reliable = reliable;
    this.#kept = leaks ? [] : undefined;
  }

  start(): void {
    void this.#run();
  }

  /** Messages that the channel has said to be lost. */
  get missed(): number {
    if (this.#reliable) return 0;
    const { missed } = this.#end as unknown as Partial<BroadcastReceiver<Buffer>>;
    return missed ?? this.#end.statistics().dropped.lost;
  }

  /** Whether all of so many messages are accounted for. */
  has(total: number): boolean {
    return this.next >= total && this.received + this.missed === this.next;
  }

  async #run(): Promise<void> {
    try {
      for (;;) for (const message of await this.#receive()) this.#take(message);
    } catch (error) {
      if (!this.mayEnd || !(error instanceof ChannelError && ENDS.includes(error.code))) throw error;
    }
  }

  #take(message: Buffer): void {
    const sequence = message.readUInt32LE(0);
    const isNext = this.#reliable ? sequence === this.next : sequence >= this.next;
    if (!isNext) throw new Error(`${this.#name}: message ${sequence} came instead of ${this.next}`);
    verify(message, sequence, sizeOf(this.#plan, sequence));
    this.next = sequence + 1;
    this.received++;
    this.#kept?.push(Buffer.from(message.subarray(0, 12)), Buffer.alloc(1));
  }

  async #receive(): Promise<Buffer[]> {
    const manner = this.#random();
    if (manner < 0.3) return [await this.#end.receive()];
    if (manner < 0.6) return this.#end.receiveMany({ max: 1 + Math.floor(this.#random() * 50) });
    if (manner < 0.7) return [(await this.#end.receiveEnvelope()).message];
    if (manner < 0.8) {
      const message = this.#end.tryReceive();
      return message === undefined ? [await this.#end.receive()] : [message];
    }
    return this.#receiveOrGiveUp(manner < 0.9);
  }

  /** A receive that is given up takes nothing: the next one gets the message. */
  async #receiveOrGiveUp(bySignal: boolean): Promise<Buffer[]> {
    const controller = new AbortController();
    const timer = bySignal ? setTimeout(() => controller.abort(ENOUGH), this.#random() * 5) : undefined;
    try {
      if (bySignal) return [await this.#end.receive({ signal: controller.signal })];
      return await this.#end.receiveMany({ timeout: this.#random() * 5 });
    } catch (error) {
      const late = error instanceof ChannelError && error.code === "ERR_TIMEOUT";
      if (error !== ENOUGH && !late) throw error;
      this.aborted++;
      return [];
    } finally {
      clearTimeout(timer);
    }
  }
}

const ENDS: readonly string[] = ["ERR_CHANNEL_CLOSED", "ERR_END_OF_CHANNEL", "ERR_PEER_DIED"];
const ENOUGH = new Error("enough");
