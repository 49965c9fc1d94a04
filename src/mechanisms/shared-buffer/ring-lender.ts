import { Deque } from "../../core/deque.js";
import type { Kind } from "../../core/incoming.js";
import { BufferView } from "../../core/view.js";
import type { Lender } from "./lender.js";
import { RingReceivedLoan } from "./loan.js";
import type { RingPort } from "./ring-port.js";

/** The most that is read in place before the event loop gets a turn. */
const BYTES_A_TURN = 1024 * 1024;
const MESSAGES_A_TURN = 16_384;
/** What a visitor has seen goes back to the producer in pieces of this size, so that both can work at the same time. */
const GIVE_BACK_BYTES = 64 * 1024;

// Shared by all that lend nothing: each would be a piece of memory of its own.
const NO_MEMORY: Buffer = Buffer.alloc(0);
const NO_MAP: ArrayBuffer = new ArrayBuffer(0);

/** Those who wait for messages. */
export interface Line {
  readonly pending: number;
  readonly firstInLine: Kind | undefined;
  serveFirst(value: unknown): void;
}

/** What a visitor is given: the payload is `memory[start, end)`. */
export type Visitor = (memory: Buffer, start: number, end: number) => void;

/** Lends messages in the incoming ring. What is read behind a loan goes back to the producer only with the loan. */
export class RingLender implements Lender {
  /** Whether the last call that asked for a message wanted it in place. */
  isPreferred = false;
  readonly #port: RingPort;
  readonly #line: Line;
  readonly #outstanding = new Deque<RingReceivedLoan>();
  #memory: Buffer = NO_MEMORY;
  #map: ArrayBuffer = NO_MAP;
  #bytesThisTurn = 0;
  #messagesThisTurn = 0;

  constructor(port: RingPort, line: Line) {
    this.#port = port;
    this.#line = line;
  }

  get isWaitedFor(): boolean {
    return this.#line.firstInLine !== undefined;
  }

  get leavesInRing(): boolean {
    const first = this.#line.firstInLine;
    return this.isPreferred && this.#line.pending === 0 && (first === undefined || first === "bytes");
  }

  get released(): number {
    return this.#outstanding.at(0)?.position ?? this.#port.reader.cursor;
  }

  serve(): void {
    while (this.#line.firstInLine === "bytes" && this.#line.pending === 0) {
      const loan = this.#next();
      if (loan === undefined) return;
      this.#line.serveFirst(loan);
    }
  }

  turned(): number {
    const bytes = this.#bytesThisTurn;
    this.#bytesThisTurn = this.#messagesThisTurn = 0;
    return bytes;
  }

  /** The next message, if it is there. `bounded`: not when the event loop is due for a turn. */
  take(bounded: boolean): RingReceivedLoan | undefined {
    if (this.#port.isClosed || (bounded && this.#turnIsDue())) return undefined;
    let loan: RingReceivedLoan | undefined;
    this.#port.guarded(() => {
      loan = this.#next();
    });
    return loan;
  }

  /** Shows the visitor what is there, without a loan for each message. Returns how many messages. */
  visit(visitor: Visitor, most: number): number {
    const port = this.#port;
    const { reader } = port;
    let visited = 0;
    const show = (start: number, end: number): boolean => {
      visitor(this.#memory, start, end);
      return !port.isClosed;
    };
    while (visited < most && !port.isClosed && !this.#turnIsDue() && reader.hasData) {
      this.#lentMemory();
      const begin = reader.cursor;
      // What is being visited is not given back before the visitor has returned.
      const guard = new RingReceivedLoan(this.#memory, begin, undefined);
      this.#outstanding.push(guard);
      let step = 0;
      try {
        port.guarded(() => {
          step = reader.visit(show, most - visited, GIVE_BACK_BYTES);
        });
      } finally {
        guard.isReleased = true;
        if (!port.isClosed) {
          this.#count(step, (reader.cursor - begin) | 0);
          this.#giveBack();
        }
      }
      // A message over the limit is in the way: `#next` tells of it.
      if (step === 0) break;
      visited += step;
    }
    return visited;
  }

  #next(): RingReceivedLoan | undefined {
    const { reader } = this.#port;
    const position = reader.cursor;
    const length = reader.takeInPlace();
    if (length === -1) return undefined;
    this.#count(1, length);
    if (length < 0) {
      this.#port.oversized(reader.lastLength);
      this.#giveBack();
      return undefined;
    }
    this.#lentMemory();
    const bytes = new BufferView(this.#map, reader.payloadStart, length);
    const loan = new RingReceivedLoan(bytes, position, this);
    this.#outstanding.push(loan);
    return loan;
  }

  /** Gives back to the producer what no loan holds any more. */
  loanReleased(): void {
    this.#giveBack();
  }

  #giveBack(): void {
    if (this.#port.isClosed) return;
    while (this.#outstanding.at(0)?.isReleased === true) this.#outstanding.shift();
    this.#port.guarded(() => {
      this.#port.giveBack();
    });
  }

  #lentMemory(): Buffer {
    // Not there yet, or the user has transferred it away.
    if (this.#memory.length === 0) {
      const map = this.#port.memory.mapToLend("incoming");
      this.#memory = new BufferView(map, 0, map.byteLength);
      this.#map = map;
    }
    return this.#memory;
  }

  #count(messages: number, bytes: number): void {
    if (this.#messagesThisTurn === 0) this.#port.continueLater();
    this.#messagesThisTurn += messages;
    this.#bytesThisTurn += bytes;
  }

  #turnIsDue(): boolean {
    return this.#bytesThisTurn >= BYTES_A_TURN || this.#messagesThisTurn >= MESSAGES_A_TURN;
  }
}
