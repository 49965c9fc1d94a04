import { ChannelError } from "../../core/errors.js";
import { DISPOSITION_DEFAULT, loadCore } from "../../native/binding.js";
import type { Credentials } from "../../core/channel.js";
import { Signal } from "../../mechanisms/signal/signal.js";
import type { DaemonLogger } from "../logger.js";
import { type Folder, openFolder, openRuntimeDirectory } from "../runtime-directory.js";
import { inheritedSockets } from "../systemd/inherited-sockets.js";
import { ServiceManager } from "../systemd/service-manager.js";
import { Deadline } from "./deadline.js";
import { InstanceLock } from "./instance-lock.js";
import { checkDaemonOptions, type DaemonContext, type DaemonOptions } from "./options.js";
import { Reaper } from "./reaper.js";
import { type Deferred, type Drainable, type Releasable, Resources } from "./resources.js";
import {
  type DaemonSocketOptions,
  type DaemonSockets,
  type DaemonSocketTable,
  isListener,
  isListening,
  openSocket,
  type OpenSocket,
} from "./sockets.js";
import { stderrLogger } from "./stderr-logger.js";
import { Steps } from "./steps.js";
import { Succession } from "./succession.js";

const { constants } = process.getBuiltinModule("node:os");
const { isMainThread } = process.getBuiltinModule("node:worker_threads");

const STOP_TIMEOUT = 10_000;
/** What still keeps the process alive so many milliseconds after all was released has no part in the daemon. */
const LINGER = 1000;
/** The longest interval that a timer of Node takes. */
const FOREVER = 2 ** 31 - 1;

/** What a daemon is doing. */
export type DaemonState = "starting" | "running" | "stopping" | "stopped";

/** A daemon that runs in this process. */
export interface Daemon {
  /** Its name. */
  readonly name: string;
  /** What it is doing. */
  readonly state: DaemonState;
  /** Where its files are; absolute. */
  readonly runtimeDirectory: string;
  /** Fulfils with the exit code when it has stopped: 0, or 1 after a failure. It never rejects. */
  readonly finished: Promise<number>;
  /**
   * Does what SIGHUP does: reads the configuration and hands it to `onReload`. One reload runs at a time; however many are asked for meanwhile, one more follows.
   *
   * @returns a promise that fulfils when the new configuration is in place. It rejects with what failed, and the old one stays; with a ChannelError `ERR_CHANNEL_CLOSED` when the daemon stops
   */
  reload(): Promise<void>;
  /**
   * Does what SIGTERM does. Called again it hurries: the deadline is now.
   *
   * @param reason - for the log, and the reason of `context.signal`
   * @returns `finished`
   */
  stop(reason?: string): Promise<number>;
}

/** Signals, locks and exit codes are the process's: there can be one. */
let running: string | undefined;

