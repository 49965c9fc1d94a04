import { checkOptions } from "../../core/options.js";
import { checkDuration, describe } from "../../core/wait.js";
import type { DaemonLogger } from "../logger.js";
import { checkName } from "../runtime-directory.js";
import type { InheritedSocket } from "../systemd/inherited-sockets.js";
import type { ServiceManager } from "../systemd/service-manager.js";
import type { Deferred, Drainable, Releasable } from "./resources.js";
import type { DaemonSockets, DaemonSocketTable } from "./sockets.js";

/** What the functions of a daemon are given. */
export interface DaemonContext<Config = undefined, Sockets extends DaemonSocketTable = DaemonSocketTable> {
  /** The daemon's name. */
  readonly name: string;
  /** Where its files are; absolute. */
  readonly runtimeDirectory: string;
  /** What `loadConfig` gave last, once `onReload` has taken it. */
  readonly config: Config;
  /** The open sockets by their names. */
  readonly sockets: DaemonSockets<Sockets>;
  /** The log. */
  readonly logger: DaemonLogger;
  /** Who has started this process, for what else there is to tell it, such as `status`. */
  readonly serviceManager: ServiceManager;
  /** Fires when the daemon begins to stop. */
  readonly signal: AbortSignal;
  /**
   * Registers what has peers that are to be served to the end, such as a server of `sluice/rpc`. At the stop all of them are closed first, with what is left of `stopTimeout` as `deadline`, and
   * again with a deadline of 0 when the stop is hurried.
   *
   * @returns the server
   */
  readonly drain: <T extends Drainable>(server: T) => T;
  /**
   * Registers what is to be released at the stop, after `onStop`: the last first, one after the other.
   *
   * @returns the resource
   */
  readonly use: <T extends Releasable>(resource: T) => T;
  /** Registers a function, as {@link DaemonContext.use}. It is awaited until a second after the deadline, at which its signal fires. */
  readonly defer: (release: Deferred) => void;
}

/** Options of {@link runDaemon}. */
export interface DaemonOptions<Config, Sockets extends DaemonSocketTable> {
  /** Its name, as of {@link runtimeDirectory}: there is one instance of it in a runtime directory. */
  readonly name: string;
  /** The folder for its sockets and pid file, made with mode 0700 if it is missing and checked like any other. `runtimeDirectory(name)` by default. */
  readonly runtimeDirectory?: string | undefined;
  /** The sockets, opened before `onStart` by `UnixSocket.listen` and `bind`: for this user and root alone unless `mode` and `allow` say otherwise. */
  readonly sockets?: Sockets | undefined;
  /** Reads and checks the configuration, at the start and at each reload. The signal fires when the daemon begins to stop. */
  readonly loadConfig?: ((signal: AbortSignal) => Config | Promise<Config>) | undefined;
  /** Begins the work. When it fails, all is undone and `runDaemon` rejects with its error. */
  readonly onStart?: ((context: DaemonContext<Config, Sockets>) => unknown) | undefined;
  /** Takes a new configuration. `context.config` is the old one until it fulfils; when it fails, that stays. */
  readonly onReload?: ((config: Config, context: DaemonContext<Config, Sockets>) => unknown) | undefined;
  /** Called at the stop, when no call is in flight any more and before what was registered is released; not if `onStart` has failed. The signal fires at the deadline. */
  readonly onStop?: ((context: DaemonContext<Config, Sockets>, deadline: AbortSignal) => unknown) | undefined;
  /** What SIGUSR1 and SIGUSR2 do: by default nothing, so SIGUSR1 does not start Node's debugger. A failure is logged. */
  readonly onSignal?:
    | Readonly<Partial<Record<"SIGUSR1" | "SIGUSR2", (context: DaemonContext<Config, Sockets>) => unknown>>>
    | undefined;
  /** Milliseconds from the beginning of the stop until calls in flight are cut off; may be Infinity. 10,000 by default. */
  readonly stopTimeout?: number | undefined;
  /** Where its log lines go. JSON lines on standard error by default, marked with their priority when the journal reads them. */
  readonly logger?: DaemonLogger | undefined;
  /** Who is told that it is ready, reloads, stops and lives (where a watchdog asks for that): by default whoever has started this process, if it wants to know. */
  readonly serviceManager?: ServiceManager | undefined;
  /** Sockets that a service manager has passed: each one that bears the name of one of `sockets` is used instead of opening that. `inheritedSockets()` by default. */
  readonly inherited?: ReadonlyMap<string, readonly InheritedSocket[]> | undefined;
  /**
   * Whether a second start takes the place of the first instead of failing: it opens nothing anew, but takes over the listeners of the process that runs, with everybody who waits to be accepted, and
   * serves once `onStart` has fulfilled; the first then ends its calls in flight and exits. Until then the first goes on, whatever becomes of the second. Both must be processes of the same user,
   * or of root. Not for datagram sockets. `false` by default.
   */
  readonly handOver?: boolean | undefined;
  /** Takes notice of the end of processes that it is handed: as the first process of a container, the default, or with PR_SET_CHILD_SUBREAPER of prctl(2). */
  readonly reap?: boolean | undefined;
  /**
   * Whether the process ends with the daemon (the default): errors that nobody has caught stop it, `process.exitCode` is set, and `process.exit` follows a second later if something else still
   * keeps the process alive. `false` is for tests, and for programs that have more to do: the signals do then what they did before.
   */
  readonly exit?: boolean | undefined;
}

