import type {
  AnonymousPipeSpawnOptions,
  ExitStatus,
  SpawnedChild,
} from "../../mechanisms/anonymous-pipe/types.js";

/** How much a sandbox may use. Where there is no limit by default, it is `Infinity`. */
export interface SandboxLimits {
  /** Processes and threads at a time, RLIMIT_NPROC, one of them bwrap's own. 64 by default; a Node program needs 12. Linux before 5.14 counts all of the user. */
  readonly processes?: number | undefined;
  /** Bytes of private memory of each process, RLIMIT_DATA. 1 GiB by default. */
  readonly memory?: number | undefined;
  /** Bytes of files in `/tmp`, which are kept in memory. 16 MiB by default. */
  readonly temporary?: number | undefined;
  /** Descriptors of each process, RLIMIT_NOFILE. 256 by default. */
  readonly files?: number | undefined;
  /** Seconds of processor time of each process, RLIMIT_CPU. No limit by default: see `timeout`. */
  readonly cpu?: number | undefined;
}

/** Options of {@link spawnSandboxed}. */
export interface SandboxOptions<Out, In> extends Pick<
  AnonymousPipeSpawnOptions<Out, In>,
  | "codec"
  | "framing"
  | "maxMessageSize"
  | "sendQueue"
  | "receiveQueue"
  | "halfOpen"
  | "capacity"
  | "over"
  | "signal"
  | "uid"
  | "gid"
> {
  /** Absolute paths of files and folders that the helper can read, at the same place; beside `/usr` and what goes with it. None by default. */
  readonly readOnly?: readonly string[] | undefined;
  /** Absolute paths that it can write to as well, as far as the user it runs as may. None by default. */
  readonly writable?: readonly string[] | undefined;
  /** Its whole environment; `{ PATH: "/usr/bin:/bin", LANG: "C.UTF-8" }` by default. `SLUICE_PIPE` comes on top. */
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** How much it may use. */
  readonly limits?: SandboxLimits | undefined;
  /** Milliseconds that it may live. Then all its processes are killed, and the channel fails with `ERR_TIMEOUT`. No limit by default. */
  readonly timeout?: number | undefined;
}

/** How a helper has ended. What a signal has ended inside has the code 128 + signal; `signal` tells of SIGKILL from outside. */
export interface SandboxExit extends ExitStatus {
  /** The last 16 KiB of what it has written to its standard error. As little to be trusted as anything that comes from it. */
  readonly stderr: string;
}

/** A helper in a sandbox. */
export interface SandboxedChild<Out, In> extends Omit<SpawnedChild<Out, In>, "exited"> {
  /**
   * Fulfils when the helper and all that it has started are gone. Rejects with `ERR_SYSTEM`, and what bwrap says, when the sandbox could not be made: mostly because the system
   * does not allow user namespaces, or because a path cannot be read by the user that the helper runs as.
   */
  readonly exited: Promise<SandboxExit>;
}
