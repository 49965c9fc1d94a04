import { closeAll } from "./arriving-handles.js";
import { Deque } from "./deque.js";
import type { ResolvedQueueLimits } from "./options.js";
import type { PacketBatch } from "./packet-batch.js";
import type { PacketDetails } from "./packet-port.js";

/** What is known of a message in the queue beside its bytes; `error`: there is no message, this is what became of it. */
export interface ArrivalDetails extends PacketDetails {
  readonly error?: unknown;
}

const NOTHING: Buffer = Buffer.alloc(0);
/** Descriptors that wait with their messages, after which no more is read: a process may have few, and whoever sends them must not use them up. */
const MOST_HANDLES = 64;

/** Messages that have come and wait to be received, within limits of bytes and messages. */
export class IncomingQueue {
  readonly #limits: ResolvedQueueLimits;
  readonly #payloads = new Deque<Buffer>();
  // Most mechanisms know nothing beside the bytes: this queue exists only where one does.
  #details: Deque<ArrivalDetails | undefined> | undefined;
  #bytes = 0;
  #handles = 0;
  // Of what was taken; what has come is that and what waits.
  #taken = 0;
  #takenBytes = 0;
  // Places of the queue, in all, in which an error was instead of a message.
  #errors = 0;
  #firstError: { readonly error: unknown } | undefined;
  /** What was known of the message that `shift` gave last. */
  lastDetails: ArrivalDetails | undefined;

  constructor(limits: ResolvedQueueLimits) {
    this.#limits = limits;
  }

  get length(): number {
    return this.#firstError === undefined ? this.#payloads.length : this.#payloads.length + 1;
  }

  /** Bytes of the messages that wait. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Messages that wait; an error is none. */
  get messages(): number {
    let errors = 0;
    for (let index = 0; index < (this.#details?.length ?? 0); index++)
      if (this.#details?.at(index)?.error !== undefined) errors++;
    return this.#payloads.length - errors;
  }

  /** Messages that have come. */
  get arrived(): number {
    return this.#taken + this.#payloads.length - this.#errors;
  }

  /** Bytes of them. */
  get arrivedBytes(): number {
    return this.#takenBytes + this.#bytes;
  }

  /** Errors that have come in the place of messages. */
  get errors(): number {
    return this.#errors;
  }

  /** Whether one more message may come. */
  hasRoom(): boolean {
    return (
      this.#payloads.length < this.#limits.messages &&
      this.#bytes < this.#limits.bytes &&
      this.#handles < MOST_HANDLES
    );
  }

  isHalfEmpty(): boolean {
    return (
      this.#payloads.length * 2 <= this.#limits.messages &&
      this.#bytes * 2 <= this.#limits.bytes &&
      this.#handles * 2 <= MOST_HANDLES
    );
  }

  push(payload: Buffer, details?: ArrivalDetails): void {
    if (details !== undefined || this.#details !== undefined) this.#pushDetails(details);
    this.#payloads.push(payload);
    this.#bytes += payload.length;
  }

  /** Tells a batch how much may come, as `hasRoom` would after each of its messages. */
  limit(batch: PacketBatch): void {
    batch.limit(this.#limits.messages - this.#payloads.length, this.#limits.bytes - this.#bytes);
  }

  /** As `push` for each message, of which nothing is known beside its bytes. */
  pushAll(batch: PacketBatch): void {
    if (this.#details !== undefined)
      for (let left = batch.count; left > 0; left--) this.#pushDetails(undefined);
    this.#bytes += batch.bytes;
    batch.moveTo(this.#payloads);
  }

  /** Puts an error in the place of a message. */
  pushError(error: unknown): void {
    this.push(NOTHING, { error });
    this.#errors++;
  }

  /** Puts an error before all messages: what the next `shift` gives. */
  unshiftError(error: unknown): void {
    this.#firstError = { error };
  }

  /** Takes the first message; call only when there is one. */
  shift(): Buffer {
    if (this.#firstError !== undefined) {
      this.lastDetails = this.#firstError;
      this.#firstError = undefined;
      return NOTHING;
    }
    const payload = this.#payloads.shift();
    if (payload === undefined) throw new Error("the queue of incoming messages is empty");
    this.#bytes -= payload.length;
    this.#taken++;
    this.#takenBytes += payload.length;
    this.lastDetails = this.#details?.shift();
    if (this.lastDetails?.handles !== undefined) this.#handles -= this.lastDetails.handles.length;
    return payload;
  }

  /** Takes many messages at once, if that is all there is to them; `undefined` when they must be taken one by one. */
  shiftMany(max: number): Buffer[] | undefined {
    if (this.#firstError !== undefined || this.#details !== undefined) return undefined;
    const payloads = this.#payloads.shiftMany(Math.min(max, this.#payloads.length));
    const before = this.#bytes;
    if (this.#payloads.length === 0) this.#bytes = 0;
    else for (const payload of payloads) this.#bytes -= payload.length;
    this.#taken += payloads.length;
    this.#takenBytes += before - this.#bytes;
    this.lastDetails = undefined;
    return payloads;
  }

  /** Lets go of all messages, and says how many; descriptors that came with them and that nobody took are closed. */
  clear(): number {
    const { messages } = this;
    this.#taken += this.#payloads.length;
    this.#takenBytes += this.#bytes;
    for (let left = this.#details?.length ?? 0; left > 0; left--) closeHandles(this.#details?.shift());
    this.#details = undefined;
    this.#firstError = undefined;
    this.#payloads.clear();
    this.#bytes = this.#handles = 0;
    return messages;
  }

  #pushDetails(details: ArrivalDetails | undefined): void {
    if (this.#details === undefined) {
      this.#details = new Deque();
      for (let index = 0; index < this.#payloads.length; index++) this.#details.push(undefined);
    }
    this.#details.push(details);
    if (details?.handles !== undefined) this.#handles += details.handles.length;
  }
}

/** Closes the descriptors that came with a message. */
export function closeHandles(details: ArrivalDetails | undefined): void {
  if (details?.handles !== undefined) closeAll(details.handles);
}
