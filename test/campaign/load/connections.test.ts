import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { atLength, record, rounds, timeoutFor } from "../../support/campaign.js";
import { type Peer, startPeer } from "../../support/child.js";
import type { Kind, Where } from "../../support/peers/load/kinds.js";
import { ask } from "./processes.js";

/** Processes that connect, and how the connections of each end. A process costs more than its connections, so that there are few in `npm test`. */
const ENDS = atLength ? (["close", "destroy", "kill", "close"] as const) : (["close", "kill"] as const);
/** So many crowds come, one after the other. */
const CROWDS = rounds(2, 4);
/** Messages on each connection, in both directions. */
const TALKS = 5;
/** The runtime's own. */
const OTHER_DESCRIPTORS = 100;

const COUNTS: Readonly<Record<Kind, number>> = {
  "unix-stream": rounds(1_000, 10_000),
  "unix-seqpacket": rounds(400, 10_000),
  "tcp-socket": rounds(400, 10_000),
  "shared-buffer": rounds(100, 1_000),
};

interface Seen {
  readonly accepted: number;
  readonly open: number;
  readonly echoed: number;
  readonly endedOrderly: number;
  readonly died: number;
}

interface Measured {
  readonly descriptors: number;
  readonly live: number;
  readonly resident: number;
}

describe("one listener with many connections", () => {
  for (const [kind, count] of Object.entries(COUNTS) as [Kind, number][]) {
    it(
      `${count} connections of ${kind}, with traffic on each: all is verified, all ends, nothing is left`,
      { timeout: timeoutFor(count / 25) },
      async () => {
        checkDescriptors(count);
        const folder = mkdtempSync(path.join(tmpdir(), "sluice-load-"));
        try {
          await crowd(kind, count, folder);
        } finally {
          rmSync(folder, { recursive: true });
        }
      },
    );
  }
});

async function crowd(kind: Kind, count: number, folder: string): Promise<void> {
  await using acceptor = startPeer("load/acceptor", [kind, folder], { execArgv: ["--expose-gc"] });
  const where = await ask<Where>(acceptor, "where");
  const before = await ask<Measured>(acceptor, "measure");
  const crowds: { readonly full: Measured; readonly empty: Measured }[] = [];
  for (let number = 0; number < CROWDS; number++) {
    const full = await visit(acceptor, kind, where, count);
    crowds.push({ full, empty: await ask<Measured>(acceptor, "measure") });
  }
  const [earlier, last] = crowds.slice(-2);
  if (earlier === undefined || last === undefined) throw new Error("two crowds are compared");

  expect(
    crowds.map(({ empty }) => empty.descriptors),
    "descriptors when all have gone",
  ).toEqual(crowds.map(() => before.descriptors));
  // Later crowds find the tables that the first has made as large as they are; some code is still compiled.
  const left = last.empty.live - earlier.empty.live;
  expect(left, "bytes in use that the last crowd has left").toBeLessThan(64 * count + 500_000);
  // The allocator keeps what it once had, in pieces: the first crowds make it grow, the later ones hardly.
  expect(last.full.resident, "resident bytes with the last crowd").toBeLessThan(
    earlier.full.resident * 1.2 + 20_000_000,
  );
  record("load", `${kind}, ${count} connections on one listener`, {
    crowds: CROWDS,
    messagesVerified: 2 * TALKS * count * CROWDS,
    residentBytesPerConnection: Math.round((crowds[0]!.full.resident - before.resident) / count),
    descriptorsPerConnection: Math.round(((last.full.descriptors - before.descriptors) / count) * 100) / 100,
    bytesInUseLeftPerConnection: Math.round(left / count),
    residentBytesOfCrowds: crowds.map(({ full }) => full.resident).join(" "),
  });
}

/** So many connections come from several processes, talk all at once, and go, each process's in another way. Gives what was measured while they were there. */
async function visit(acceptor: Peer, kind: Kind, where: Where, count: number): Promise<Measured> {
  const earlier = await ask<Seen>(acceptor, "seen");
  const share = Math.ceil(count / ENDS.length);
  const connectors = ENDS.map((end, index) => {
    const from = index * share;
    return { end, from, count: Math.min(share, count - from), peer: startPeer("load/connector", [kind]) };
  });
  try {
    await Promise.all(connectors.map(({ peer, from, count }) => ask(peer, "open", { where, from, count })));
    const talked = await Promise.all(
      connectors.map(({ peer }) => ask<number>(peer, "talk", { rounds: TALKS })),
    );
    expect(talked.reduce((sum, each) => sum + each, 0)).toBe(TALKS * count);
    const measured = await ask<Measured>(acceptor, "measure");
    const { accepted, open, echoed } = await ask<Seen>(acceptor, "seen");
    expect({ accepted: accepted - earlier.accepted, open, echoed: echoed - earlier.echoed }).toEqual({
      accepted: count,
      open: count,
      echoed: TALKS * count,
    });
    for (const { peer, end } of connectors) {
      if (end === "kill") peer.kill("SIGKILL");
      else expect(await ask<number>(peer, "leave", { orderly: end === "close" }), "descriptors left").toBe(0);
    }
    await expect.poll(async () => (await ask<Seen>(acceptor, "seen")).open, { timeout: 60_000 }).toBe(0);
    return measured;
  } finally {
    for (const { peer } of connectors) await peer[Symbol.asyncDispose]();
  }
}

/** Node raises its own limit to the hard one. */
function checkDescriptors(count: number): void {
  const [, hard = ""] =
    /^Max open files\s+\S+\s+(\S+)/m.exec(readFileSync("/proc/self/limits", "utf8")) ?? [];
  const may = hard === "unlimited" ? Infinity : Number(hard);
  const needed = count + OTHER_DESCRIPTORS;
  if (may >= needed) return;
  throw new Error(
    `${count} connections need ${needed} descriptors in one process, and it may have ${may}: raise the hard limit (ulimit -Hn ${needed}) and run the test again`,
  );
}
