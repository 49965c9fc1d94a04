import { expect, it } from "vitest";
import { startPeer } from "../../support/child.js";

it("TCP and UDP work by node:net and node:dgram where the native core does not load, and count what they drop", async () => {
  await using peer = startPeer("internet/without-core", [], {
    env: { SLUICE_NATIVE: "/nonexistent/core.node" },
  });
  for (const line of [
    "host 127.0.0.1 second listen ERR_ADDRESS_IN_USE",
    "tcp message 999",
    "end ERR_END_OF_CHANNEL",
    "nobody ERR_NO_PEER",
    "udp answer to question",
    "flood 10 received 90 dropped",
    "leave twice ERR_SYSTEM",
    "taken ERR_ADDRESS_IN_USE",
    "refused ERR_PEER_DIED",
  ]) {
    await peer.expectLine(line);
  }
  expect(await peer.exit, peer.stderr).toEqual({ code: 0, signal: null });
});
