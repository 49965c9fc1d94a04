import { describe, expect, test } from "vitest";
import { ChannelError, SharedBuffer } from "sluice";
import { startPeer } from "../../support/child.js";

let number = 0;
const newPath = (): string => `\0sluice-hostile-${process.pid}-${++number}`;

/** What is allowed to happen when the peer lies. */
const HONEST_ENDS = [
  "ERR_INVALID_MESSAGE",
  "ERR_MESSAGE_TOO_LARGE",
  "ERR_PEER_DIED",
  "ERR_END_OF_CHANNEL",
  "ERR_TIMEOUT",
];

describe("a peer that writes garbage into the shared memory", () => {
  test.each(
    ["everywhere", "control", "lengths"].flatMap((way) =>
      [1, 2, 3, 4, 5, 6].map((seed) => [way, seed] as const),
    ),
  )("harms nobody but itself: %s, seed %i", async (way, seed) => {
    const path = newPath();
    await using listener = await SharedBuffer.listen(path, { capacity: 16_384 });
    await using peer = startPeer("shared-buffer/hostile-peer", [
      path.replace("\0", "@"),
      way,
      String(seed * 7919),
    ]);
    const server = await listener.accept();
    await peer.expectLine("mapped");
    const before = process.memoryUsage.rss();
    const begin = performance.now();
    let turns = 0;
    const ticker = setInterval(() => turns++, 5);
    const failures: unknown[] = [];
    // On a busy machine a few turns of the event loop may take long; without any, the limit ends it.
    const isOver = (): boolean => {
      const spent = performance.now() - begin;
      return (spent > 300 && (turns > 5 || failures.length > 0)) || spent > 10_000;
    };
    const traffic = [
      async () => {
        while (!isOver()) {
          await server.sendMany([Buffer.alloc(100), Buffer.alloc(5000), Buffer.alloc(0)], { timeout: 50 });
        }
      },
      async () => {
        while (!isOver()) {
          if (seed % 3 === 0) {
            using loan = await server.receiveLoan({ timeout: 50 });
            expect(loan.bytes.length).toBeLessThanOrEqual(server.traits.maxMessageSize);
          } else if (seed % 3 === 1) {
            await server.visit(
              (memory, start, stop) => {
                expect(stop - start).toBeLessThanOrEqual(server.traits.maxMessageSize);
                expect(start >= 0 && stop <= memory.length).toBe(true);
              },
              { timeout: 50 },
            );
          } else {
            for (const message of await server.receiveMany({ timeout: 50 })) {
              expect(message.length).toBeLessThanOrEqual(server.traits.maxMessageSize);
            }
          }
        }
      },
    ].map(async (flow) => {
      // Once at least: the peer may have ended the channel before this began.
      do {
        try {
          await flow();
        } catch (error) {
          if (!(error instanceof ChannelError && HONEST_ENDS.includes(error.code))) throw error;
          failures.push(error);
          await new Promise((resolve) => setImmediate(resolve));
        }
      } while (!isOver() && server.state === "open");
    });
    await Promise.all(traffic);
    clearInterval(ticker);
    server.destroy();
    await server.closed;
    expect(process.memoryUsage.rss() - before).toBeLessThan(64 * 1024 * 1024);
    // A channel that was cut off needs no time; one that went on has let the event loop turn.
    expect(failures.length > 0 || turns > 5).toBe(true);
  });
});
