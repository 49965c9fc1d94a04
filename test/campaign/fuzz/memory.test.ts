// A peer that writes wrong words into all shared memory that it can reach, while traffic runs: rings, broadcasts, locks, records. See also
// test/mechanisms/shared-buffer/hostile.test.ts. Under AddressSanitizer: npm run test:asan -- test/campaign/fuzz/memory.test.ts
import { expect, test } from "vitest";
import { record, seconds, seed, timeoutFor } from "../../support/campaign.js";
import { type Peer, startPeer } from "../../support/child.js";

const duration = seconds(3, 0.15);
/** For how many seconds one process writes wrong words; then comes the next. */
const TURN = 5;
/** Milliseconds without a sign of life after which a process counts as hung. */
const SILENCE = 60_000;
const MOST_MEMORY = 400 * 2 ** 20;

/** The next line; fails if it does not come, for a process that hangs tells nothing. */
async function lineOf(peer: Peer, again: string): Promise<string> {
  const timer = setTimeout(() => peer.kill("SIGKILL"), SILENCE);
  try {
    return await peer.nextLine();
  } catch (error) {
    throw new Error(`the honest process has failed, or hung for ${SILENCE} ms; ${again}`, { cause: error });
  } finally {
    clearTimeout(timer);
  }
}

/** How many words it has written, as it has said last. */
async function wordsOf(scribbler: Peer): Promise<number> {
  let words = 0;
  for await (const line of scribbler.lines) words = Number(line);
  return words;
}

test(
  "wrong words in shared memory are documented errors of those who share it, and nothing worse",
  async () => {
    const name = `sluice-fuzz-${process.pid}`;
    await using honest = startPeer("fuzz/honest", [name]);
    await honest.expectLine("ready");
    const end = performance.now() + duration * 1000;
    let words = 0;
    let processes = 0;
    do {
      const again = `seed ${seed}, process ${processes}`;
      await using scribbler = startPeer("fuzz/scribbler", [name, String(seed + processes++)]);
      await scribbler.expectLine("ready");
      const turnEnd = Math.min(performance.now() + TURN * 1000, end);
      do expect(await lineOf(honest, again)).toBe("runs");
      while (performance.now() < turnEnd);
      scribbler.kill("SIGKILL");
      words += await wordsOf(scribbler);
    } while (performance.now() < end);
    await honest.write("over");
    let line: string;
    do line = await lineOf(honest, `seed ${seed}`);
    while (line === "runs");
    const { rounds, idleMilliseconds, rss, ends } = JSON.parse(line) as {
      rounds: number;
      idleMilliseconds: number;
      rss: number;
      ends: Record<string, number>;
    };
    expect(await honest.exit, honest.stderr).toEqual({ code: 0, signal: null });
    expect(idleMilliseconds).toBeLessThan(250);
    expect(rss).toBeLessThan(MOST_MEMORY);
    for (const kind of ["ring, as server", "ring, as client", "follower", "broadcast", "mutex", "record"])
      expect(Object.keys(ends).some((key) => key.startsWith(kind))).toBe(true);
    record("fuzz", "hostile peer in shared memory", { processes, words, rounds, findings: 0 });
  },
  timeoutFor(duration),
);