/**
 * Runs a daemon: one instance of it, until SIGTERM or SIGINT.
 *
 * - **Start**: the runtime directory is made and checked, the lock on `NAME.pid` taken (it is held for life, and freed by the kernel however the process ends), the configuration read, the sockets
 *   opened, `onStart` called.
 * - **SIGHUP** reloads. A failed reload leaves the old configuration in place and says so.
 * - **SIGTERM and SIGINT** stop it in order: `context.signal` fires, the sockets accept nobody any more, what was given to `drain` ends its calls in flight, `onStop` is called, what was given to `use` and `defer` is
 *   released, sockets, pid file and the folder, if it was made here, are removed, and the exit code is 0. At `stopTimeout`, and at a second signal, calls are cut off; what then does not end within a second is left alone.
 * - **An error that nobody has caught** stops it in the same order, with exit code 1; so does a failure on the way down.
 * - With `handOver` a second start takes the place of the first, without a connection refused: see {@link offerSockets}.
 * - SIGPIPE is ignored. As process 1 of a container it takes notice of the end of processes that it is handed.
 *
 * Each step is a log line and an event, {@link DaemonEvent}.
 *
 * @param options - name, sockets and what to do
 * @returns a promise that fulfils when the daemon has started, or was told to stop meanwhile (see {@link Daemon.state})
 * @throws (by the promise) TypeError or RangeError for a wrong option; ChannelError `ERR_ADDRESS_IN_USE` when another process runs it (the text says which), or this process
 *   runs a daemon already; `ERR_ACCESS_DENIED` for a runtime directory that is not to be trusted; `ERR_UNSUPPORTED` in a worker thread and without the native core; what
 *   `loadConfig` and `onStart` throw. All that had been opened is released before
 * Source: daemon(7), signal(7)
 * @example
 * ```ts run
 * import { runDaemon } from "sluice/daemon";
 * import { serve } from "sluice/rpc";
 *
 * const daemon = await runDaemon({
 *   name: `sluice-example-${process.pid}`,
 *   sockets: { control: {} },
 *   onStart({ sockets, drain }) {
 *     drain(serve(sockets.control, { ping: () => "pong" }));
 *   },
 * });
 * console.log(await daemon.stop("the example is over")); // 0
 * ```
 */
export async function runDaemon<
  Config = undefined,
  const Sockets extends DaemonSocketTable = DaemonSocketTable,
>(options: DaemonOptions<Config, Sockets>): Promise<Daemon> {
  checkDaemonOptions(options as unknown as DaemonOptions<unknown, DaemonSocketTable>);
  const { name } = options;
  const refused = `Cannot start daemon "${name}": `;
  if (!isMainThread) {
    const text = `${refused}this is a worker thread, and signals and exit codes are the main thread's; start it there`;
    throw new ChannelError("ERR_UNSUPPORTED", text, { operation: "start" });
  }
  if (running !== undefined) {
    const text = `${refused}this process (${process.pid}) runs daemon "${running}" already; stop that one first, or start a process for each`;
    throw new ChannelError("ERR_ADDRESS_IN_USE", text, { operation: "start", address: name });
  }
  running = name;
  const run = new DaemonRun(options);
  await run.start();
  return run;
}

class DaemonRun<Config, Sockets extends DaemonSocketTable> implements Daemon, DaemonContext<Config, Sockets> {
  readonly name: string;
  readonly finished: Promise<number>;
  readonly logger: DaemonLogger;
  readonly serviceManager: ServiceManager;
  readonly drain: <T extends Drainable>(server: T) => T;
  readonly use: <T extends Releasable>(resource: T) => T;
  readonly defer: (release: Deferred) => void;
  sockets!: DaemonSockets<Sockets>;
  readonly #options: DaemonOptions<Config, Sockets>;
  readonly #steps: Steps;
  readonly #resources: Resources;
  readonly #stopping = new AbortController();
  readonly #sockets = new Map<string, OpenSocket>();
  /** What the process has as long as the daemon lives. */
  readonly #attachments: Disposable[] = [];
  #state: DaemonState = "starting";
  #config!: Config;
  #lock: InstanceLock | undefined;
  #succession: Succession | undefined;
  #starting: Promise<void> | undefined;
  /** The last reload that was asked for, and whether it has yet to begin. */
  #reload: Promise<void> = Promise.resolve();
  #isReloadQueued = false;
  #deadline: Deadline | undefined;
  #started = false;
  #exitCode = 0;
  #finish!: (code: number) => void;

