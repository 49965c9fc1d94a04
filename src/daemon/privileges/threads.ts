const { readdirSync, readFileSync } = process.getBuiltinModule("node:fs");

/** Who a thread is to the kernel: proc_pid_status(5). */
export interface ThreadIdentity {
  readonly tid: number;
  /** Real, effective, saved and file system id. */
  readonly uids: readonly number[];
  /** Real, effective, saved and file system id. */
  readonly gids: readonly number[];
  /** Supplementary groups, in rising order. */
  readonly groups: readonly number[];
  /** Inheritable, permitted, effective and ambient capabilities. */
  readonly capabilities: readonly bigint[];
  readonly noNewPrivileges: boolean;
}

/** All threads of this process: identities are a thread's own in Linux, and C libraries only bring them into line. */
export function readThreads(): ThreadIdentity[] {
  const threads: ThreadIdentity[] = [];
  for (const tid of readdirSync("/proc/self/task")) {
    try {
      threads.push(parseStatus(Number(tid), readFileSync(`/proc/self/task/${tid}/status`, "latin1")));
    } catch (error) {
      // It has ended since.
      if (!["ENOENT", "ESRCH"].includes((error as NodeJS.ErrnoException).code ?? "")) throw error;
    }
  }
  return threads;
}

function parseStatus(tid: number, status: string): ThreadIdentity {
  const field = (name: string): string => {
    const found = new RegExp(`^${name}:[ \\t]*(.*)$`, "m").exec(status)?.[1];
    if (found === undefined) throw new Error(`/proc/self/task/${tid}/status has no field ${name}`);
    return found;
  };
  const numbers = (name: string): number[] =>
    field(name)
      .split(/\s+/)
      .filter((text) => text !== "")
      .map(Number);
  return {
    tid,
    uids: numbers("Uid"),
    gids: numbers("Gid"),
    groups: numbers("Groups").sort((left, right) => left - right),
    capabilities: ["CapInh", "CapPrm", "CapEff", "CapAmb"].map((name) => BigInt(`0x${field(name)}`)),
    noNewPrivileges: field("NoNewPrivs") === "1",
  };
}
