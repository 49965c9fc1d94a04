// What the sweep has found and what was mended since, so that it stays so.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { startPeer } from "../../support/child.js";
import { PAGE_BYTES, type Rule } from "../../support/peers/faults/injector.js";
import type { NoRoom } from "../../support/peers/faults/no-room.js";
import { complaints } from "./cases.js";
import { faultyCore, usePlayer } from "./player.js";

const { EMFILE, ENFILE, ENOBUFS, ENOMEM, ENOSPC } = constants.errno;

const found: readonly (readonly [
  what: string,
  operation: string,
  fault: Pick<Rule, "call" | "nth" | "value">,
])[] = [
  [
    "a pipe whose capacity cannot be learned is closed",
    "anonymous-pipe: traffic",
    { call: "fcntl", nth: 1, value: EMFILE },
  ],
  [
    "a FIFO that cannot be looked at after it was made is removed",
    "named-pipe: traffic",
    { call: "open", nth: 1, value: ENFILE },
  ],
  [
    "a POSIX queue that was made for a channel that cannot be is removed",
    "message-queue-posix: traffic",
    { call: "uv_poll_init", nth: 1, value: ENOMEM },
  ],
  [
    "a System V queue that was made for a channel that cannot be is removed",
    "message-queue-sysv: traffic",
    { call: "eventfd", nth: 1, value: ENFILE },
  ],
  [
    "shared memory whose peer cannot be woken ends with an error",
    "shared-buffer: question and answer",
    { call: "send", nth: 1, value: ENOBUFS },
  ],
  [
    "a broadcast hangs up on a follower that cannot be woken",
    "broadcast: aborted waits",
    { call: "send", nth: 1, value: ENOBUFS },
  ],
  [
    "a broadcast hangs up on a follower that cannot be watched",
    "broadcast: traffic",
    { call: "uv_poll_init", nth: 3, value: ENOSPC },
  ],
  [
    "a TCP connection that cannot be watched while it is made is closed",
    "tcp-socket: traffic",
    { call: "uv_poll_init", nth: 2, value: ENOSPC },
  ],
  [
    "a listener that cannot look at its file at the end says that it stays",
    "unix-stream: traffic",
    { call: "statx", nth: 6, value: ENOMEM },
  ],
];

const player = usePlayer();

test.each(found)("%s", async (_what, operation, fault) => {
  const calm = await player().play({ operation, rules: [] });
  const played = { operation, rules: [{ kind: "fail", ...fault }] } as const;
  const outcome = await player().play(played);
  expect(outcome.fired).toEqual([1]);
  expect(complaints(played, outcome, calm)).toEqual([]);
});

test("nothing is made or received for which no memory is left to remember its descriptor", async () => {
  const folder = mkdtempSync(join(tmpdir(), "sluice-no-room-"));
  try {
    const page = join(folder, "page");
    writeFileSync(page, Buffer.alloc(PAGE_BYTES));
    const env = { SLUICE_FAULTS: page, SLUICE_NATIVE: faultyCore, LD_PRELOAD: undefined };
    await using peer = startPeer("faults/no-room", [folder], { env });
    const told = JSON.parse(await peer.nextLine()) as NoRoom;
    expect(told).toEqual({
      file: [-ENOMEM, false],
      queue: [-ENOMEM, false],
      refused: [-ENOMEM, -ENOMEM],
      opened: 0,
      received: ["message".length, 1],
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
});
