import { spawnSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { fill, openPair, scratch, SMALL_QUEUES, type Subject, within } from "../subject.js";
import { compose, verify } from "../traffic.js";
import { startPeer } from "../../support/child.js";
import { settledDescriptors } from "../../support/settled-descriptors.js";

/** Lines 12 to 14: what is released, what keeps a process alive, and where user code runs. */
export function lifetimeLines(subject: Subject): void {
  const { maker } = subject;

  describe("12. everything is released exactly once", () => {
    it("leaves no descriptor open, however a channel ends", async () => {
      const endings = [
        async () => {
          await using pair = await openPair(subject);
          await pair.sender.send(compose(0, 100));
          verify(await within("a message", pair.receiver.receive()), 0, 100);
          await within("both closes", Promise.all([pair.sender.close(), pair.receiver.close()]));
        },
        async () => {
          await using pair = await openPair(subject, SMALL_QUEUES);
          await fill(pair.sender, (sequence) => compose(sequence, 2000));
          pair.sender.destroy();
        },
        async () => {
          await using pair = await openPair(subject, SMALL_QUEUES);
          await fill(pair.sender, (sequence) => compose(sequence, 2000));
          pair.receiver.destroy();
        },
      ];
      // The first opening may load what stays, such as an addon.
      for (const ending of endings) await ending();
      const before = await settledDescriptors();
      for (let cycle = 0; cycle < 10; cycle++) for (const ending of endings) await ending();
      expect(await settledDescriptors()).toBe(before);
    });

    it("gives no descriptor to a child process", async () => {
      const inherited = (): string[] =>
        spawnSync("ls", ["-l", "/proc/self/fd"], { encoding: "utf8" })
          .stdout.split("\n")
          .filter((line) => line.includes("->"))
          .map((line) => line.slice(line.indexOf("-> ")).replace(/\d+/g, "N"));
      const before = inherited();
      await using pair = await openPair(subject);
      expect(inherited()).toEqual(before);
      await pair.sender.send(compose(0, 100));
      verify(await within("a message", pair.receiver.receive()), 0, 100);
    });

    for (const scenario of ["close", "destroy", "unref"] as const) {
      const what = { close: "closed", destroy: "destroyed", unref: "unref'ed" }[scenario];
      it(`a channel that is ${what} does not keep its process alive`, async () => {
        using directory = scratch(maker);
        await using peer = startPeer("contract-lifetime", [maker.name, directory.path, scenario]);
        await within("the scenario", peer.expectLine("done"));
        expect(await within("the process to end by itself", peer.exit), peer.stderr).toEqual({
          code: 0,
          signal: null,
        });
      });
    }

    it(
      maker.keepsAlive
        ? "an open channel keeps its process alive until it is closed"
        : "an open channel alone does not keep its process alive: there is nothing that could still happen",
      async () => {
        using directory = scratch(maker);
        await using peer = startPeer("contract-lifetime", [maker.name, directory.path, "open"]);
        await within("the scenario", peer.expectLine("done"));
        // In the first case a timer that does not keep the process alive closes the channel, and says so.
        if (maker.keepsAlive) await within("the open channel to be closed", peer.expectLine("closing"));
        expect(await within("the process to end by itself", peer.exit), peer.stderr).toEqual({
          code: 0,
          signal: null,
        });
      },
    );
  });

  userCodeLines(subject);

  describe("14. worker threads", () => {
    it(
      maker.workers
        ? "works in workers, 20 of which are terminated in mid-traffic"
        : "is refused in workers with ERR_UNSUPPORTED",
      async () => {
        using directory = scratch(maker);
        await using peer = startPeer("contract-workers", [maker.name, directory.path, "20"]);
        const line = await within("20 workers", peer.nextLine(), 55_000);
        expect(await within("the process to end", peer.exit), peer.stderr).toEqual({ code: 0, signal: null });
        expect(JSON.parse(line)).toEqual(
          maker.workers
            ? { terminated: 20, descriptorsLeft: 0 }
            : { refused: "ERR_UNSUPPORTED", descriptorsLeft: 0 },
        );
      },
    );
  });
}

/** Line 13: where user code runs. */
export function userCodeLines({ maker }: Subject): void {
  describe("13. user code never runs inside a native callback's stack", () => {
    for (const place of ["then", "loop", "decode", "send"] as const) {
      it(`a throw in user code (${place}) is an ordinary uncaught error that names its place`, async () => {
        using directory = scratch(maker);
        await using peer = startPeer("contract-lifetime", [maker.name, directory.path, "throw", place]);
        const exit = await within("the process to end", peer.exit);
        expect(exit, peer.stderr).toEqual({ code: 1, signal: null });
        expect(peer.stderr).toMatch(/Error: thrown by the user/);
      });
    }

    it("an uncaught error that the process handles leaves the channel working", async () => {
      using directory = scratch(maker);
      await using peer = startPeer("contract-lifetime", [maker.name, directory.path, "handled"]);
      await within("the error", peer.expectLine("uncaught: thrown by the user"));
      await within("the messages after it", peer.expectLine("done"));
      expect(await within("the process to end", peer.exit), peer.stderr).toEqual({ code: 0, signal: null });
    });
  });
}
