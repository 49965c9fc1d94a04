/**
 * Where a daemon's log lines go. The arguments are in pino's order, whose loggers fit as they are: what is known, then what happened.
 *
 * @example
 * ```ts run
 * import type { DaemonLogger } from "sluice/daemon";
 *
 * const line = (level: string) => (details: object, message: string) => console.log(level, message, details);
 * const logger: DaemonLogger = { debug: () => undefined, info: line("info"), warn: line("warn"), error: line("error") };
 * logger.info({ pid: 7 }, "started"); // info started { pid: 7 }
 * ```
 */
export interface DaemonLogger {
  /** What helps to find a fault. */
  debug(details: object, message: string): void;
  /** What happens in the normal course of things. */
  info(details: object, message: string): void;
  /** What an operator should know of, while the daemon goes on. */
  warn(details: object, message: string): void;
  /** What has failed. An `Error` is in `details.err`, as pino expects it. */
  error(details: object, message: string): void;
}
