/** The two ends of a connection over shared memory, as processes of a model: the real RingPort, RingWriter and RingReader over words of the model. */
import { Deque } from "../../../src/core/deque.js";
import { ChannelError } from "../../../src/core/errors.js";
import type { BatchSink } from "../../../src/core/packet-port.js";
import { HEADER_BYTES } from "../../../src/mechanisms/shared-buffer/ring-layout.js";
import { EventLoop } from "./event-loop.js";
import type { ModelProcess, Program } from "./explore.js";
import { ModelBuffer } from "./globals.js";
import { bellOf, control, type Port, type RingCode, type RingWords } from "./ring.js";
import { arrayOver, bytesOver } from "./shared-words.js";

export interface RingUse {
  /** Lengths of the messages that it sends, in bytes: multiples of four. */
  readonly sends?: readonly number[];
  /** How many it gives to the port at a time; one by default. */
  readonly batch?: number;
  /** It writes them where they will be read. */
  readonly lends?: boolean;
  /** It may send no more after any of them. */
  readonly mayStop?: boolean;
  /** It closes in an orderly way when all is sent. */
  readonly closes?: boolean;
  /** After so many messages it pauses until the next turn. */
  readonly pausesAfter?: number;
  /** Microseconds of looking before it sleeps. */
  readonly spin?: number;
  /** Of the other side: what comes is compared. Without, anything may come. */
  readonly expects?: readonly number[];
}

const content = (message: number, index: number): number => (message + 1) * 16 + index;

function messageOf(number: number, length: number): Uint8Array {
  const bytes = new DataView(new ArrayBuffer(length));
  for (let at = 0; at < length; at += 4) bytes.setInt32(at, content(number, at), true);
  return new Uint8Array(bytes.buffer);
}

/** Checks a message that came. */
function check(payload: Buffer, number: number, length: number | undefined): void {
  if (length !== payload.length)
    throw new Error(`message ${number} has ${payload.length} bytes instead of ${length ?? "none"}`);
  for (let at = 0; at < payload.length; at += 4) {
    if (payload.readInt32LE(at) !== content(number, at))
      throw new Error(`message ${number} is torn: ${payload.toString("hex")}`);
  }
}

/** One end: the server is process 1, the client process 2. */
export function ringEnd(code: RingCode, where: RingWords, use: RingUse): Program {
  return (process) => {
    new End(code, where, use, process).run();
  };
}

class End {
  readonly #use: RingUse;
  readonly #process: ModelProcess;
  readonly #where: RingWords;
  readonly #loop = new EventLoop();
  readonly #port: Port;
  readonly #packets: readonly Uint8Array[];
  readonly #outgoing: Pick<Uint8Array, "set">;
  #next = 0;
  #received = 0;
  #unread = 0;
  #isBlocked = false;
  #isStopped = false;
  #isOver = false;

