import { expect, it } from "vitest";
import { UnixSocket } from "../../../../src/index.js";
import { startPeer } from "../../../support/child.js";
import { freshPath } from "./support.js";

it("seqpacket works without the native core, by node-unix-socket alone, and says what it cannot do", async () => {
  await using peer = startPeer("unix-packets/without-core", [freshPath()], {
    env: { SLUICE_NATIVE: "/nonexistent" },
  });
  for (const line of [
    "identity none",
    "all in order",
    "empty ERR_INVALID_MESSAGE",
    "then last words",
    "end ERR_PEER_DIED",
    "unchecked ERR_UNSUPPORTED",
    "datagrams ERR_UNSUPPORTED",
    "large ERR_UNSUPPORTED",
    "closed ERR_NO_PEER",
  ]) {
    await peer.expectLine(line);
  }
  expect(await peer.exit).toEqual({ code: 0, signal: null });
});

it("an allow function that throws lets nobody in, and its error is an ordinary uncaught exception", async () => {
  const path = freshPath();
  await using peer = startPeer("unix-packets/throwing-allow", [path]);
  await peer.expectLine("bound");
  await using sender = await UnixSocket.connect(path, { type: "dgram" });
  await sender.send(Buffer.from("first"));
  await peer.expectLine("uncaught the function is broken");
  await sender.send(Buffer.from("second"));
  await peer.expectLine("received second, refused 1");
  expect(await peer.exit).toEqual({ code: 0, signal: null });
});
