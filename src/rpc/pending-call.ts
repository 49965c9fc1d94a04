import type { Abortable } from "./abort-watch.js";
import type { Caller } from "./caller.js";
import type { Timed } from "./deadlines.js";
import type { ItemPump } from "./item-pump.js";
import { ItemQueue, type ItemSource } from "./item-queue.js";

const CALL: unique symbol = Symbol("sluice.rpc.call");

const NO_STREAM = { reason: undefined };

/** A promise with two properties more: `then` and `await` of a class of its own would cost twice as much. */
interface CallPromise extends Promise<unknown> {
  [CALL]?: PendingCall;
  [Symbol.asyncIterator]?: typeof iterate;
}

/** A call without an answer. Whether it is a stream, only the answer tells: so its promise can be awaited, and iterated. */
export class PendingCall implements Abortable, Timed, ItemSource {
  id = 0;
  deadline: number = Infinity;
  timeout: number = Infinity;
  signal: AbortSignal | undefined = undefined;
  input: ItemPump | undefined = undefined;
  stream: ItemQueue | undefined = undefined;
  /** Counts as an open stream. */
  counted = false;
  readonly method: string;
  readonly promise: Promise<unknown>;
  readonly #caller: Caller;
  #iterates = false;
  #isOpen = false;
  // Why it is over, if that was before anybody iterated.
  #failure: { readonly reason: unknown } | undefined = undefined;
  #resolve!: (value: unknown) => void;
  #reject!: (reason: unknown) => void;

  constructor(caller: Caller, method: string) {
    this.#caller = caller;
    this.method = method;
    const promise: CallPromise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    promise[CALL] = this;
    promise[Symbol.asyncIterator] = iterate;
    this.promise = promise;
  }

  abort(reason: unknown): void {
    this.#caller.abandon(this, reason);
  }

  /** The result has come, or the end of the stream. */
  answered(output: unknown): void {
    if (this.#isOpen) this.stream?.end();
    else if (this.stream !== undefined) this.failed(this.#noStream());
    else {
      this.#failure = NO_STREAM;
      this.#resolve(output);
    }
  }

  failed(reason: unknown): void {
    this.stream?.fail(reason);
    this.#failure = { reason };
    this.#reject(reason);
  }

  /** The answer is a stream. Whoever awaits the call gets it, and can iterate it then. */
  opened(): void {
    if (this.#isOpen) return;
    this.#isOpen = true;
    if (this.stream === undefined) {
      if (!this.#caller.takesStream(this)) return;
      this.stream = new ItemQueue(this, this.#caller.connection.limits);
    }
    this.#resolve(new Opened(this));
  }

  iterate(): AsyncIterator<unknown, undefined, undefined> {
    if (this.#iterates)
      throw new TypeError(`the stream of ${this.method} is iterated already; call the method again`);
    this.#iterates = true;
    // Errors come out of the loop; the promise that nobody awaits must not be an unhandled rejection.
    this.promise.catch(() => undefined);
    const isNew = this.stream === undefined;
    const stream = (this.stream ??= new ItemQueue(this, this.#caller.connection.limits));
    if (this.#failure !== undefined && isNew)
      stream.fail(this.#failure === NO_STREAM ? this.#noStream() : this.#failure.reason);
    else if (isNew) this.#caller.takesStream(this);
    return new StreamIterator(this, stream);
  }

  #noStream(): TypeError {
    return new TypeError(`${this.method} has answered with a value, not with a stream: await it`);
  }

  grant(items: number, bytes: number): void {
    this.#caller.grant(this, items, bytes);
  }

  stop(): void {
    this.#caller.abandon(this, undefined);
  }

  waits(): void {
    this.#caller.awaits(this);
  }
}

function iterate(this: CallPromise): AsyncIterator<unknown, undefined, undefined> {
  const call = this[CALL];
  if (call === undefined) throw new TypeError("this is no call of a client");
  return call.iterate();
}

/** What awaiting a stream gives. */
class Opened implements AsyncIterable<unknown> {
  readonly #call: PendingCall;

  constructor(call: PendingCall) {
    this.#call = call;
  }

  [Symbol.asyncIterator](): AsyncIterator<unknown, undefined, undefined> {
    return this.#call.iterate();
  }
}

/** Tells the call when its loop waits, for the time without an answer. */
class StreamIterator implements AsyncIterator<unknown, undefined, undefined> {
  readonly #call: PendingCall;
  readonly #queue: ItemQueue;

  constructor(call: PendingCall, queue: ItemQueue) {
    this.#call = call;
    this.#queue = queue;
  }

  next(): Promise<IteratorResult<unknown, undefined>> {
    const next = this.#queue.next();
    if (this.#queue.waiting) this.#call.waits();
    return next;
  }

  return(): Promise<IteratorResult<unknown, undefined>> {
    return this.#queue.return();
  }
}