/** Throws unless the options are in order. */
export function checkDaemonOptions(options: DaemonOptions<unknown, DaemonSocketTable>): void {
  if (options === undefined) throw new TypeError("options must be an object, received undefined");
  checkOptions(options);
  checkName("options.name", options.name);
  const { sockets = {}, logger, serviceManager, inherited, onSignal = {}, stopTimeout } = options;
  if (stopTimeout !== undefined) checkDuration("stopTimeout", stopTimeout);
  check("options.runtimeDirectory", options.runtimeDirectory, "string");
  check("options.exit", options.exit, "boolean");
  check("options.reap", options.reap, "boolean");
  check("options.handOver", options.handOver, "boolean");
  for (const name of ["loadConfig", "onStart", "onReload", "onStop"] as const)
    check(`options.${name}`, options[name], "function");
  check("options.onSignal", onSignal, "object");
  for (const [name, action] of Object.entries(onSignal)) {
    if (name !== "SIGUSR1" && name !== "SIGUSR2") {
      throw new TypeError(
        `options.onSignal may have SIGUSR1 and SIGUSR2, received ${describe(name)}; use Signal.on() for others`,
      );
    }
    check(`options.onSignal.${name}`, action, "function");
  }
  if (logger !== undefined) checkMethods("options.logger", logger, ["debug", "info", "warn", "error"]);
  if (serviceManager !== undefined)
    checkMethods("options.serviceManager", serviceManager, ["ready", "reloading", "stopping", "watchdog"]);
  if (inherited !== undefined) checkMethods("options.inherited", inherited, ["get"]);
  check("options.sockets", sockets, "object");
  for (const [name, socket] of Object.entries(sockets)) {
    checkName("the name of a socket in options.sockets", name);
    check(`options.sockets.${name}`, socket ?? null, "object");
    check(`options.sockets.${name}.path`, socket.path, "string");
    if (options.handOver === true && (socket as { type?: unknown }).type === "dgram") {
      throw new TypeError(
        `options.sockets.${name} is a datagram socket, which options.handOver cannot hand over; bind it in onStart`,
      );
    }
  }
}

function check(argument: string, value: unknown, type: "string" | "boolean" | "function" | "object"): void {
  if (value === undefined || (typeof value === type && value !== null)) return;
  throw new TypeError(
    `${argument} must be ${type === "object" ? "an" : "a"} ${type}, received ${describe(value)}`,
  );
}

function checkMethods(argument: string, value: unknown, names: readonly string[]): void {
  const object = (value ?? {}) as Readonly<Record<string, unknown>>;
  if (names.every((name) => typeof object[name] === "function")) return;
  throw new TypeError(
    `${argument} must be an object with the methods ${names.join(", ")}, received ${describe(value)}`,
  );
}
