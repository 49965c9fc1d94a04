import { Deque } from "../core/deque.js";
import type { Limits } from "./limits.js";

/** What a queue tells the other side. */
export interface ItemSource {
  /** So many items and bytes more may come. */
  grant(items: number, bytes: number): void;
  /** Nobody wants further items. */
  stop(): void;
}

interface Item {
  readonly value: unknown;
  readonly size: number;
}

interface Waiter {
  readonly resolve: (result: IteratorResult<unknown, undefined>) => void;
  readonly reject: (reason: unknown) => void;
}

const DONE: IteratorResult<unknown, undefined> = { value: undefined, done: true };

/**
 * The receiving end of a stream. The other side may send what it was granted and no more; further credit goes out as the loop takes items. Nothing is granted
 * before the loop begins.
 */
export class ItemQueue implements AsyncIterableIterator<unknown, undefined, undefined> {
  readonly #source: ItemSource;
  readonly #limits: Limits;
  readonly #items = new Deque<Item>();
  readonly #waiters = new Deque<Waiter>();
  #started = false;
  #granted = 0;
  #grantedBytes = 0;
  #taken = 0;
  #takenBytes = 0;
  #over = false;
  #failure: { readonly reason: unknown } | undefined;

  constructor(source: ItemSource, limits: Limits) {
    this.#source = source;
    this.#limits = limits;
  }

  /** Whether somebody takes items. */
  get started(): boolean {
    return this.#started;
  }

  /** Whether somebody waits for an item. */
  get waiting(): boolean {
    return this.#waiters.length > 0;
  }

  /** An item has come. `false`: nobody had granted it. */
  push(value: unknown, size: number): boolean {
    if (this.#over) return true;
    if (this.#granted <= 0 || this.#grantedBytes <= 0) return false;
    this.#granted--;
    this.#grantedBytes -= size;
    const waiter = this.#waiters.shift();
    if (waiter === undefined) this.#items.push({ value, size });
    else {
      this.#took(size);
      waiter.resolve({ value, done: false });
    }
    return true;
  }

  /** Nothing more comes; what has come is still given. */
  end(): void {
    this.#over = true;
    for (let waiter = this.#waiters.shift(); waiter !== undefined; waiter = this.#waiters.shift())
      waiter.resolve(DONE);
  }

  /** Nothing more comes, for this reason; what has come is still given. */
  fail(reason: unknown): void {
    if (this.#over) return;
    this.#over = true;
    const first = this.#waiters.shift();
    if (first === undefined) this.#failure = { reason };
    else first.reject(reason);
    this.end();
  }

  next(): Promise<IteratorResult<unknown, undefined>> {
    const item = this.#items.shift();
    if (item !== undefined) {
      this.#took(item.size);
      return Promise.resolve({ value: item.value, done: false });
    }
    if (this.#failure !== undefined) {
      const { reason } = this.#failure;
      this.#failure = undefined;
      return Promise.reject(reason);
    }
    if (this.#over) return Promise.resolve(DONE);
    this.#start();
    return new Promise((resolve, reject) => {
      this.#waiters.push({ resolve, reject });
    });
  }

  return(): Promise<IteratorResult<unknown, undefined>> {
    this.#items.clear();
    this.#failure = undefined;
    if (!this.#over) {
      this.end();
      this.#source.stop();
    }
    return Promise.resolve(DONE);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #start(): void {
    if (this.#started) return;
    this.#started = true;
    this.#grant(this.#limits.creditItems, this.#limits.creditBytes);
  }

  /** Further credit goes out when half of it is used up, so that it is not a message for each item. */
  #took(size: number): void {
    if (this.#over) return;
    this.#taken++;
    this.#takenBytes += size;
    const { creditItems, creditBytes } = this.#limits;
    if (this.#taken * 2 < creditItems && this.#takenBytes * 2 < creditBytes) return;
    const items = this.#taken;
    const bytes = this.#takenBytes;
    this.#taken = this.#takenBytes = 0;
    this.#grant(items, bytes);
  }

  #grant(items: number, bytes: number): void {
    this.#granted += items;
    this.#grantedBytes += bytes;
    this.#source.grant(items, bytes);
  }
}
