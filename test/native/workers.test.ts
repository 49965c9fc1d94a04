import { expect, test } from "vitest";
import { startPeer } from "../support/child.js";

test.each([
  ["terminate", "a worker that is terminated with open Polls, maps, signals and sockets leaves nothing open"],
  ["exit", "a worker that calls process.exit() with everything open leaves nothing open"],
  ["end", "a worker whose loop runs out with unreferenced Polls leaves nothing open"],
  ["throw", "a worker that dies of an exception in a Poll's callback leaves nothing open"],
])("%s: %s", { timeout: 120_000 }, async (mode) => {
  await using peer = startPeer("native/workers", [mode]);
  await peer.expectLine("descriptors as before");
  await peer.expectLine("maps as before");
  await peer.expectLine("disposition 0");
  expect(await peer.exit).toEqual({ code: 0, signal: null });
});

test("two threads use the core at the same time, and a signal reaches the subscribers of both", async () => {
  await using peer = startPeer("native/workers-signal");
  await peer.expectLine("main 5");
  await peer.expectLine("worker 5");
  expect(await peer.exit).toEqual({ code: 0, signal: null });
});
