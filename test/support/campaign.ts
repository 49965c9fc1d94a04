// How long and with which seed the tests of test/campaign run: shortly within `npm test`, at length by `npm run test:campaign`
// (scripts/campaign.mjs), which sets the variables that are read here.
import { appendFileSync, mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";

const minutes = Number(process.env["SLUICE_CAMPAIGN_MINUTES"] ?? "0");
const folder = fileURLToPath(new URL("../../.build/campaign/", import.meta.url));

/** Whether this is the long campaign. */
export const atLength: boolean = minutes > 0;

/** Where all that is random begins: `SLUICE_SEED`, or drawn anew. A failed test prints it; with it the same run can be had again. */
export const seed: number = Number(process.env["SLUICE_SEED"] ?? String(Math.floor(Math.random() * 2 ** 31)));

/** For how many seconds a test goes on: `short` within `npm test`, else its share of the minutes that the part was given. */
export function seconds(short: number, share = 1): number {
  return atLength ? minutes * 60 * share : short;
}

/** How many rounds a test makes where it is not time that bounds it. */
export function rounds(short: number, long: number): number {
  return atLength ? long : short;
}

/** The time that vitest must leave a test that runs for so many seconds, in milliseconds. */
export function timeoutFor(duration: number): number {
  return duration * 1_500 + 120_000;
}

/** Numbers from 0 to 1 that a seed determines (mulberry32). */
export function randomNumbers(from: number): () => number {
  let state = from | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/**
 * Keeps a figure of the long campaign for docs/reliability.md: what was done, how often, what was found. Nothing within `npm test`.
 *
 * @param part - the folder in test/campaign
 * @param what - one row of the table, such as "SharedBuffer, writer killed at a random moment"
 * @param figures - what was counted, with the unit in the name
 */
export function record(part: string, what: string, figures: Readonly<Record<string, number | string>>): void {
  if (!atLength) return;
  mkdirSync(folder, { recursive: true });
  appendFileSync(`${folder}${part}.jsonl`, `${JSON.stringify({ what, seed, ...figures })}\n`);
}
