import { ChannelError } from "../../core/errors.js";
import type { FileHandle } from "../../core/channel.js";
import { reached } from "../../core/step.js";
import { awaitEnd } from "../../mechanisms/has-ended.js";
import { ENOENT, loadCore } from "../../native/binding.js";
import { PathLock } from "../../mechanisms/path-lock.js";
import type { Folder } from "../runtime-directory.js";

const { readFileSync, renameSync, rmdirSync, rmSync, unlinkSync, writeFileSync } =
  process.getBuiltinModule("node:fs");
const paths = process.getBuiltinModule("node:path");

/** As often as a daemon that ends may take its folder away before this one has locked its file in it. */
const ROUNDS = 100;

/**
 * The right to be the one instance of a daemon: a {@link PathLock} on `NAME.pid`, held for life. The file tells who that is; it decides nothing, and what a
 * dead owner has left is replaced.
 */
export class InstanceLock {
  /** The runtime directory. */
  readonly folder: Folder;
  readonly #lock: PathLock;
  readonly #path: string;
  // Another process holds the lock as well, and the files are that one's.
  #isShared = false;

  private constructor(folder: Folder, path: string, lock: PathLock) {
    this.folder = folder;
    this.#path = path;
    this.#lock = lock;
  }

  /**
   * @param name - the daemon's
   * @param openFolder - makes and checks the runtime directory
   * @param signal - ends the wait for a process that holds it and was killed, but has not ended yet
   * @returns a promise of the lock
   * @throws (by the promise) ChannelError `ERR_ADDRESS_IN_USE` while another process holds it
   */
  static async acquire(name: string, openFolder: () => Folder, signal?: AbortSignal): Promise<InstanceLock> {
    let awaited: number | undefined;
    for (let round = 0; ; round++) {
      const folder = openFolder();
      const path = paths.join(folder.path, `${name}.pid`);
      try {
        const lock = PathLock.acquire(loadCore(), path, { operation: "start", address: path });
        if (typeof lock === "number") {
          const holder = holderOf(path, lock);
          const isNew = holder !== undefined && holder !== awaited;
          awaited = holder;
          if (isNew && (await awaitEnd(holder, { signal }))) continue;
          throw inUse(name, path, holder);
        }
        const instance = new InstanceLock(folder, path, lock);
        try {
          STEP: reached("instance: locked");
          instance.#writePid();
        } catch (error) {
          instance.release();
          throw error;
        }
        return instance;
      } catch (error) {
        const gone = error instanceof ChannelError && error.errno === ENOENT;
        if (!gone || round === ROUNDS) throw error;
      }
    }
  }

  /**
   * The lock of a predecessor, which holds it as well until `own`.
   *
   * @param name - the daemon's
   * @param folder - the runtime directory; `created`: by this daemon, though by another process
   * @param handle - of the lock; it is taken
   * @throws ChannelError `ERR_ADDRESS_IN_USE` when it is not the lock of this daemon in this folder
   */
  static inherit(name: string, folder: Folder, handle: FileHandle): InstanceLock {
    const path = paths.join(folder.path, `${name}.pid`);
    const core = loadCore();
    const lock = PathLock.takeOver(core, path, handle.fd);
    if (lock === undefined) {
      handle.close();
      const text = `Cannot start daemon "${name}": the lock that its predecessor has handed over is not that of "${path}"; was the runtime directory replaced?`;
      throw new ChannelError("ERR_ADDRESS_IN_USE", text, { operation: "start", address: path });
    }
    core.adopt(handle.take());
    const instance = new InstanceLock(folder, path, lock);
    instance.#isShared = true;
    return instance;
  }

  /** The descriptor that holds it. */
  get fd(): number {
    return this.#lock.fd;
  }

  /** The predecessor has let go: from here on this process is the instance. */
  own(): void {
    if (!this.#isShared) return;
    this.#isShared = false;
    this.#writePid();
  }

  /** A successor has it. */
  leave(): void {
    this.#isShared = true;
  }

  /** Removes what is this instance's, then frees the lock. Returns what could not be removed, for want of rights, and does no harm: the next instance replaces it. */
  release(): Error[] {
    if (this.#isShared) {
      this.#lock.leave();
      return [];
    }
    const failures = [attempt(() => this.#removePid())];
    STEP: reached("instance: pid removed");
    this.#lock.release();
    // The folder is another instance's as soon as that has a file in it.
    STEP: reached("instance: unlocked");
    if (this.folder.created) failures.push(attempt(() => rmdirSync(this.folder.path), "ENOTEMPTY"));
    return failures.filter((failure) => failure !== undefined);
  }

  /** Whoever reads the file finds a whole number: it is there with its content, or not at all. */
  #writePid(): void {
    const draft = `${this.#path}.new`;
    rmSync(draft, { force: true });
    writeFileSync(draft, `${process.pid}\n`, { flag: "wx", mode: 0o644 });
    STEP: reached("instance: draft written");
    renameSync(draft, this.#path);
    STEP: reached("instance: pid written");
  }

  #removePid(): void {
    if (readPid(this.#path) === process.pid) unlinkSync(this.#path);
  }
}

/** The lock names whoever took it first, who may have passed it on and be gone; or nobody, when that is in another pid namespace. */
function holderOf(path: string, locker: number): number | undefined {
  return locker > 0 && isAlive(locker) ? locker : readPid(path);
}

function inUse(name: string, path: string, holder: number | undefined): ChannelError {
  const who = holder === undefined ? "another process" : `process ${holder}`;
  const text = `Cannot start daemon "${name}": ${who} runs it and holds "${path}.lock"; stop that one first`;
  return new ChannelError("ERR_ADDRESS_IN_USE", text, { operation: "start", address: path });
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

function readPid(path: string): number | undefined {
  try {
    const pid = Number(readFileSync(path, "latin1"));
    return Number.isSafeInteger(pid) && pid > 0 ? pid : undefined;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).syscall !== undefined) return undefined;
    throw error;
  }
}

function attempt(work: () => void, harmless?: string): Error | undefined {
  try {
    work();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== "ENOENT" && code !== harmless) return error as Error;
  }
  return undefined;
}
