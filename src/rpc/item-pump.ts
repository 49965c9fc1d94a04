import type { Outbox } from "./outbox.js";

/** What a pump does with what its stream gives. */
export interface ItemDrain {
  /** Sends an item and gives its size in bytes; may be asynchronous where it is checked first. */
  send(item: unknown): number | Promise<number>;
  /** The stream has ended of itself. */
  ended(returned: unknown): void;
  /** The stream has thrown, or an item could not be sent. */
  failed(reason: unknown): void;
}

/** The sending end of a stream: asks the producer for an item when the other side has granted one, and not before. */
export class ItemPump {
  readonly #iterator: AsyncIterator<unknown, unknown>;
  readonly #drain: ItemDrain;
  readonly #outbox: Outbox;
  #items = 0;
  #bytes = 0;
  #stopped = false;
  #running = false;
  #wake: (() => void) | undefined;

  constructor(iterator: AsyncIterator<unknown, unknown>, drain: ItemDrain, outbox: Outbox) {
    this.#iterator = iterator;
    this.#drain = drain;
    this.#outbox = outbox;
  }

  /** The other side takes so much more. */
  grant(items: number, bytes: number): void {
    this.#items += items;
    this.#bytes += bytes;
    if (this.#stopped) return;
    if (!this.#running) void this.#run();
    else this.#wake?.();
  }

  /** Nobody wants further items: the producer's `finally` runs. */
  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#wake?.();
    this.#leave();
  }

  async #run(): Promise<void> {
    this.#running = true;
    try {
      while (!this.#stopped) {
        if (this.#items <= 0 || this.#bytes <= 0) {
          await this.#credit();
          continue;
        }
        const next = await this.#iterator.next();
        if (this.#stopped) return;
        if (next.done === true) {
          this.#stopped = true;
          this.#drain.ended(next.value);
          return;
        }
        this.#items--;
        const size = this.#drain.send(next.value);
        this.#bytes -= typeof size === "number" ? size : await size;
        if (this.#outbox.blocked) await this.#outbox.room();
      }
    } catch (reason) {
      if (this.#stopped) return;
      this.stop();
      this.#drain.failed(reason);
    }
  }

  #credit(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = () => {
        this.#wake = undefined;
        resolve();
      };
    });
  }

  #leave(): void {
    try {
      // What its `finally` throws concerns nobody any more.
      this.#iterator.return?.().catch(() => undefined);
    } catch {
      // An iterator of the user's own may throw at once; likewise.
    }
  }
}

/** Whether a value is a stream of items. */
export function isStream(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === "object" && value !== null && Symbol.asyncIterator in value;
}
