import { extend } from "../../core/extend.js";
import { checkCount } from "../../core/options.js";
import { describe } from "../../core/wait.js";
import { loadCore, Poll } from "../../native/binding.js";
import { DISCONNECT, READABLE } from "../../native/constants.js";
import { fromErrno } from "../../native/errors.js";
import { ChannelError } from "../../core/errors.js";
import type { DaemonLogger } from "../logger.js";
import { encodeNotification, type NotificationFields, PATIENCE, sendNotification } from "./notification.js";
import { Watchdog, type WatchdogOptions } from "./watchdog.js";

/** Options of {@link ServiceManager}. */
export interface ServiceManagerOptions {
  /** Where failures are logged. By default they are warnings of the process, code `SLUICE_NOTIFY_FAILED`. */
  readonly logger?: Pick<DaemonLogger, "error" | "warn"> | undefined;
}

/**
 * The way to the service manager that has started this process: sd_notify(3), spoken by a datagram socket, without a library of systemd.
 *
 * Where there is no service manager (no `NOTIFY_SOCKET`) all methods do nothing. Where it cannot be reached, that is logged, and the daemon goes on: only `notify` and `barrier` reject.
 * Notifications arrive in the order of the calls. Each promise fulfils when the kernel has the notification.
 *
 * @example
 * ```ts run
 * import { ServiceManager } from "sluice/daemon";
 *
 * const manager = new ServiceManager();
 * await manager.ready("serving on /run/app.sock");
 * using watchdog = manager.watchdog();
 * await manager.stopping();
 * ```
 */
export class ServiceManager {
  /** What a successor of this process needs in its environment to speak to the same service manager; see {@link ServiceManager.mainPid}. */
  readonly environment: Readonly<Record<string, string>>;
  /** Milliseconds within which the service manager wants signs of life (`WatchdogSec=`); `undefined` when it wants none of this process. */
  readonly watchdogInterval: number | undefined;
  readonly #address: string | undefined;
  readonly #logger: ServiceManagerOptions["logger"];
  #last: Promise<void> = Promise.resolve();

