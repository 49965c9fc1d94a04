import { describe, expect, it } from "vitest";
import { json, MessageQueue } from "sluice";
import { startPeer } from "../../support/child.js";
import { codeOf, useName } from "./support.js";

const NOBODY = 65_534;

for (const kind of ["posix", "sysv"] as const) {
  const name = useName(kind);
  const options = { kind, create: true, codec: json<number>() } as const;

  describe(`${kind} queues that several share`, () => {
    it("deliver each message of three senders once, to one of three receivers", async () => {
      await using queue = await MessageQueue.open(name(), options);
      const receivers = [0, 1, 2].map(() => startPeer("message-queue/worker", [kind, name(), "receive"]));
      await Promise.all(receivers.map((peer) => peer.expectLine("ready")));
      const senders = [0, 1, 2].map((sender) =>
        startPeer("message-queue/worker", [
          kind,
          name(),
          "send",
          String(sender * 1000),
          String(sender * 1000 + 1000),
        ]),
      );
      await Promise.all(senders.map((peer) => peer.expectLine("sent")));
      // One end for each; they come after all numbers, since the priorities are the same.
      for (const _ of receivers) await queue.send(-1);
      const got = await Promise.all(
        receivers.map(async (peer) => {
          const numbers: number[] = [];
          for await (const line of peer.lines) numbers.push(Number(line));
          return numbers;
        }),
      );
      const all = got.flat().sort((left, right) => left - right);
      expect(all).toEqual(Array.from({ length: 3000 }, (_, number) => number));
      for (const numbers of got) {
        for (const sender of [0, 1, 2]) {
          const own = numbers.filter((number) => Math.floor(number / 1000) === sender);
          expect(own, "the order of one sender").toEqual([...own].sort((left, right) => left - right));
        }
      }
      await Promise.all([...senders, ...receivers].map((peer) => peer[Symbol.asyncDispose]()));
    });

    it("keep what was sent before a kill -9 for the next process", async () => {
      await (await MessageQueue.open(name(), options)).close();
      await using peer = startPeer("message-queue/worker", [kind, name(), "leave"]);
      await peer.expectLine("left");
      peer.kill("SIGKILL");
      await peer.exit;
      await using next = startPeer("message-queue/worker", [kind, name(), "receive"]);
      await next.expectLine("ready");
      for (let number = 0; number < 8; number++) await next.expectLine(String(number));
    });

    it("lose nothing when a receiver that waits is killed", async () => {
      await using queue = await MessageQueue.open(name(), options);
      for (let round = 0; round < 5; round++) {
        await using peer = startPeer("message-queue/worker", [kind, name(), "receive"]);
        await peer.expectLine("ready");
        peer.kill("SIGKILL");
        await peer.exit;
        await queue.send(round);
        expect(await queue.receive()).toBe(round);
      }
    });

    // Only root may become another user.
    if (process.getuid?.() !== 0) return;
    it("are closed to other users, and not trusted when others own them", async () => {
      const other = { uid: NOBODY, gid: NOBODY };
      await using own = await MessageQueue.open(name(), options);
      await using denied = startPeer("message-queue/open", [kind, name()], other);
      expect(await denied.nextLine()).toBe("ERR_ACCESS_DENIED");
      MessageQueue.unlink(name(), { kind });
      await own.close();
      // Made by the other user, for all.
      await using squatter = startPeer("message-queue/open", [kind, name(), "create"], other);
      expect(await squatter.nextLine()).toBe("open");
      await expect(MessageQueue.open(name(), options)).rejects.toMatchObject({
        code: "ERR_ACCESS_DENIED",
        message: expect.stringMatching(/uid 65534.*options\.allow/) as string,
      });
      expect(
        await codeOf(
          MessageQueue.open(name(), { ...options, allow: { uids: [NOBODY] } }).then((queue) => queue.close()),
        ),
      ).toBeUndefined();
    });
  });
}
