import { readdirSync, readFileSync } from "node:fs";
import type { Peer } from "../../support/child.js";

const PAGE_BYTES = 4096;
/** sysconf(_SC_CLK_TCK): the same on every Linux that Node runs on. */
const TICKS_A_SECOND = 100;

/** What the kernel tells of a process. */
export interface Resources {
  readonly residentBytes: number;
  readonly descriptors: number;
  readonly threads: number;
  /** Seconds of processor time, user and system. */
  readonly cpuSeconds: number;
}

/** Reads proc(5). */
export function resourcesOf(pid: number): Resources {
  const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  // The program's name is in parentheses and may hold spaces; the state, field 3, follows it.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const field = (number: number): number => Number(fields[number - 3]);
  return {
    residentBytes: field(24) * PAGE_BYTES,
    descriptors: readdirSync(`/proc/${pid}/fd`).length,
    threads: field(20),
    cpuSeconds: (field(14) + field(15)) / TICKS_A_SECOND,
  };
}

/** Asks a program that answers commands (peers/load/commands.ts): one question at a time. A program that fails ends, and its standard error is in the rejection. */
export async function ask<Answer>(peer: Peer, command: string, argument: unknown = null): Promise<Answer> {
  await peer.write(JSON.stringify([command, argument]));
  return JSON.parse(await peer.nextLine()) as Answer;
}