  /**
   * Takes `NOTIFY_SOCKET`, `WATCHDOG_USEC` and `WATCHDOG_PID` out of the environment, so that no child speaks for this process: make one a process.
   *
   * @throws TypeError when a variable of the watchdog is no number
   */
  constructor(options: ServiceManagerOptions = {}) {
    this.#logger = options.logger;
    const address = take("NOTIFY_SOCKET");
    const usec = take("WATCHDOG_USEC");
    const pid = take("WATCHDOG_PID");
    this.#address = address === "" ? undefined : address;
    this.environment = {
      ...(this.#address === undefined ? undefined : { NOTIFY_SOCKET: this.#address }),
      ...(usec === undefined ? undefined : { WATCHDOG_USEC: usec }),
    };
    const isMeant = pid === undefined || wholeNumber("WATCHDOG_PID", pid) === process.pid;
    const interval = usec === undefined ? 0 : wholeNumber("WATCHDOG_USEC", usec) / 1000;
    this.watchdogInterval = isMeant && interval > 0 ? interval : undefined;
  }

  /** Whether there is a service manager to speak to. */
  get isPresent(): boolean {
    return this.#address !== undefined;
  }

  /** READY=1: the daemon serves, or has reloaded. A `Type=notify` unit counts as started from now on. */
  ready(status?: string): Promise<void> {
    return this.#tell({ READY: 1 }, status);
  }

  /** RELOADING=1 with the time (CLOCK_MONOTONIC, as `Type=notify-reload` wants it). `ready` ends it, also when the reload has failed. */
  reloading(status?: string): Promise<void> {
    return this.#tell({ RELOADING: 1, MONOTONIC_USEC: String(process.hrtime.bigint() / 1000n) }, status);
  }

  /** STOPPING=1: the daemon has begun to end. */
  stopping(status?: string): Promise<void> {
    return this.#tell({ STOPPING: 1 }, status);
  }

  /** STATUS: one line for people (`systemctl status`). Line breaks and other control characters become spaces. */
  status(text: string): Promise<void> {
    return this.#tell({}, text);
  }

  /** EXTEND_TIMEOUT_USEC: start, reload or stop take so many milliseconds more, from now. To be told again before they are over. */
  async extendTimeout(milliseconds: number): Promise<void> {
    checkCount("milliseconds", milliseconds, 1, 2 ** 41);
    await this.#tell({ EXTEND_TIMEOUT_USEC: milliseconds * 1000 });
  }

  /** MAINPID: another process is the daemon from now on, such as the successor in a restart. The unit needs `NotifyAccess=all` to hear that one too. */
  async mainPid(pid: number): Promise<void> {
    checkCount("pid", pid, 1, 2 ** 31 - 1);
    await this.#tell({ MAINPID: pid });
  }

  /**
   * FDSTORE=1: has the service manager keep duplicates of these descriptors (`FileDescriptorStoreMax=` of the unit) and pass them, by this name, to the next process of the service; see
   * {@link inheritedSockets}.
   *
   * @param name - printable ASCII without `:`, at most 255 characters
   * @param fds - open descriptors, 1 to 253; they stay the caller's
   */
  async store(name: string, fds: readonly number[]): Promise<void> {
    checkCount("fds.length", fds.length, 1, 253);
    for (const fd of fds) checkCount("fds", fd, 0, 2 ** 31 - 1);
    await this.#tell({ FDSTORE: 1, FDNAME: checkName(name) }, undefined, fds);
  }

  /** FDSTOREREMOVE=1: forgets the stored descriptors of this name. */
  async unstore(name: string): Promise<void> {
    await this.#tell({ FDSTOREREMOVE: 1, FDNAME: checkName(name) });
  }

  /**
   * WATCHDOG=1 at half of {@link ServiceManager.watchdogInterval}, as long as the event loop turns in time. A loop that is late, or stands still, sends none, and the service manager does
   * what the unit says (`WatchdogSec=`, `Restart=on-watchdog`). Nothing happens where none are wanted.
   *
   * @returns what ends the signs of life when it is disposed
   * @throws TypeError or RangeError for a wrong option
   */
  watchdog(options: WatchdogOptions = {}): Disposable {
    const { maxLag, isHealthy } = options;
    if (maxLag !== undefined && !(typeof maxLag === "number" && maxLag > 0))
      throw new RangeError(`options.maxLag must be milliseconds above 0, received ${describe(maxLag)}`);
    if (isHealthy !== undefined && typeof isHealthy !== "function")
      throw new TypeError(`options.isHealthy must be a function, received ${describe(isHealthy)}`);
    const interval = this.watchdogInterval;
    if (interval === undefined || this.#address === undefined)
      return {
        [Symbol.dispose]() {
          // there is nothing that goes on
        },
      };
    return new Watchdog({
      interval,
      maxLag: maxLag ?? interval / 4,
      isHealthy: isHealthy ?? (() => true),
      ping: () => void this.#tell({ WATCHDOG: 1 }),
      late: (lag) => {
        this.#logger?.warn({ lag }, "the event loop is late: no sign of life for the watchdog");
      },
    });
  }

  /** WATCHDOG=trigger: has the service manager act at once as if the watchdog had run out. */
  triggerWatchdog(): Promise<void> {
    return this.#tell({ WATCHDOG: "trigger" });
  }

  /**
   * Any assignments of sd_notify(3), in one datagram, such as `{ ERRNO: 2 }` or `{ X_MYAPP: "text" }`.
   *
   * @param fields - names and values, without line breaks
   * @param handles - descriptors that go along; they stay the caller's
   * @throws (by the promise) TypeError for a field that is none; ChannelError `ERR_NO_PEER` or `ERR_ACCESS_DENIED` when the service manager cannot be reached, `ERR_TIMEOUT` when it reads nothing for
   *   5 s, `ERR_UNSUPPORTED` for an address that is neither a path nor an abstract name
   */
  async notify(fields: NotificationFields, handles: readonly number[] = []): Promise<void> {
    const message = encodeNotification(fields);
    const address = this.#address;
    if (address === undefined) return;
    const sent = this.#last.then(() => sendNotification(address, message, handles));
    this.#last = sent.catch(() => undefined);
    await sent;
  }

  /**
   * BARRIER=1, sd_notify_barrier(3): waits until the service manager has processed all notifications before this one, for example before this process ends.
   *
   * @param options - `timeout` in milliseconds, 5,000 by default
   * @throws (by the promise) as `notify` does; ChannelError `ERR_TIMEOUT`
   */
  async barrier(options: { readonly timeout?: number | undefined } = {}): Promise<void> {
    const { timeout = PATIENCE } = options;
    checkCount("options.timeout", timeout, 0, 2 ** 31 - 1);
    if (this.#address === undefined) return;
    const core = loadCore();
    const ends = new Int32Array(2);
    const made = core.pipe(ends, 0);
    if (made < 0) throw fromErrno(made, { operation: "notify", syscall: "pipe2" });
    const [reader = -1, writer = -1] = ends;
    try {
      // The service manager closes the last descriptor of the writing end.
      await this.notify({ BARRIER: 1 }, [writer]).finally(() => core.close(writer));
      await endOf(reader, timeout);
    } finally {
      core.close(reader);
    }
  }

  async #tell(fields: NotificationFields, status?: string, fds?: readonly number[]): Promise<void> {
    const line = status === undefined ? undefined : { STATUS: oneLine(status) };
    try {
      await this.notify(line === undefined ? fields : extend(fields, line), fds);
    } catch (error) {
      const message = "the service manager could not be notified";
      if (this.#logger !== undefined) this.#logger.error({ err: error, fields }, message);
      else
        process.emitWarning(`${message}: ${String(error)}`, {
          type: "SluiceWarning",
          code: "SLUICE_NOTIFY_FAILED",
        });
    }
  }
}

function take(variable: string): string | undefined {
  const value = process.env[variable];
  Reflect.deleteProperty(process.env, variable);
  return value;
}

function wholeNumber(variable: string, value: string): number {
  if (/^[0-9]{1,15}$/.test(value)) return Number(value);
  throw new TypeError(`${variable} must be a whole number, received ${describe(value)}`);
}

function oneLine(status: unknown): string {
  if (typeof status === "string") return status.replace(/\p{Cc}+/gu, " ");
  throw new TypeError(`status must be a string, received ${describe(status)}`);
}

/** As systemd's fdname_is_valid(). */
function checkName(name: unknown): string {
  if (typeof name === "string" && /^[\x20-9;-~]{1,255}$/.test(name)) return name;
  throw new TypeError(
    `name must be 1 to 255 characters of printable ASCII without ":", received ${describe(name)}`,
  );
}

/** Waits for the end of a pipe. */
async function endOf(fd: number, timeout: number): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let poll: Poll | undefined;
  try {
    await new Promise<void>((ended, failed) => {
      poll = new Poll(fd, () => {
        ended();
      });
      poll.set(READABLE | DISCONNECT);
      timer = setTimeout(() => {
        const text = `Cannot wait for the service manager: it has not processed the notifications within ${timeout} ms`;
        failed(new ChannelError("ERR_TIMEOUT", text, { operation: "notify" }));
      }, timeout);
    });
  } finally {
    clearTimeout(timer);
    poll?.close();
  }
}
