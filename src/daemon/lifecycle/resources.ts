import type { CloseOptions } from "../../core/channel.js";
import { describe } from "../../core/wait.js";
import type { Deadline } from "./deadline.js";
import type { Steps } from "./steps.js";

/** What `close` ends in an orderly way by a deadline: a server of `sluice/rpc`, a channel, a publisher. */
export interface Drainable {
  /** Takes nothing new, and fulfils when what was begun has ended, at the latest after `deadline` milliseconds. */
  close(options?: CloseOptions): Promise<unknown>;
}

/** What can be released: by `Symbol.asyncDispose`, `Symbol.dispose` or `close`. */
export type Releasable =
  | AsyncDisposable
  | Disposable
  | {
      /** Releases it. */
      close(): unknown;
    };

/** Releases something; the signal fires at the deadline. */
export type Deferred = (deadline: AbortSignal) => unknown;

/** The longest delay that a timer of Node takes. */
const MAX_DELAY = 2 ** 31 - 1;

/** What a daemon has registered to be ended with it. */
export class Resources {
  readonly #drains: Drainable[] = [];
  readonly #deferred: Deferred[] = [];
  readonly #steps: Steps;
  // Set once it has begun: what is registered later is ended at once.
  #draining: Deadline | undefined;
  #releasing: Deadline | undefined;

  constructor(steps: Steps) {
    this.#steps = steps;
  }

  drain<T extends Drainable>(server: T): T {
    if (typeof (server as Partial<Drainable> | null | undefined)?.close !== "function") {
      throw new TypeError(`server must have a method close, received ${describe(server)}`);
    }
    this.#drains.push(server);
    if (this.#draining !== undefined) void this.closeServers(this.#draining);
    return server;
  }

  use<T extends Releasable>(resource: T): T {
    const {
      [Symbol.asyncDispose]: asyncDispose,
      [Symbol.dispose]: dispose,
      close,
    } = (resource ?? {}) as Partial<AsyncDisposable & Disposable & { close(): unknown }>;
    const release = asyncDispose ?? dispose ?? close;
    if (typeof release !== "function") {
      throw new TypeError(
        `resource must have a method Symbol.asyncDispose, Symbol.dispose or close, received ${describe(resource)}`,
      );
    }
    this.defer(() => release.call(resource));
    return resource;
  }

  defer(release: Deferred): void {
    if (typeof release !== "function")
      throw new TypeError(`release must be a function, received ${describe(release)}`);
    this.#deferred.push(release);
    if (this.#releasing !== undefined) void this.release(this.#releasing);
  }

  /** Closes all servers at a time. Call it again when the deadline was brought forward. */
  async closeServers(deadline: Deadline): Promise<boolean> {
    this.#draining = deadline;
    const remaining = Math.min(deadline.remaining, MAX_DELAY);
    const close = (server: Drainable): Promise<boolean> =>
      this.attempt("closing a server", deadline, () => server.close({ deadline: remaining }));
    return (await Promise.all(this.#drains.map(close))).every(Boolean);
  }

  /** Releases what was deferred, the last first, one after the other. A failure keeps nothing else from being released. */
  async release(deadline: Deadline): Promise<boolean> {
    this.#releasing = deadline;
    let good = true;
    for (let release = this.#deferred.pop(); release !== undefined; release = this.#deferred.pop()) {
      const work = release;
      good = (await this.attempt("releasing a resource", deadline, () => work(deadline.signal))) && good;
    }
    return good;
  }

  /** Does something that may fail or not end. Returns whether it has ended well; what went wrong is told. */
  async attempt(what: string, deadline: Deadline, work: () => unknown): Promise<boolean> {
    try {
      if (await deadline.within(Promise.resolve().then(work))) return true;
      this.#steps.tell("error", "failed", `${what} did not end by the deadline`);
    } catch (error) {
      this.#steps.failed(what, error);
    }
    return false;
  }
}
