import { existsSync, readFileSync } from "node:fs";
import { EPERM } from "../../../../src/native/binding.js";
import { SharedBuffer } from "sluice";
import { describe, expect, test } from "vitest";
import { compose } from "../../../contract/traffic.js";
import { turns, within } from "../../../contract/subject.js";
import { type Peer, startPeer } from "../../../support/child.js";
import { settledDescriptors } from "../../../support/settled-descriptors.js";

let number = 0;
const newPath = (): string => `\0sluice-broadcast-${process.pid}-${++number}`;
const shown = (path: string): string => path.replace("\0", "@");

interface Report {
  readonly code: string;
  readonly received: number;
  readonly told: number;
  readonly missed: number;
}

async function startFollowers(
  count: number,
  path: string,
  pause: (index: number) => number,
): Promise<Peer[]> {
  const peers = Array.from({ length: count }, (_, index) =>
    startPeer("broadcast/follower", [shown(path), String(pause(index))]),
  );
  await within("all to follow", Promise.all(peers.map((peer) => peer.expectLine("following"))), 50_000);
  return peers;
}

const reportOf = async (peer: Peer): Promise<Report> =>
  JSON.parse(await within("a report", peer.nextLine(), 30_000)) as Report;

/** Sends numbered messages of many sizes, and lets others run now and then. */
async function sendAll(
  sender: { send(message: Uint8Array): Promise<void> },
  count: number,
  during?: (sequence: number) => void,
): Promise<void> {
  for (let sequence = 0; sequence < count; sequence++) {
    await sender.send(compose(sequence, 20 + ((sequence * 7919) % 500)));
    during?.(sequence);
    if (sequence % 64 === 0) await turns(1);
  }
}

describe("one writer and 16 follower processes", () => {
  test(
    "each verifies its sequence: what it received and what it was told to have missed is all that was sent",
    { timeout: 120_000 },
    async () => {
      const path = newPath();
      const sender = await SharedBuffer.broadcast(path, { capacity: 65_536 });
      // Every fourth is slow.
      const peers = await startFollowers(16, path, (index) => (index % 4 === 3 ? 20 : 0));
      expect(sender.followers).toBe(16);
      const sent = 60_000;
      await sendAll(sender, sent);
      await sender.close();
      let missed = 0;
      for (const [index, peer] of peers.entries()) {
        const report = await reportOf(peer);
        expect(report, `follower ${index}`).toMatchObject({
          code: "ERR_END_OF_CHANNEL",
          told: report.missed,
        });
        expect(report.received + report.missed, `follower ${index}`).toBe(sent);
        missed += report.missed;
        await within("its end", peer.exit);
      }
      expect(missed, "slow ones miss some").toBeGreaterThan(0);
    },
  );

  test(
    "kill -9 of followers in traffic harms neither the writer nor the others, and leaves no descriptor",
    { timeout: 120_000 },
    async () => {
      const path = newPath();
      const before = await settledDescriptors();
      const sender = await SharedBuffer.broadcast(path, { capacity: 1024 * 1024 });
      const peers = await startFollowers(8, path, () => 0);
      const sent = 20_000;
      await sendAll(sender, sent, (sequence) => {
        if (sequence % 4000 === 2000) peers[sequence / 4000 - 0.5]?.kill("SIGKILL");
      });
      const killed = peers.slice(0, 5);
      const rest = peers.slice(5);
      await within("the killed to be gone", Promise.all(killed.map((peer) => peer.exit)));
      while (sender.followers > rest.length) await turns(1);
      await sender.close();
      for (const peer of rest) {
        const { received, missed } = await reportOf(peer);
        expect(received + missed).toBe(sent);
      }
      await Promise.all(rest.map((peer) => peer.exit));
      expect(await settledDescriptors()).toBe(before);
    },
  );
});

test(
  "kill -9 of the writer in traffic, 30 times: followers have whole messages and fail with ERR_PEER_DIED",
  { timeout: 120_000 },
  async () => {
    for (let round = 0; round < 30; round++) {
      const path = newPath();
      await using writer = startPeer("broadcast/writer", [shown(path), "16384", String(10 + round * 40)]);
      await writer.expectLine("open");
      await using follower = await SharedBuffer.follow(path);
      let next = 0;
      const reading = (async () => {
        for (;;) {
          const { message, missed = 0 } = await follower.receiveEnvelope();
          next += missed;
          if (!message.equals(compose(next++, 10 + round * 40))) throw new Error(`message ${next} is torn`);
          if (next > 2000 + round * 100) writer.kill("SIGKILL");
        }
      })();
      await expect(within("the end", reading)).rejects.toMatchObject({ code: "ERR_PEER_DIED" });
      await within("its release", follower.closed);
    }
  },
);

test("a stalled follower costs the writer nothing: its memory stays, and the follower then is told what it missed", async () => {
  const path = newPath();
  const sender = await SharedBuffer.broadcast(path, { capacity: 65_536 });
  const [peer] = await startFollowers(1, path, () => 0);
  peer!.kill("SIGSTOP");
  const message = Buffer.alloc(8000);
  for (let count = 0; count < 20_000; count++) await sender.send(message);
  const before = process.memoryUsage.rss();
  const sent = 200_000;
  for (let count = 0; count < sent; count++) await sender.send(message);
  expect(process.memoryUsage.rss() - before).toBeLessThan(16 * 1024 * 1024);
  expect(sender.lag).toBe(65_536);
  peer!.kill("SIGKILL");
  await peer!.exit;
  await sender.close();
});

describe("a hostile follower", () => {
  test.each(["page", "talk"])("harms nobody but itself (%s)", async (way) => {
    const path = newPath();
    const sender = await SharedBuffer.broadcast(path, { capacity: 65_536 });
    await using honest = await SharedBuffer.follow(path);
    await using peer = startPeer("broadcast/hostile-follower", [shown(path), way]);
    const refused = JSON.parse(await within("its attempts", peer.nextLine())) as Record<string, number>;
    expect(Object.values(refused)).toEqual(Array(5).fill(-EPERM));
    for (let sequence = 0; sequence < 5000; sequence++) {
      await sender.send(compose(sequence, 100));
      const message = await within("a message", honest.receive());
      expect(message.equals(compose(sequence, 100))).toBe(true);
      expect(sender.lag).toBeLessThanOrEqual(65_536);
      if (sequence % 50 === 0) await turns(1);
    }
    if (way === "talk") {
      while (sender.followers > 1) await turns(1);
    }
    await within("close", sender.close());
  });
});

test("after kill -9 of the writer its socket file is replaced by the next one", async () => {
  const path = `/tmp/sluice-broadcast-${process.pid}`;
  const writer = startPeer("broadcast/writer", [path]);
  await writer.expectLine("open");
  expect(() => readFileSync(path)).toThrow(/ENXIO/);
  await expect(SharedBuffer.broadcast(path)).rejects.toMatchObject({ code: "ERR_ADDRESS_IN_USE" });
  writer.kill("SIGKILL");
  await writer.exit;
  await (await SharedBuffer.broadcast(path)).close();
  expect(existsSync(path)).toBe(false);
});