  constructor(code: RingCode, where: RingWords, use: RingUse, process: ModelProcess) {
    this.#use = use;
    this.#process = process;
    this.#where = where;
    this.#packets = (use.sends ?? []).map((length, number) => messageOf(number, length));
    const { capacity, own, ring } = where;
    const self = process.id - 1;
    const words = (first: number): Int32Array =>
      arrayOver((index) => (control.includes(index) ? first + control.indexOf(index) : undefined), 512);
    // Mapped twice in a row.
    const map = (first: number): ModelBuffer =>
      new ModelBuffer(
        (index) => (index >= 0 && index < capacity / 2 ? first + (index & (capacity / 4 - 1)) : undefined),
        2 * capacity,
      );
    const memory = {
      own: words(own[self]!),
      peer: words(own[1 - self]!),
      outgoing: map(ring[self]!),
      incoming: map(ring[1 - self]!),
      capacity,
      close: () => undefined,
    };
    this.#outgoing = bytesOver(memory.outgoing.place, memory.outgoing.size);
    const largest = capacity / 2 - HEADER_BYTES;
    this.#port = new code.RingPort({
      core: this.#core(),
      fd: 3,
      memory,
      maxMessageSize: largest,
      spin: use.spin ?? 0,
      address: "model",
    });
    const { reader } = this.#port;
    this.#port.lender = {
      leavesInRing: false,
      isWaitedFor: true,
      get released() {
        return reader.cursor;
      },
      turned: () => 0,
    };
    this.#port.start(this.#sink());
  }

  run(): void {
    const process = this.#process;
    this.#port.resume();
    for (;;) {
      process.settle([
        this.#port.modelState(),
        this.#port.reader.modelState(),
        this.#port.writer.modelState(),
        [
          this.#next,
          this.#received,
          this.#unread,
          this.#isBlocked,
          this.#isStopped,
          this.#isOver,
          this.#loop.isBusy,
        ],
      ]);
      if (this.#isOver) {
        this.#port.close(false);
        return;
      }
      this.#send();
      if (this.#isOver) continue;
      if (this.#use.closes === true && this.#next === this.#packets.length) {
        this.#port.close(true);
        return;
      }
      const isIdle = this.#isBlocked || this.#isStopped || this.#next === this.#packets.length;
      const mayWait = isIdle && this.#unread === 0;
      this.#loop.turn((wait) => this.#isReady(wait), mayWait);
      if (this.#unread > 0 && !this.#isOver) {
        this.#unread = 0;
        this.#port.resume();
      }
    }
  }

  #send(): void {
    const { batch = 1, mayStop = false } = this.#use;
    if (this.#isBlocked || this.#isStopped || this.#next === this.#packets.length) return;
    if (mayStop && this.#process.choose("to go on", 2) === 0) {
      this.#isStopped = true;
      return;
    }
    const end = Math.min(this.#next + batch, this.#packets.length);
    try {
      if (this.#use.lends === true) this.#lend(end);
      else this.#next += this.#port.send(this.#packets, this.#next, end);
    } catch (error) {
      this.#failed(error);
      return;
    }
    this.#process.note(`sent ${this.#next}`);
    this.#isBlocked = this.#next < end;
    if (this.#isBlocked) this.#process.note("waits");
  }

  /** Writes packets up to this one into room that the port lends. */
  #lend(end: number): void {
    for (let packet = this.#packets[this.#next]; this.#next < end && packet !== undefined;) {
      if (!this.#port.tryLend(packet.length)) return;
      this.#outgoing.set(packet, this.#port.writer.nextPayload);
      this.#port.endLoan(packet.length);
      packet = this.#packets[++this.#next];
    }
  }

  #sink(): BatchSink {
    return {
      packet: () => {
        throw new Error("the ring gives its packets in batches");
      },
      limit: (batch) => {
        batch.limit((this.#use.pausesAfter ?? Infinity) - this.#unread, Infinity);
      },
      packets: (batch) => {
        const queue = new Deque<Buffer>();
        batch.moveTo(queue);
        for (let payload = queue.shift(); payload !== undefined; payload = queue.shift())
          this.#receive(payload);
        return this.#unread < (this.#use.pausesAfter ?? Infinity);
      },
      arrived: () => undefined,
      writable: () => {
        if (this.#isBlocked) this.#process.note("goes-on");
        this.#isBlocked = false;
      },
      ended: () => {
        this.#process.note("ended");
        this.#isOver = true;
      },
      spoiled: (error) => {
        this.#note(error);
      },
      fail: (error) => {
        this.#failed(error);
      },
      released: () => undefined,
    };
  }

  #receive(payload: Buffer): void {
    const { expects, pausesAfter } = this.#use;
    if (expects !== undefined) check(payload, this.#received, expects[this.#received]);
    this.#received++;
    this.#process.note(`received ${this.#received}`);
    if (pausesAfter !== undefined) this.#unread++;
  }

  #failed(error: unknown): void {
    this.#note(error);
    this.#isOver = true;
  }

  #note(error: unknown): void {
    if (!(error instanceof ChannelError)) throw error;
    this.#process.note(`failed ${error.code}`);
  }

  // ---- the kernel: trace.test.ts compares it with the real one ------------------------------------------------------

  #core(): object {
    const { ended } = this.#where;
    const self = this.#process.id - 1;
    const bell = bellOf(this.#where, self);
    return {
      ringBell: () => this.#process.call("rings", bell.ring),
      clearBell: () => this.#process.call("clears its bell, which", bell.clear),
      close: () => {
        this.#process.call("closes its socket, which", (words) => (words[ended[self]!] = 1));
      },
    };
  }

  #isReady(wait: boolean): boolean {
    const { bell, ended } = this.#where;
    const self = this.#process.id - 1;
    const result = this.#process.call(
      wait ? "waits for its socket, which" : "looks at its socket, which",
      (words) => {
        const isReady = words[bell[self]!] === 1 || words[ended[1 - self]!] === 1;
        return wait && !isReady ? undefined : Number(isReady);
      },
    );
    return result === 1;
  }
}