  constructor(options: DaemonOptions<Config, Sockets>) {
    this.name = options.name;
    this.#options = options;
    this.logger = options.logger ?? stderrLogger(options.name);
    this.serviceManager = options.serviceManager ?? new ServiceManager({ logger: this.logger });
    this.#steps = new Steps(options.name, this.logger);
    const resources = new Resources(this.#steps);
    this.#resources = resources;
    // Functions of their own, so that they can be taken out of the context.
    this.drain = (server) => resources.drain(server);
    this.use = (resource) => resources.use(resource);
    this.defer = (release) => resources.defer(release);
    this.finished = new Promise((resolve) => {
      this.#finish = resolve;
    });
  }

  get state(): DaemonState {
    return this.#state;
  }

  get runtimeDirectory(): string {
    return this.#lock?.folder.path ?? "";
  }

  get config(): Config {
    return this.#config;
  }

  get signal(): AbortSignal {
    return this.#stopping.signal;
  }

  // ---- starting ---------------------------------------------------------------------------------------------------

  async start(): Promise<void> {
    try {
      this.#attach();
      this.#steps.tell("info", "starting", "starting", { pid: process.pid });
      this.#starting = this.#begin();
      // A start that does not end has been given up when the daemon has stopped.
      await Promise.race([this.#starting, this.finished]);
    } catch (error) {
      // Told to stop: the stop tells what becomes of it, and finishes.
      if (this.#deadline !== undefined) {
        if (error !== this.signal.reason) this.#fail("starting", error);
        return;
      }
      this.#fail("starting", error);
      await this.#stop("the start has failed", false);
      throw error;
    }
  }

  async #begin(): Promise<void> {
    const { name, runtimeDirectory: path, sockets = {}, inherited = inheritedSockets() } = this.#options;
    const { loadConfig, onStart, handOver } = this.#options;
    const open = (): Folder => (path === undefined ? openRuntimeDirectory(name) : openFolder(path));
    this.#lock = await (handOver === true
      ? this.#comeAfter(open)
      : InstanceLock.acquire(name, open, this.signal));
    if (loadConfig !== undefined) this.#config = await loadConfig(this.signal);
    for (const [socket, options] of Object.entries<DaemonSocketOptions>(sockets)) {
      this.signal.throwIfAborted();
      const taken = this.#succession?.listen(socket, options);
      const opened = await (taken ??
        openSocket(socket, options, this.#lock.folder.path, inherited.get(socket)?.[0]));
      this.#sockets.set(socket, opened);
      this.#steps.tell("info", "listening", `listening on ${socket}`, { socket, address: opened.address });
    }
    this.signal.throwIfAborted();
    this.sockets = Object.fromEntries(this.#sockets) as unknown as DaemonSockets<Sockets>;
    this.#started = true;
    await onStart?.(this);
    this.signal.throwIfAborted();
    await this.#succession?.succeed();
    this.#lock.own();
    this.#state = "running";
    this.#steps.tell("info", "started", "started", { runtimeDirectory: this.runtimeDirectory });
    await this.serviceManager.ready();
    this.#attachments.push(this.serviceManager.watchdog());
    await this.#succession?.offer(
      Object.fromEntries([...this.#sockets].filter(isListening)),
      this.#lock,
      this.logger,
      ({ pid }) => {
        // A stop that has begun by itself meanwhile is not to be hurried by it.
        if (this.#deadline === undefined) void this.#stop(`process ${pid} has taken its place`, true);
      },
    );
  }

  /** The lock of whoever runs the daemon now, or a new one. */
  async #comeAfter(open: () => Folder): Promise<InstanceLock> {
    const { path, created } = open();
    const succession = await Succession.begin(path, this.name, this.signal);
    this.#succession = succession;
    const { lock, createdFolder } = succession;
    if (lock !== undefined) return InstanceLock.inherit(this.name, { path, created: createdFolder }, lock);
    const openAgain = (): Folder => {
      const folder = open();
      return { path: folder.path, created: created || folder.created };
    };
    return InstanceLock.acquire(this.name, openAgain, this.signal);
  }

  /** Takes what is the process's: signals, uncaught errors, orphans. */
  #attach(): void {
    const keepAlive = setInterval(() => undefined, FOREVER);
    this.#attachments.push({ [Symbol.dispose]: () => clearInterval(keepAlive) });
    const core = loadCore();
    // Node ignores SIGPIPE from its start on, unless somebody has reset it.
    if (core.signalDisposition(constants.signals.SIGPIPE) === DISPOSITION_DEFAULT) Signal.ignore("SIGPIPE");
    const { onSignal = {}, exit = true, reap = process.pid === 1 } = this.#options;
    for (const name of ["SIGTERM", "SIGINT"] as const) this.#on(name, () => void this.stop(name));
    this.#on("SIGHUP", () => {
      // The log says what has failed, and nobody else has asked.
      this.reload().catch(() => undefined);
    });
    for (const name of ["SIGUSR1", "SIGUSR2"] as const) {
      this.#on(name, () => {
        if (this.#state !== "running") return;
        Promise.resolve(this)
          .then(onSignal[name])
          .catch((error: unknown) => this.#steps.failed(`the action of ${name}`, error));
      });
    }
    if (reap) {
      this.#attachments.push(
        new Reaper((pid) => this.#steps.tell("debug", "reaped", "reaped an orphan", { pid })),
      );
    }
    if (!exit) return;
    const uncaught = (error: unknown, origin: string): void => {
      this.#fail(origin, error);
      if (this.#state === "stopped") process.exit(1);
      void this.#stop(origin, true);
    };
    process.on("uncaughtException", uncaught);
    this.#attachments.push({ [Symbol.dispose]: () => process.off("uncaughtException", uncaught) });
  }

  #on(name: "SIGTERM" | "SIGINT" | "SIGHUP" | "SIGUSR1" | "SIGUSR2", handler: () => void): void {
    const registration = Signal.on(name, (_message, sender: Credentials | undefined) => {
      this.#steps.tell("info", "signal", `received ${name}`, { signal: name, sender });
      handler();
    });
    this.#attachments.push(registration);
  }

  // ---- reloading --------------------------------------------------------------------------------------------------

  reload(): Promise<void> {
    if (!this.#isReloadQueued) {
      this.#isReloadQueued = true;
      // A reload that is asked for during the start comes after it.
      const before = this.#state === "starting" ? this.#starting : this.#reload;
      this.#reload = Promise.resolve(before)
        .catch(() => undefined)
        .then(() => this.#reloadOnce());
      this.#reload.catch(() => undefined); // for whoever calls reload; the log has it
    }
    return this.#reload;
  }

  async #reloadOnce(): Promise<void> {
    this.#isReloadQueued = false;
    if (this.#state !== "running") {
      const text = `Cannot reload daemon "${this.name}": it is ${this.#state}`;
      throw new ChannelError("ERR_CHANNEL_CLOSED", text, { operation: "reload" });
    }
    const { loadConfig, onReload } = this.#options;
    this.#steps.tell("info", "reloading", "reloading");
    await this.serviceManager.reloading();
    try {
      const config = loadConfig === undefined ? this.#config : await loadConfig(this.signal);
      await onReload?.(config, this);
      this.#config = config;
      this.#steps.tell("info", "reloaded", "reloaded");
    } catch (err) {
      this.#steps.tell("error", "reload-failed", "the reload failed, and the old configuration stays", {
        err,
      });
      throw err;
    } finally {
      if (!this.signal.aborted) await this.serviceManager.ready();
    }
  }

