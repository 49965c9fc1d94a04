import { describe, expect, it } from "vitest";
import { startPeer } from "../../support/child.js";
import { freshPath } from "./support.js";

describe("UnixSocket without the native core", () => {
  it("carries streams by node:net and packets by node-unix-socket, and refuses what it cannot check", async () => {
    const env = { SLUICE_NATIVE: "/nonexistent/core.node" };
    await using peer = startPeer("unix-socket/without-core", [freshPath()], { env });
    const lines: string[] = [];
    for await (const line of peer.lines) lines.push(line);
    expect(await peer.exit, peer.stderr).toEqual({ code: 0, signal: null });
    expect(lines).toEqual([
      "checked listen ERR_UNSUPPORTED",
      "checked connect ERR_UNSUPPORTED",
      "abstract ERR_UNSUPPORTED",
      "pair ERR_UNSUPPORTED",
      "native ERR_UNSUPPORTED",
      "nobody ERR_NO_PEER",
      "mode 640",
      "second listen ERR_ADDRESS_IN_USE",
      "identity none ERR_UNSUPPORTED",
      "stream 5000 true",
      "file after close false",
      "regular file ERR_ADDRESS_IN_USE",
      "size 8",
      "seqpacket whole packets",
      "answer back",
      "seqpacket file after close false",
    ]);
  });
});
