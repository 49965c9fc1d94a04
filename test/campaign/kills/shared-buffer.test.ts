import { mkdtempSync, readdirSync, rmSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterAll, expect } from "vitest";
import { ChannelError, SharedBuffer } from "sluice";
import { checkMessage, lengthOf, messageOf } from "../../mechanisms/shared-buffer/pattern.js";
import { converse, type Outcome } from "../../support/peers/kills/roles/ring-traffic.js";
import { type Cast, describeKills, type Scenario } from "./support/campaign.js";
import { within } from "./support/victims.js";

const CAPACITY = 65_536;
const MESSAGES = 150;
const BROADCASTS = 2000;
const BROADCAST_CAPACITY = 65_536;
/** How long after a death the survivor may wait for the news of it. */
const PROMPT = 3000;

const folder = mkdtempSync(join(tmpdir(), "sluice-kills-"));
const boardName = `/sluice-kills-ring-${process.pid}`;
const board = SharedBuffer.create({ name: boardName, size: 4096 });
const accepted = board.view(Int32Array, 0, 1);
let number = 0;

afterAll(() => {
  board.close();
  rmSync(folder, { recursive: true });
});

const freshPath = (): string => join(folder, `socket-${++number}`);
const mappings = (): number =>
  readFileSync("/proc/self/maps", "latin1").split(/sluice-(?:ring|broadcast|follower)/).length - 1;

/** What a survivor of a conversation must have seen. */
async function check(outcome: Outcome, cast: Cast): Promise<void> {
  const killed = await cast.victim.ended();
  expect(performance.now() - cast.victim.endedAt, "milliseconds until the survivor knew").toBeLessThan(
    PROMPT,
  );
  if (killed) {
    for (const error of [outcome.receiveError, outcome.sendError])
      if (error !== undefined) expect(error.code).toBe("ERR_PEER_DIED");
    // One message may wait in the process while the ring is full; all others are in the ring, which outlives it.
    expect(outcome.received).toBeGreaterThanOrEqual((accepted[0] ?? 0) - 1);
  } else {
    expect(outcome).toEqual({ received: MESSAGES, receiveError: undefined, sendError: undefined });
  }
}

const ringClient: Scenario = {
  name: "a channel over shared memory whose client is killed",
  async run(cast) {
    const path = freshPath();
    const before = mappings();
    accepted[0] = 0;
    await using listener = await SharedBuffer.listen(path, {
      capacity: CAPACITY,
      receiveQueue: { messages: 8 },
    });
    const victim = await cast.play("ring client", { path, board: boardName, messages: MESSAGES });
    const gone = new AbortController();
    void victim.over.then(() => setTimeout(() => gone.abort(), 200));
    // It may have died before it came.
    const channel = await listener.accept({ signal: gone.signal }).catch((error: unknown) => {
      if (error === gone.signal.reason) return undefined;
      throw error;
    });
    if (channel !== undefined) {
      await check(await within(10_000, converse(channel, MESSAGES), "the survivor's end"), cast);
      channel.destroy();
      await channel.closed;
    }
    // The listener goes on.
    const next = await SharedBuffer.connect(path);
    const server = await listener.accept();
    await next.send(Buffer.from("next"));
    expect(String(await server.receive())).toBe("next");
    next.destroy();
    server.destroy();
    await Promise.all([next.closed, server.closed]);
    expect(mappings()).toBe(before);
  },
};

const ringServer: Scenario = {
  name: "a channel over shared memory whose server is killed",
  async run(cast) {
    const path = freshPath();
    accepted[0] = 0;
    const victim = await cast.play("ring server", {
      path,
      board: boardName,
      messages: MESSAGES,
      capacity: CAPACITY,
    });
    if (await victim.says("listening")) {
      try {
        const channel = await within(
          10_000,
          SharedBuffer.connect(path, { receiveQueue: { messages: 8 } }),
          "the connection or its refusal",
        );
        await check(await within(10_000, converse(channel, MESSAGES), "the survivor's end"), cast);
        channel.destroy();
        await channel.closed;
      } catch (error) {
        if (!(error instanceof ChannelError) || !(await victim.ended())) throw error;
        expect(["ERR_NO_PEER", "ERR_PEER_DIED"]).toContain(error.code);
      }
    }
    await victim.ended();
    await takesOver(path);
  },
};

const broadcastWriter: Scenario = {
  name: "a broadcast whose writer is killed",
  async run(cast) {
    const path = freshPath();
    const before = mappings();
    const args = { path, capacity: BROADCAST_CAPACITY, messages: BROADCASTS };
    const victim = await cast.play("broadcast writer", args);
    if (await victim.says("listening")) {
      const error = await within(10_000, follow(path), "the follower's end");
      const killed = await victim.ended();
      expect(performance.now() - victim.endedAt).toBeLessThan(PROMPT);
      const codes = killed ? ["ERR_PEER_DIED", "ERR_NO_PEER", "ERR_END_OF_CHANNEL"] : ["ERR_END_OF_CHANNEL"];
      expect(codes).toContain(error.code);
    }
    await victim.ended();
    expect(mappings()).toBe(before);
    await takesOver(path);
  },
};

/** Follows to the end, which it returns. */
async function follow(path: string): Promise<ChannelError> {
  try {
    await using follower = await SharedBuffer.follow(path, { from: "oldest" });
    let next = 0;
    for (;;) {
      const { message, missed = 0 } = await follower.receiveEnvelope();
      next += missed;
      checkMessage(message, next, lengthOf(next, 4, 1000));
      next++;
    }
  } catch (error) {
    if (error instanceof ChannelError) return error;
    throw error;
  }
}

const broadcastFollower: Scenario = {
  name: "a broadcast with a follower that is killed",
  async run(cast) {
    const path = freshPath();
    const before = mappings();
    {
      await using sender = await SharedBuffer.broadcast(path, { capacity: BROADCAST_CAPACITY });
      const victim = await cast.play("broadcast follower", { path, messages: BROADCASTS });
      if (await victim.says("following")) {
        await using other = await SharedBuffer.follow(path);
        const received = (async () => {
          let next = 0;
          while (next < BROADCASTS) {
            const { message, missed = 0 } = await other.receiveEnvelope();
            next += missed;
            checkMessage(message, next, lengthOf(next, 4, 1000));
            next++;
          }
        })();
        for (let sequence = 0; sequence < BROADCASTS; sequence++) {
          await sender.send(messageOf(sequence, lengthOf(sequence, 4, 1000)));
          if (sequence % 16 === 15) await new Promise((resolve) => setImmediate(resolve));
        }
        await within(10_000, received, "all for the other follower");
        await victim.ended();
        await expect.poll(() => sender.followers).toBe(1);
      }
      await victim.ended();
    }
    expect(mappings()).toBe(before);
  },
};

/** The next to listen there needs no help, and leaves nothing. */
async function takesOver(path: string): Promise<void> {
  const listener = await SharedBuffer.listen(path);
  const [client, server] = await Promise.all([SharedBuffer.connect(path), listener.accept()]);
  client.destroy();
  server.destroy();
  await Promise.all([client.closed, server.closed]);
  await listener.close();
  expect(readdirSync(folder).filter((name) => path.endsWith(name))).toEqual([]);
  expect(readdirSync(folder).filter((name) => name.startsWith(`${basename(path)}.`))).toEqual([]);
}

describeKills("shared-buffer", [ringClient, ringServer, broadcastWriter, broadcastFollower], {
  short: 8,
  long: 3000,
});
