// What proc(5) and kill(2) know of the programs' processes.
import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";

/** The variable by which a supervisor's processes are told from all others: its value is random, and each child inherits it. */
export const MARK = "SUPERVISOR_MARK";
/** The variable that says which program a process is of. */
export const PROGRAM = "SUPERVISOR_PROGRAM";

const ROUNDS = 200;
const PAUSE = 10;

export interface MarkedProcess {
  readonly pid: number;
  readonly program: string;
}

/** Sends a signal to a process and all of its group. A group that is gone needs none. */
export function signalGroup(leader: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-leader, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

/** The processes that bear a mark, whatever group or session they have gone to. */
export function findMarked(mark: string): MarkedProcess[] {
  const found: MarkedProcess[] = [];
  for (const entry of readdirSync("/proc")) {
    const pid = Number(entry);
    if (!Number.isInteger(pid)) continue;
    const variables = environmentOf(pid);
    if (!variables.includes(`${MARK}=${mark}`)) continue;
    const program = variables.find((variable) => variable.startsWith(`${PROGRAM}=`));
    found.push({ pid, program: program?.slice(PROGRAM.length + 1) ?? "" });
  }
  return found;
}

/**
 * Kills all that bear a mark.
 *
 * @returns those that were found at first
 */
export async function killMarked(mark: string): Promise<MarkedProcess[]> {
  const first = findMarked(mark);
  // One that forks may have got a child in between: so often, until nobody is there.
  for (let found = first, round = 0; found.length > 0; found = findMarked(mark), round++) {
    if (round === ROUNDS) throw new Error(`processes do not die: ${found.map(({ pid }) => pid).join(", ")}`);
    for (const { pid } of found) {
      try {
        process.kill(pid, "SIGKILL");
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
      }
    }
    await delay(PAUSE);
  }
  return first;
}

/** What a process was started with; nothing for one that has ended, or that is none of this user's business. */
function environmentOf(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/environ`, "latin1").split("\0");
  } catch (error) {
    const { code = "" } = error as NodeJS.ErrnoException;
    if (["ENOENT", "ESRCH", "EACCES", "EPERM"].includes(code)) return [];
    throw error;
  }
}

/** Whether there is such a process. */
export function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ESRCH") return false;
    throw error;
  }
}
