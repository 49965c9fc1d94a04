import { setTimeout as delay } from "node:timers/promises";
import { cpuSeconds } from "./source.js";

/** What idle connections cost one side. */
export interface IdleReport {
  readonly rssBytesPerConnection: number;
  /** Processor time in a second of doing nothing. */
  readonly idleCpuSeconds: number;
}

/** A file in the folder of the run: the guest has opened all of its connections. Some mechanisms are open for the host before. */
export const OPENED = "opened";

/** What opening leaves behind shall be over before anything is measured. */
const SETTLE_MILLISECONDS = 400;
const WATCH_MILLISECONDS = 1000;

async function settledRss(): Promise<number> {
  for (let turn = 0; turn < 3; turn++) {
    globalThis.gc?.();
    await delay(SETTLE_MILLISECONDS / 4);
  }
  return process.memoryUsage.rss();
}

/** Opens that many connections and measures what they cost while nothing happens on them. */
export async function measureIdle(
  count: number,
  open: () => Promise<unknown[]>,
): Promise<{ links: unknown[]; report: IdleReport }> {
  const before = await settledRss();
  const links = await open();
  if (links.length !== count) throw new Error(`${links.length} connections are open instead of ${count}`);
  const after = await settledRss();
  const cpuBefore = cpuSeconds();
  await delay(WATCH_MILLISECONDS);
  const idleCpuSeconds = (cpuSeconds() - cpuBefore) / (WATCH_MILLISECONDS / 1000);
  return { links, report: { rssBytesPerConnection: (after - before) / count, idleCpuSeconds } };
}
