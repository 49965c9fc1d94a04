import type { SendOptions } from "../../core/channel.js";
import { Deque } from "../../core/deque.js";
import type { ResolvedQueueLimits } from "../../core/options.js";
import type { Outlet, Place } from "../../core/outlet.js";
import { copyOf } from "../../core/view.js";
import type { QueuePort } from "./queue-port.js";

/** How many messages go to the kernel at once. */
const BATCH = 64;

interface Outgoing {
  readonly bytes: Buffer;
  readonly grade: number;
}

/**
 * The bounded queue of this process before that of the kernel. While the kernel has room a message goes past it; when it has none, the first that waits here
 * is with the port, which sends it as soon as there is.
 */
export class QueueOutlet implements Outlet {
  accepted = 0;
  left = 0;
  /** Everything that waits is a copy. */
  readonly holdsReferences = false;
  readonly #port: QueuePort;
  readonly #limits: ResolvedQueueLimits;
  readonly #queue = new Deque<Outgoing>();
  readonly #single: Uint8Array[] = [];
  #bytes = 0;

  constructor(port: QueuePort, limits: ResolvedQueueLimits) {
    this.#port = port;
    this.#limits = limits;
  }

  get queuedBytes(): number {
    return this.#bytes;
  }

  place(payload: Uint8Array): Place {
    return this.#place(payload, this.#port.defaultGrade);
  }

  placeWith(payload: Uint8Array, options: SendOptions): boolean {
    const grade = options[this.#port.gradeName] ?? this.#port.defaultGrade;
    return this.#place(payload, grade) === "accepted";
  }

  placeMany(payloads: readonly Uint8Array[], start: number, end: number): number {
    if (this.#queue.length > 0) return 0;
    const grade = this.#port.defaultGrade;
    const sent = this.#port.send(payloads, start, end, grade);
    this.accepted += sent;
    this.left += sent;
    const refused = payloads[start + sent];
    if (sent === end - start || refused === undefined) return sent;
    // One waits here, for the port to send. The others stay with the caller, who waits: copies of them would gain nothing.
    this.#enqueue(refused, grade);
    return sent + 1;
  }

  /** The port has sent the first that waited: gives it the next ones, as many as there is room for. */
  proceed(): void {
    this.#dequeue();
    while (this.#queue.length > 0) {
      const batch: Uint8Array[] = [];
      const grade = this.#queue.at(0)?.grade ?? 0;
      for (
        let next = this.#queue.at(0);
        next !== undefined && next.grade === grade && batch.length < BATCH;
        next = this.#queue.at(batch.length)
      ) {
        batch.push(next.bytes);
      }
      const sent = this.#port.send(batch, 0, batch.length, grade);
      for (let index = 0; index < sent; index++) this.#dequeue();
      if (sent === batch.length) continue;
      this.#sendFirstLater();
      return;
    }
  }

  #place(payload: Uint8Array, grade: number): Place {
    if (this.#queue.length === 0) {
      this.#single[0] = payload;
      if (this.#port.send(this.#single, 0, 1, grade) === 1) {
        this.accepted++;
        this.left++;
        return "accepted";
      }
    } else if (
      this.#queue.length >= this.#limits.messages ||
      this.#bytes + payload.length > this.#limits.bytes
    ) {
      return "no-room";
    }
    this.#enqueue(payload, grade);
    return "accepted";
  }

  #enqueue(payload: Uint8Array, grade: number): void {
    this.#queue.push({ bytes: copyOf(payload), grade });
    this.#bytes += payload.length;
    this.accepted++;
    if (this.#queue.length === 1) this.#sendFirstLater();
  }

  #sendFirstLater(): void {
    const first = this.#queue.at(0);
    if (first !== undefined) this.#port.sendLater(first.bytes, first.grade);
  }

  #dequeue(): void {
    const first = this.#queue.shift();
    if (first === undefined) return;
    this.#bytes -= first.bytes.length;
    this.left++;
  }
}
