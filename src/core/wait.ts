import type { WaitOptions } from "./channel.js";

/** A promise that somebody waits for, with the bounds of its wait. It stands in a {@link WaitList} until it is settled. */
export class Wait<T> {
  readonly promise: Promise<T>;
  #fulfil!: (value: T) => void;
  #reject!: (reason: unknown) => void;
  #list: List | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #signal: AbortSignal | undefined;

  constructor() {
    this.promise = new Promise<T>((fulfil, reject) => {
      this.#fulfil = fulfil;
      this.#reject = reject;
    });
  }

  /** Puts this wait at the end of a list, out of the one in which it stood; its bounds stay. */
  join(list: List): void {
    this.#list?.remove(this);
    this.#list = list;
    list.append(this);
  }

  /** Ends the wait when the options say so. */
  bound(options: WaitOptions | undefined, timeoutError: () => Error): void {
    const { signal, timeout } = options ?? {};
    if (signal !== undefined) {
      this.#signal = signal;
      watchAbort(signal, this);
    }
    if (timeout === 0) this.reject(timeoutError());
    else if (timeout !== undefined && timeout !== Infinity) {
      this.#timer = setTimeout(() => {
        this.reject(timeoutError());
      }, timeout);
    }
  }

  fulfil(value: T): void {
    this.#leave();
    this.#fulfil(value);
  }

  reject(reason: unknown): void {
    this.#leave();
    this.#reject(reason);
  }

  #leave(): void {
    if (this.#timer !== undefined) clearTimeout(this.#timer);
    if (this.#signal !== undefined) unwatchAbort(this.#signal, this);
    this.#timer = undefined;
    this.#signal = undefined;
    const list = this.#list;
    this.#list = undefined;
    list?.remove(this);
  }
}

interface Rejectable {
  reject(reason: unknown): void;
}

/** Who waits under a signal, and the one listener that they share: Node warns of a leak from the eleventh on. */
interface AbortWatch {
  readonly waits: Set<Rejectable>;
  readonly onAbort: () => void;
}

const abortWatches = new WeakMap<AbortSignal, AbortWatch>();

function watchAbort(signal: AbortSignal, wait: Rejectable): void {
  let watch = abortWatches.get(signal);
  if (watch === undefined) {
    const waits = new Set<Rejectable>();
    const onAbort = (): void => {
      for (const each of waits) each.reject(signal.reason);
    };
    watch = { waits, onAbort };
    abortWatches.set(signal, watch);
    signal.addEventListener("abort", onAbort, { once: true });
  }
  watch.waits.add(wait);
}

function unwatchAbort(signal: AbortSignal, wait: Rejectable): void {
  const watch = abortWatches.get(signal);
  if (watch?.waits.delete(wait) !== true || watch.waits.size > 0) return;
  signal.removeEventListener("abort", watch.onAbort);
  abortWatches.delete(signal);
}

interface List {
  append(wait: object): void;
  remove(wait: object): void;
}

/** Waits in the order in which they began. Any of them can leave at any time, at no cost to the others. */
export class WaitList<W extends Rejectable> {
  // Mostly one waits at a time, at most: then no set is made or touched. While `#only` is there the set is empty.
  #only: W | undefined;
  #waits: Set<W> | undefined;
  readonly #onEmpty: (() => void) | undefined;

  /** @param onEmpty - called when the last wait has left */
  constructor(onEmpty?: () => void) {
    this.#onEmpty = onEmpty;
  }

  get size(): number {
    return this.#only === undefined ? (this.#waits?.size ?? 0) : 1;
  }

  first(): W | undefined {
    if (this.#only !== undefined || this.#waits === undefined || this.#waits.size === 0) return this.#only;
    for (const wait of this.#waits) return wait;
    return undefined;
  }

  append(wait: W): void {
    if (this.size === 0) {
      this.#only = wait;
      return;
    }
    this.#waits ??= new Set();
    if (this.#only !== undefined) {
      this.#waits.add(this.#only);
      this.#only = undefined;
    }
    this.#waits.add(wait);
  }

  remove(wait: W): void {
    if (this.#only === wait) this.#only = undefined;
    else if (this.#waits?.delete(wait) !== true || this.#waits.size > 0) return;
    this.#onEmpty?.();
  }

  /** Rejects all, each with an error of its own. */
  rejectAll(error: () => unknown): void {
    this.#only?.reject(error());
    for (const wait of this.#waits ?? []) wait.reject(error());
  }
}

/** Throws what is wrong with these bounds: a `TypeError`, a `RangeError`, or the reason of a signal that has fired. */
export function checkWaitOptions(options: WaitOptions): void {
  if (options === null || typeof options !== "object") {
    throw new TypeError(`options must be an object, received ${describe(options)}`);
  }
  const { signal, timeout } = options;
  if (timeout !== undefined) checkDuration("timeout", timeout);
  if (signal === undefined) return;
  if (!(signal instanceof AbortSignal))
    throw new TypeError(`options.signal must be an AbortSignal, received ${describe(signal)}`);
  signal.throwIfAborted();
}

/** The longest delay that a timer of Node takes, in milliseconds: 24.8 days. */
const MAX_DELAY = 2 ** 31 - 1;

/** Throws unless the value is a time in milliseconds that a timer can take. */
export function checkDuration(name: string, value: number): void {
  if (typeof value !== "number")
    throw new TypeError(`options.${name} must be a number of milliseconds, received ${describe(value)}`);
  if (!(value >= 0) || (value > MAX_DELAY && value !== Infinity)) {
    throw new RangeError(
      `options.${name} must be 0 to ${MAX_DELAY} milliseconds or Infinity, received ${String(value)}`,
    );
  }
}

/** A value, short, for an error text. */
export function describe(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value);
  if (value === null || value === undefined || typeof value === "number" || typeof value === "boolean")
    return String(value);
  if (typeof value === "bigint") return `${String(value)}n`;
  if (typeof value === "function") return `a function${value.name === "" ? "" : ` ${value.name}`}`;
  if (typeof value === "symbol") return value.toString();
  const name: unknown = (value as { constructor?: { name?: unknown } }).constructor?.name;
  return typeof name === "string" && name !== "" ? `an instance of ${name}` : "an object";
}
