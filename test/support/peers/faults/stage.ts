// Where one operation is played: it knows everything that was opened, so that all of it can be ended afterwards, whatever went wrong in between.
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { ChannelError, type ErrorCode } from "sluice";

interface Endable {
  close(): unknown;
  destroy?(): void;
  readonly closed?: Promise<void>;
}

/** What an operation with both ends in this process is. */
export type Operation = (stage: Stage) => Promise<void>;

const CODES: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "ERR_CHANNEL_CLOSED",
  "ERR_END_OF_CHANNEL",
  "ERR_PEER_DIED",
  "ERR_NO_PEER",
  "ERR_ADDRESS_IN_USE",
  "ERR_ACCESS_DENIED",
  "ERR_MESSAGE_TOO_LARGE",
  "ERR_MESSAGE_TRUNCATED",
  "ERR_INVALID_MESSAGE",
  "ERR_TIMEOUT",
  "ERR_UNSUPPORTED",
  "ERR_OWNER_DIED",
  "ERR_SYSTEM",
]);

/** Marks the end of a wait that nobody ended. */
class Stuck extends Error {}

/** One performance. */
export class Stage {
  readonly folder: string = mkdtempSync(path.join(tmpdir(), "sluice-faults-"));
  /** What should not have happened, a sentence each. */
  readonly problems: string[] = [];
  /** The errors that were met, as they may be met. */
  readonly errors: ChannelError[] = [];
  readonly #open = new Set<Endable>();
  readonly #deferred: (() => unknown)[] = [];
  readonly #leaves = new Set<string>();
  #over = false;

  /** Remembers what is to be ended afterwards. */
  own<T extends Endable>(endable: T): T {
    if (this.#over) void this.#end(endable);
    else this.#open.add(endable);
    return endable;
  }

  /** Removes what outlives its channels by design. */
  defer(action: () => unknown): void {
    this.#deferred.push(action);
  }

  /** A path in the folder of this performance; `leaves` says that a file may stay there. */
  path(name: string, leaves = false): string {
    if (leaves) this.#leaves.add(name);
    return path.join(this.folder, name);
  }

  problem(text: string): void {
    this.problems.push(text);
  }

  /** Takes note of an error that a caller was given: only a documented one will do. */
  met(error: unknown, during: string): void {
    if (error instanceof ChannelError && CODES.has(error.code)) this.errors.push(error);
    else if (error instanceof AggregateError) for (const one of error.errors) this.met(one, during);
    else this.problem(`${during}: not a ChannelError but ${describe(error)}`);
  }

  /** Waits for something that has to come to an end, one way or the other. */
  async settles<T>(what: string, milliseconds: number, promise: Promise<T>): Promise<T> {
    const timer = new AbortController();
    const stuck = delay(milliseconds, undefined, { signal: timer.signal }).then(
      () => Promise.reject(new Stuck(`${what} does not end`)),
      () => promise,
    );
    try {
      return await Promise.race([promise, stuck]);
    } finally {
      timer.abort();
    }
  }

  /** Plays the operation, and ends everything. `calm` is called before the end: from then on nothing may go wrong. */
  async play(operation: Operation, milliseconds: number, calm: () => void): Promise<void> {
    try {
      await this.settles("the operation", milliseconds, operation(this));
    } catch (error) {
      if (error instanceof Stuck) this.problem(`HANG: ${error.message}`);
      else this.met(error, "the operation");
    }
    try {
      await this.settles("releasing all that was open", milliseconds, this.#release());
    } catch (error) {
      if (error instanceof Stuck) this.problem(`HANG: ${error.message}`);
      else throw error;
    }
    calm();
    for (const action of this.#deferred) await action();
    for (const name of readdirSync(this.folder)) {
      if (!this.#leaves.has(name)) this.problem(`LEAK: file ${name}`);
    }
    rmSync(this.folder, { recursive: true });
  }

  async #release(): Promise<void> {
    this.#over = true;
    await Promise.all([...this.#open].map((endable) => this.#end(endable)));
  }

  async #end(endable: Endable): Promise<void> {
    try {
      await end(endable);
    } catch (error) {
      this.met(error, "closing");
    }
  }
}

async function end(endable: Endable): Promise<void> {
  endable.destroy?.();
  await (endable.closed ?? endable.close());
}

export function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.stack ?? error.message;
}