  // ---- stopping ---------------------------------------------------------------------------------------------------

  stop(reason = "stop() was called"): Promise<number> {
    void this.#stop(reason, true);
    return this.finished;
  }

  /** With `ends` the process ends with the daemon, unless the options say otherwise. */
  async #stop(reason: string, ends: boolean): Promise<void> {
    if (this.#state === "stopped") {
      // Nothing but what has no part in the daemon keeps the process alive.
      if (this.#options.exit !== false) process.exit(this.#exitCode);
      return;
    }
    if (this.#deadline !== undefined) {
      this.#steps.tell("warn", "hurrying", "hurrying: calls in flight are cut off", { reason });
      this.#deadline.hurry();
      return;
    }
    const deadline = new Deadline(this.#options.stopTimeout ?? STOP_TIMEOUT);
    this.#deadline = deadline;
    this.#state = "stopping";
    this.#steps.tell("info", "stopping", "stopping", { reason });
    const resources = this.#resources;
    this.#stopping.abort(new DOMException(`The daemon stops: ${reason}`, "AbortError"));
    // Before the listeners are closed: a successor that comes later finds nobody, and one that has come finds everything.
    await this.#settled("ending the hand-over", this.#succession?.end(), deadline);
    const successor = this.#succession?.successor;
    if (successor !== undefined) this.#lock?.leave();
    const manager = this.serviceManager;
    const notice = successor === undefined ? manager.stopping() : manager.mainPid(successor.pid);
    const notified = this.#settled("telling the service manager", notice, deadline);
    const good = [
      await this.#settled("starting", this.#starting, deadline),
      await this.#drain(deadline),
      await this.#settled("reloading", this.#reload, deadline),
      await notified,
    ];
    this.#steps.tell("info", "drained", "drained");
    const { onStop } = this.#options;
    if (onStop !== undefined && this.#started)
      good.push(await resources.attempt("onStop", deadline, () => onStop(this, deadline.signal)));
    good.push(await resources.release(deadline), await this.#closeSockets(deadline));
    for (const error of this.#lock?.release() ?? [])
      this.#steps.tell("warn", "failed", "a file stays behind, for want of rights", { err: error });
    if (!good.every(Boolean)) this.#exitCode = 1;
    deadline.clear();
    this.#end(ends);
  }

  /** Waits for what tells of its failure by itself. */
  async #settled(what: string, work: Promise<unknown> | undefined, deadline: Deadline): Promise<boolean> {
    return await this.#resources.attempt(what, deadline, () => work?.catch(() => undefined));
  }

  /** The servers first: a listener that is closed under its server would be closed without a deadline. */
  async #drain(deadline: Deadline): Promise<boolean> {
    const drained = this.#resources.closeServers(deadline);
    const hurry = (): void => void this.#resources.closeServers(deadline);
    deadline.signal.addEventListener("abort", hurry);
    const listeners = [...this.#sockets.values()].filter(isListener);
    const closing = listeners.map((each) =>
      this.#resources.attempt("closing a listener", deadline, () => each.close()),
    );
    const good = (await Promise.all([drained, ...closing])).every(Boolean);
    deadline.signal.removeEventListener("abort", hurry);
    return good;
  }

  /** The datagram sockets: answers may leave over them to the end. */
  async #closeSockets(deadline: Deadline): Promise<boolean> {
    const closing = [...this.#sockets.values()]
      .filter((socket) => !isListener(socket))
      .map((socket) =>
        this.#resources.attempt("closing a socket", deadline, () =>
          socket.close({ deadline: Math.min(deadline.remaining, FOREVER) }),
        ),
      );
    return (await Promise.all(closing)).every(Boolean);
  }

  #end(ends: boolean): void {
    const { exit = true } = this.#options;
    const code = this.#exitCode;
    this.#state = "stopped";
    this.#steps.tell("info", "stopped", "stopped", { code });
    running = undefined;
    const [keepAlive, ...others] = this.#attachments;
    keepAlive?.[Symbol.dispose]();
    if (exit && ends) {
      // Signals stay handled: one that comes now must not become the way the process ends.
      if (code !== 0) process.exitCode = code;
      setTimeout(() => {
        const kept = process.getActiveResourcesInfo();
        this.#steps.tell("warn", "failed", "something keeps the process alive, which exits now", { kept });
        process.exit(code);
      }, LINGER).unref();
    } else {
      for (const attachment of others) attachment[Symbol.dispose]();
    }
    this.#finish(code);
  }

  /** Something has failed that makes the exit code 1. */
  #fail(what: string, error: unknown): void {
    this.#exitCode = 1;
    this.#steps.failed(what, error);
  }
}
