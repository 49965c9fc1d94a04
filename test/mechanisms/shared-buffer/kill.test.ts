import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { ChannelError, SharedBuffer } from "sluice";
import { type Peer, startPeer } from "../../support/child.js";
import { checkMessage, lengthOf, messageOf } from "./pattern.js";
import { openDescriptors } from "../../support/open-descriptors.js";

const KILLS = 25;
/** Processes are started this many ahead: starting one takes longer than what is tested. */
const AHEAD = 4;

const mappings = (): number => readFileSync("/proc/self/maps", "latin1").split("sluice-ring").length - 1;

describe("kill -9 in the middle of traffic", () => {
  test.each(["source-many", "echo"])(
    `of a peer that runs as %s, ${KILLS} times: the channel ends within a second, with a whole prefix of what was sent`,
    async (mode) => {
      const path = `\0sluice-kill-${mode}-${process.pid}`;
      await using listener = await SharedBuffer.listen(path, { capacity: 16_384 });
      const start = (): Peer =>
        startPeer("shared-buffer/channel-peer", [mode, path.replace("\0", "@"), "1000000000", "4", "3000"]);
      const peers = Array.from({ length: AHEAD }, start);
      const before = mappings();
      const slowest: number[] = [];
      for (let kill = 0; kill < KILLS; kill++) {
        const server = await listener.accept();
        const peer = peers.find((candidate) => candidate.pid === server.peer.pid);
        if (peer === undefined) throw new Error(`who is ${server.peer.pid}?`);
        peers.splice(peers.indexOf(peer), 1);
        if (kill + AHEAD < KILLS) peers.push(start());
        let killedAt = Infinity;
        const strike = kill % 10 === 0 ? 1 : kill * 73;
        const run = async (): Promise<void> => {
          for (let sequence = 0; ; sequence++) {
            if (sequence === strike) {
              peer.kill("SIGKILL");
              killedAt = performance.now();
            }
            const length = lengthOf(sequence, 4, 3000);
            if (mode === "echo") await server.send(messageOf(sequence, length));
            checkMessage(await server.receive(), sequence, length);
          }
        };
        const error: unknown = await run().catch((reason: unknown) => reason);
        expect(error).toBeInstanceOf(ChannelError);
        expect(error).toMatchObject({ code: "ERR_PEER_DIED" });
        slowest.push(performance.now() - killedAt);
        await server.closed;
        await peer[Symbol.asyncDispose]();
      }
      expect(Math.max(...slowest)).toBeLessThan(1000);
      expect(mappings()).toBe(before);
    },
    60_000,
  );

  test("of the server: the client's calls fail within a second", async () => {
    const path = `\0sluice-kill-server-${process.pid}`;
    const before = openDescriptors();
    for (let kill = 0; kill < 5; kill++) {
      await using server = startPeer("shared-buffer/server-peer", [path.replace("\0", "@")]);
      await server.expectLine("listening");
      const client = await SharedBuffer.connect(path);
      for (let sequence = 0; sequence < 40 * kill; sequence++) {
        await client.send(messageOf(sequence, 1000));
        checkMessage(await client.receive(), sequence, 1000);
      }
      const receiving = client.receive();
      server.kill("SIGKILL");
      const begin = performance.now();
      await expect(receiving).rejects.toMatchObject({ code: "ERR_PEER_DIED" });
      expect(performance.now() - begin).toBeLessThan(1000);
      await client.closed;
    }
    await expect.poll(openDescriptors).toBe(before);
  });
});
