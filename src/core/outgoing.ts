import type { Address, SendOptions, WaitOptions } from "./channel.js";
import type { ChannelError, ErrorCode } from "./errors.js";
import type { Outlet, Place } from "./outlet.js";
import type { QueueDepth } from "./statistics.js";
import { SendWait } from "./send-wait.js";
import { WaitList } from "./wait.js";

/**
 * A sender in a loop of `await send(…)` never leaves the microtask queue while there is room, so timers, sockets and signals would
 * starve. After this many accepted messages, or bytes, one send waits for a turn of the event loop.
 */
const MESSAGES_A_TURN = 4096;
const BYTES_A_TURN = 1024 * 1024;
/** The most messages, and bytes, that `sendMany` encodes ahead: they are memory that no queue counts. */
const BATCH_MESSAGES = 128;
const BATCH_BYTES = 256 * 1024;

const ACCEPTED: Promise<void> = Promise.resolve();

type MakeError = (code: ErrorCode, operation: string, text: string) => ChannelError;

/** What the sending half knows of the past. */
export interface OutgoingStatistics {
  readonly messages: number;
  readonly bytes: number;
  readonly queue: QueueDepth;
  readonly waits: number;
}

/** The sending half of a channel: who waits for room, in which order they get it, and who waits until something has left. */
export class Outgoing {
  readonly #outlet: Outlet;
  readonly #error: MakeError;
  readonly #waits: WaitList<SendWait>;
  // Messages to different receivers do not wait for one another: one that does not read must not stop the rest.
  #waitsTo: Map<string, WaitList<SendWait>> | undefined;
  readonly #departures = new WaitList<SendWait>();
  #whenIdle: (() => void) | undefined;
  #abandoned: (() => Error) | undefined;
  #serving = false;
  // Calls of `sendMany` with options of the packet.
  #ongoing = 0;
  #turn: Promise<void> | undefined;
  #messagesThisTurn = 0;
  #bytesThisTurn = 0;
  #bytesSent = 0;
  #roomWaits = 0;

