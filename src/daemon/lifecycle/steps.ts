import type { DaemonLogger } from "../logger.js";

const { channel } = process.getBuiltinModule("node:diagnostics_channel");

/**
 * What a daemon goes through. Each is a log line and an event.
 *
 * - `"starting"`, `"listening"` (for each socket), `"started"`
 * - `"signal"`: one of those that it handles has come
 * - `"reloading"`, then `"reloaded"`, or `"reload-failed"`: the old configuration stays
 * - `"stopping"`, `"hurrying"` (the deadline is now), `"drained"` (no call is in flight any more), `"stopped"`
 * - `"failed"`: a function of the user's has thrown, or did not end by the deadline, or an error was caught nowhere
 * - `"reaped"`: a process that it was handed has ended
 */
export type DaemonStep =
  | "starting"
  | "listening"
  | "started"
  | "signal"
  | "reloading"
  | "reloaded"
  | "reload-failed"
  | "stopping"
  | "hurrying"
  | "drained"
  | "stopped"
  | "failed"
  | "reaped";

/**
 * What is published through `node:diagnostics_channel` as `sluice:daemon`, at each step, before `runDaemon` goes on.
 *
 * @example
 * ```ts run
 * import { subscribe } from "node:diagnostics_channel";
 * import type { DaemonEvent } from "sluice/daemon";
 *
 * subscribe("sluice:daemon", (event) => {
 *   const { step, details } = event as DaemonEvent;
 *   if (step === "reload-failed") console.log("alert the operator", details);
 * });
 * ```
 */
export interface DaemonEvent {
  /** The daemon's name. */
  readonly name: string;
  /** What has happened. */
  readonly step: DaemonStep;
  /** What is known of it; the log line has the same. */
  readonly details: object;
}

/** Tells each step to the log and to whoever has subscribed. */
export class Steps {
  readonly #name: string;
  readonly #logger: DaemonLogger;
  // Kept here: node forgets a channel that nobody holds and nobody has subscribed to.
  readonly #topic = channel("sluice:daemon");

  constructor(name: string, logger: DaemonLogger) {
    this.#name = name;
    this.#logger = logger;
  }

  tell(level: keyof DaemonLogger, step: DaemonStep, message: string, details: object = {}): void {
    if (this.#topic.hasSubscribers) this.#topic.publish({ name: this.#name, step, details });
    try {
      this.#logger[level](Object.assign({ step }, details), message);
    } catch (error) {
      // A log that fails must not keep a daemon from stopping.
      process.emitWarning(error as Error);
    }
  }

  /** Something of the user's has failed, and the daemon goes on. */
  failed(what: string, err: unknown): void {
    this.tell("error", "failed", `${what} failed`, { err });
  }
}
