// What a process holds that an operation may forget to give back.
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { ChannelError, MessageQueue, SharedBuffer } from "sluice";

/** Descriptors, maps, threads and names, each with what tells it from others. */
export interface Census {
  readonly descriptors: readonly string[];
  readonly maps: readonly string[];
  readonly threads: readonly string[];
  readonly names: readonly string[];
}

// A thread of the locks waits for its next sleep until its thread of JavaScript ends.
const KEPT_THREAD = "sluice-sleeper";

/** Takes the census of this process, and of the places where names outlive processes. */
export function takeCensus(): Census {
  return {
    descriptors: descriptors(),
    maps: readFileSync("/proc/self/maps", "latin1")
      .split("\n")
      .filter((line) => /memfd:|\/dev\/shm\//.test(line))
      .map((line) => line.replace(/^\S+ (\S+) \S+ \S+ \d+ +/, "$1 ")),
    threads: readdirSync("/proc/self/task")
      .map(nameOfThread)
      .filter((name) => name !== KEPT_THREAD && name !== ""),
    names: [...namesIn("/dev/shm"), ...namesIn("/dev/mqueue"), ...systemVQueues()],
  };
}

/** What is in the second census and not in the first: a sentence each. */
export function leaks(before: Census, after: Census): string[] {
  return (Object.keys(after) as (keyof Census)[]).flatMap((kind) => {
    const left = [...after[kind]];
    for (const known of before[kind]) {
      const index = left.indexOf(known);
      if (index >= 0) left.splice(index, 1);
    }
    return left.map((what) => `${kind}: ${what}`);
  });
}

function descriptors(): string[] {
  return readdirSync("/proc/self/fd").flatMap((fd) => {
    try {
      const target = readlinkSync(`/proc/self/fd/${fd}`);
      // The folder that is being read is open itself, under whichever number.
      return /^\/proc\/\d+\/fd$/.test(target) ? [] : [`${fd} ${target}`];
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
      throw error;
    }
  });
}

function nameOfThread(tid: string): string {
  try {
    return readFileSync(`/proc/self/task/${tid}/comm`, "latin1").trim();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ESRCH") return "";
    throw error;
  }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
      .filter((name) => name.includes(`sluice-faults-${process.pid}`))
      .map((name) => `${folder}/${name}`);
  } catch (error) {
    // No message queue file system is mounted: then those of the kernel cannot be listed.
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

/** Those that this process has made: its pid is not told, but the keys it uses are its own. */
function systemVQueues(): string[] {
  return readFileSync("/proc/sysvipc/msg", "latin1")
    .trim()
    .split("\n")
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .filter(([key]) => Number(key) === systemVKey)
    .map(([, id]) => `System V queue ${id ?? ""}`);
}

/** The key of the System V queues that this process makes. */
export const systemVKey: number = 0x51_00_00_00 | (process.pid & 0xff_ff_ff);

/** Removes what operations have left, so that the next one does not meet it. */
export function removeNames(): void {
  const name = `sluice-faults-${process.pid}`;
  const kinds = [() => SharedBuffer.unlink(name), () => MessageQueue.unlink(`/${name}`), removeSystemVQueue];
  for (const remove of kinds) {
    try {
      remove();
    } catch (error) {
      if (!(error instanceof ChannelError && error.code === "ERR_NO_PEER")) throw error;
    }
  }
}

function removeSystemVQueue(): void {
  MessageQueue.unlink(systemVKey, { kind: "sysv" });
}