  constructor(outlet: Outlet, error: MakeError) {
    this.#outlet = outlet;
    this.#error = error;
    this.#waits = new WaitList(() => {
      this.#checkIdle();
    });
  }

  /** How many accepted messages have not left. */
  get unsent(): number {
    return this.#outlet.accepted - this.#outlet.left;
  }

  /** How many calls wait for room. */
  get waiting(): number {
    let waiting = this.#waits.size + this.#ongoing;
    if (this.#waitsTo !== undefined) for (const waits of this.#waitsTo.values()) waiting += waits.size;
    return waiting;
  }

  /** What was accepted so far, and how often somebody had to wait for it. */
  statistics(): OutgoingStatistics {
    const { accepted, queuedBytes } = this.#outlet;
    return {
      messages: accepted,
      bytes: this.#bytesSent,
      queue: { messages: this.unsent, bytes: queuedBytes },
      waits: this.#roomWaits,
    };
  }

  send(payload: Uint8Array, options: SendOptions | undefined): Promise<void> {
    if (options !== undefined && concernsPacket(options)) return this.#sendWith(payload, options);
    if (this.#waits.size === 0) {
      const placed = this.#place(payload, false);
      // Placing may be what shows that the peer is gone.
      if (this.#abandoned !== undefined) return Promise.reject(this.#abandoned());
      if (placed === "accepted") return this.#fairly(payload.length);
      if (placed === "by-reference") return this.#whenLeft(options, "send");
    }
    const wait = new SendWait((self) => {
      const placed = this.#place(payload, false);
      if (placed === "no-room") return false;
      if (placed === "accepted") self.fulfil(undefined);
      else this.#awaitDeparture(self);
      return true;
    });
    this.#roomWaits++;
    return this.#waitForRoom(wait, this.#waits, options, "send");
  }

  trySend(payload: Uint8Array): boolean {
    return this.#waits.size === 0 && this.#place(payload, true) !== "no-room";
  }

  #place(payload: Uint8Array, copy: boolean): Place {
    const placed = this.#outlet.place(payload, copy);
    if (placed !== "no-room") this.#bytesSent += payload.length;
    return placed;
  }

  /** Sends what `next` gives until it gives `undefined`; what it throws is told after the messages before it were accepted. */
  sendMany(next: () => Uint8Array | undefined, options: SendOptions | undefined): Promise<void> {
    if (options !== undefined && concernsPacket(options)) return this.#sendManyWith(next, options);
    const wait = new SendWait(this.#inBatches(next));
    if (this.#waits.size === 0 && wait.proceed()) return wait.promise;
    return this.#waitForRoom(wait, this.#waits, options, "sendMany");
  }

  /** Waits in line with the sends until `attempt` says that there was room: for what takes room before it is a message. */
  reserve(
    attempt: () => boolean,
    bytes: number,
    options: WaitOptions | undefined,
    operation: string,
  ): Promise<void> {
    if (this.#waits.size === 0 && attempt()) return this.#fairly(bytes);
    const wait = new SendWait((self) => {
      if (!attempt()) return false;
      self.fulfil(undefined);
      return true;
    });
    this.#roomWaits++;
    return this.#waitForRoom(wait, this.#waits, options, operation);
  }

  flush(options: WaitOptions | undefined): Promise<void> {
    return this.unsent === 0 ? ACCEPTED : this.#whenLeft(options, "flush");
  }

  /** There may be room again, for this destination or on the connection. The waits are served after the native callback has returned. */
  roomAvailable(to?: string): void {
    if (to !== undefined) {
      const waits = this.#waitsTo?.get(to);
      if (waits !== undefined) process.nextTick(() => this.#serve(waits));
      return;
    }
    if (this.#waits.size === 0 || this.#serving) return;
    this.#serving = true;
    process.nextTick(() => {
      this.#serving = false;
      this.#serve(this.#waits);
    });
  }

  /** More messages have left. */
  departed(): void {
    for (
      let wait = this.#departures.first();
      wait !== undefined && wait.target <= this.#outlet.left;
      wait = this.#departures.first()
    ) {
      wait.fulfil(undefined);
    }
    this.#checkIdle();
  }

  /** Calls back once, when nobody waits for room and everything accepted has left; at once if that is so. */
  whenIdle(callback: () => void): void {
    this.#whenIdle = callback;
    this.#checkIdle();
  }

  /** Rejects everybody who waits. */
  abandon(reason: () => Error): void {
    this.#abandoned = reason;
    this.#whenIdle = undefined;
    this.#waits.rejectAll(reason);
    if (this.#waitsTo !== undefined) for (const waits of this.#waitsTo.values()) waits.rejectAll(reason);
    this.#departures.rejectAll(reason);
  }

  #sendWith(payload: Uint8Array, options: SendOptions): Promise<void> {
    const waits = this.#waitsFor(options.to);
    if (waits.size === 0 && this.#placeWith(payload, options)) return this.#fairly(payload.length);
    const wait = new SendWait((self) => {
      if (!this.#placeWith(payload, options)) return false;
      self.fulfil(undefined);
      return true;
    });
    this.#roomWaits++;
    return this.#waitForRoom(wait, waits, options, "send");
  }

  #placeWith(payload: Uint8Array, options: SendOptions): boolean {
    if (!this.#outlet.placeWith(payload, options)) return false;
    this.#bytesSent += payload.length;
    return true;
  }

  async #sendManyWith(next: () => Uint8Array | undefined, options: SendOptions): Promise<void> {
    // Between two of its messages nobody stands in a list, but the channel must not be released under it.
    this.#ongoing++;
    try {
      for (let payload = next(); payload !== undefined; payload = next()) {
        if (this.#abandoned !== undefined) throw this.#abandoned();
        await this.#sendWith(payload, options);
      }
    } finally {
      this.#ongoing--;
      this.#checkIdle();
    }
  }

  #waitsFor(to: SendOptions["to"]): WaitList<SendWait> {
    if (to === undefined) return this.#waits;
    const key = laneOf(to);
    const known = this.#waitsTo?.get(key);
    if (known !== undefined) return known;
    return new WaitList<SendWait>(() => {
      this.#waitsTo?.delete(key);
      this.#checkIdle();
    });
  }

  /** What one `sendMany` does each time there is room: it goes on where it stood. */
  #inBatches(next: () => Uint8Array | undefined): (self: SendWait) => boolean {
    // Its length only grows: to empty an array and fill it again costs as much as a small message.
    const batch: Uint8Array[] = [];
    let count = 0;
    let placed = 0;
    let batchBytes = 0;
    let stands = false;
    let exhausted = false;
    let refused: { readonly reason: unknown } | undefined;
    const fill = (): number => {
      count = placed = 0;
      let bytes = 0;
      try {
        while (count < BATCH_MESSAGES && bytes < BATCH_BYTES) {
          const payload = next();
          if (payload === undefined) {
            exhausted = true;
            break;
          }
          bytes += payload.length;
          batch[count++] = payload;
        }
      } catch (reason) {
        refused = { reason };
        exhausted = true;
      }
      return bytes;
    };
    return (self) => {
      for (;;) {
        const before = placed;
        placed += this.#outlet.placeMany(batch, placed, count);
        if (placed > before) {
          if (placed - before === count) this.#bytesSent += batchBytes;
          else for (let index = before; index < placed; index++) this.#bytesSent += batch[index]?.length ?? 0;
          stands = false;
        }
        if (this.#abandoned !== undefined) {
          self.reject(this.#abandoned());
          return true;
        }
        if (placed < count) {
          if (!stands) this.#roomWaits++;
          stands = true;
          return false;
        }
        if (exhausted) break;
        batchBytes = fill();
        if (this.#turnIsDue(count, batchBytes)) {
          setImmediate(() => {
            this.#serve(this.#waits);
          });
          return false;
        }
      }
      if (refused !== undefined) self.reject(refused.reason);
      else if (this.#outlet.holdsReferences) this.#awaitDeparture(self);
      else self.fulfil(undefined);
      return true;
    };
  }

  #waitForRoom(
    wait: SendWait,
    waits: WaitList<SendWait>,
    options: SendOptions | undefined,
    operation: string,
  ): Promise<void> {
    if (options?.to !== undefined) (this.#waitsTo ??= new Map()).set(laneOf(options.to), waits);
    if (this.#abandoned !== undefined) {
      wait.reject(this.#abandoned());
      return wait.promise;
    }
    wait.join(waits);
    if (options !== undefined) {
      wait.bound(options, () =>
        this.#error("ERR_TIMEOUT", operation, `there was no room within ${options.timeout ?? 0} ms`),
      );
    }
    return wait.promise;
  }

  #serve(waits: WaitList<SendWait>): void {
    for (let wait = waits.first(); wait !== undefined; wait = waits.first()) {
      try {
        if (!wait.proceed()) return;
      } catch (error) {
        wait.reject(error);
      }
    }
  }

  #whenLeft(options: WaitOptions | undefined, operation: string): Promise<void> {
    const wait = new SendWait(() => true);
    this.#awaitDeparture(wait);
    if (options !== undefined) {
      wait.bound(options, () =>
        this.#error("ERR_TIMEOUT", operation, `the bytes did not leave within ${options.timeout ?? 0} ms`),
      );
    }
    return wait.promise;
  }

  #awaitDeparture(wait: SendWait): void {
    wait.target = this.#outlet.accepted;
    if (this.#abandoned !== undefined) wait.reject(this.#abandoned());
    else if (this.unsent === 0) wait.fulfil(undefined);
    else wait.join(this.#departures);
  }

  #checkIdle(): void {
    const callback = this.#whenIdle;
    if (callback === undefined || this.unsent > 0 || this.waiting > 0) return;
    this.#whenIdle = undefined;
    callback();
  }

  #turnIsDue(messages: number, bytes: number): boolean {
    this.#messagesThisTurn += messages;
    this.#bytesThisTurn += bytes;
    if (this.#messagesThisTurn < MESSAGES_A_TURN && this.#bytesThisTurn < BYTES_A_TURN) return false;
    this.#messagesThisTurn = this.#bytesThisTurn = 0;
    return true;
  }

  #fairly(bytes: number): Promise<void> {
    if (this.#turn !== undefined) return this.#turn;
    if (!this.#turnIsDue(1, bytes)) return ACCEPTED;
    this.#turn = new Promise((resolve) => {
      setImmediate(() => {
        this.#turn = undefined;
        resolve();
      });
    });
    return this.#turn;
  }
}

/** The name under which a port speaks of a destination. */
export function laneOf(to: Address): string {
  return typeof to === "string" ? to : `${to.host} ${to.port}`;
}

/** Whether these options say something of the packet, not only of the wait. */
function concernsPacket(options: SendOptions): boolean {
  return (
    options.to !== undefined ||
    options.priority !== undefined ||
    options.type !== undefined ||
    (options.handles !== undefined && options.handles.length > 0)
  );
}
