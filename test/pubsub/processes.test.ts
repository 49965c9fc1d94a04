import { json, SharedBuffer } from "sluice";
import { publisher } from "sluice/pubsub";
import { expect, test } from "vitest";
import { within } from "../contract/subject.js";
import { startPeer } from "../support/child.js";
import { newName } from "./support.js";

test(
  "one publisher and 16 subscriber processes over a broadcast: received and missed are all that was sent, in each",
  { timeout: 120_000 },
  async () => {
    const path = newName();
    const sender = await SharedBuffer.broadcast(path, { capacity: 65_536 });
    const news = publisher(sender, { codec: json<number>() });
    const peers = Array.from({ length: 16 }, () => startPeer("pubsub/subscriber", [path.replace("\0", "@")]));
    await within("all", Promise.all(peers.map((peer) => peer.expectLine("following"))), 50_000);
    const sent = 100_000;
    for (let count = 0; count < sent; count++) await news.publish(`n.${count % 7}`, count);
    await news.close();
    for (const peer of peers) {
      const report = JSON.parse(await within("a report", peer.nextLine(), 30_000)) as {
        code: string;
        received: number;
        missed: number;
      };
      expect(report.code).toBe("ERR_END_OF_CHANNEL");
      expect(report.received).toBeGreaterThan(0);
      expect(report.received + report.missed).toBe(sent);
      await within("its end", peer.exit);
    }
  },
);
