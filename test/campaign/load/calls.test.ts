import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { record, rounds, seed, timeoutFor } from "../../support/campaign.js";
import { type Peer, startPeer } from "../../support/child.js";
import type { CallOutcomes } from "../../support/peers/load/guest.js";
import type { CallCounts } from "../../support/peers/load/methods.js";
import { ask } from "./processes.js";

const CLIENTS = rounds(40, 1_000);
const CALLS = rounds(60, 1_000);
const PROCESSES = rounds(2, 4);
/** What is compiled and pooled meanwhile; a leak of a byte a call is more than that, at length. */
const SLACK_BYTES = 500_000;

interface Ran {
  readonly outcomes: CallOutcomes;
  readonly leaves: { readonly orderly: number; readonly abrupt: number };
  readonly states: string;
}

interface State {
  readonly counts: CallCounts;
  readonly hooks: { readonly began: number; readonly ended: number };
  readonly peers: number;
}

interface Measured {
  readonly live: number;
  readonly descriptors: number;
}

describe(`many clients of one server (seed ${seed})`, () => {
  it(
    `${CLIENTS} clients make ${CALLS} calls each, and give up, run out of time, leave and vanish: every call ends, none is done twice, nothing is left`,
    { timeout: timeoutFor(rounds(30, 900)) },
    async () => {
      const folder = mkdtempSync(path.join(tmpdir(), "sluice-calls-"));
      const socket = path.join(folder, "calls");
      const options = { execArgv: ["--expose-gc"] };
      const share = CLIENTS / PROCESSES;
      await using server = startPeer("load/call-server", [socket, String(CLIENTS), String(CALLS)], options);
      // It listens once it answers.
      await ask(server, "state");
      const callers = Array.from({ length: PROCESSES }, (_, index) =>
        startPeer("load/call-clients", [socket, ...[index * share, share, CALLS, seed].map(String)], options),
      );
      try {
        await round(server, callers, share);
        const before = await measure([server, ...callers]);
        await ask(server, "forget");
        await round(server, callers, share);
        const after = await measure([server, ...callers]);
        expect(
          after.map(({ descriptors }) => descriptors),
          "descriptors of the server and the clients",
        ).toEqual(before.map(({ descriptors }) => descriptors));
        for (const [index, { live }] of after.entries())
          expect(live - (before[index]?.live ?? 0), "bytes that a round has left").toBeLessThan(SLACK_BYTES);
      } finally {
        for (const caller of callers) await caller[Symbol.asyncDispose]();
        rmSync(folder, { recursive: true });
      }
    },
  );
});

async function measure(peers: readonly Peer[]): Promise<Measured[]> {
  const measured: Measured[] = [];
  for (const peer of peers) measured.push(await ask<Measured>(peer, "measure"));
  return measured;
}

/** All clients make all their calls; then the books of both sides are compared. */
async function round(server: Peer, callers: readonly Peer[], share: number): Promise<void> {
  // Fulfils only when each of the calls has ended.
  const failed = server.exit.then(() => {
    throw new Error(`the server has ended:\n${server.stderr}`);
  });
  const ran = await Promise.race([Promise.all(callers.map((caller) => ask<Ran>(caller, "run"))), failed]);
  const open = async (): Promise<number> => {
    const { peers, counts } = await ask<State>(server, "state");
    return peers + counts.began - counts.ended;
  };
  await expect.poll(open, { timeout: 30_000 }).toBe(0);
  const { counts, hooks } = await ask<State>(server, "state");
  expect(hooks.ended, "calls whose end the hook was told of").toBe(hooks.began);

  const ledger = Buffer.from(await ask<string>(server, "ledger"), "base64");
  const found = { doneAndAnswered: 0, doneWithoutAnswer: 0, notDoneWithoutAnswer: 0 };
  for (const [index, { states }] of ran.entries()) {
    for (const [place, state] of Buffer.from(states, "base64").entries()) {
      const id = index * share * CALLS + place;
      const done = ledger[id] ?? 0;
      const text = `the call ${id} was done ${done} times, and its client knows ${state} of it`;
      if (done > 1 || (state === 1 && done !== 1) || (state === 0 && done !== 0)) throw new Error(text);
      if (state === 1) found.doneAndAnswered++;
      else if (state === 2) found[done === 1 ? "doneWithoutAnswer" : "notDoneWithoutAnswer"]++;
    }
  }
  const sum = (pick: (each: Ran) => number): number => ran.reduce((total, each) => total + pick(each), 0);
  const ends = {
    calls: sum(({ outcomes }) => outcomes.made),
    answered: sum(({ outcomes }) => outcomes.answered),
    aborted: sum(({ outcomes }) => outcomes.aborted),
    late: sum(({ outcomes }) => outcomes.late),
    cutOff: sum(({ outcomes }) => outcomes.cut),
  };
  expect(ends.answered + ends.aborted + ends.late + ends.cutOff, "calls that have ended").toBe(ends.calls);
  // Each way to end has happened, else it was not tried.
  for (const [name, count] of Object.entries(ends)) expect(count, name).toBeGreaterThan(0);
  expect(counts.aborted, "methods whose signal has fired").toBeGreaterThan(0);
  record(
    "load",
    `${CLIENTS} clients with ${CALLS} calls each`,
    Object.assign(ends, found, {
      leftInOrder: sum(({ leaves }) => leaves.orderly),
      vanished: sum(({ leaves }) => leaves.abrupt),
    }),
  );
}
