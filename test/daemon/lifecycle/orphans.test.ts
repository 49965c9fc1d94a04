import { describe, expect, it } from "vitest";
import { compiled, type Peer, startProgram } from "../../support/child.js";
import { freshFolder } from "./support.js";

const program = compiled("test/support/peers/daemon/orphans.ts");
const isRoot = process.getuid?.() === 0;
const ROUNDS = 40;

async function reaps(peer: Peer, pid: RegExp): Promise<void> {
  const said = await peer.nextLine();
  expect(said).toMatch(pid);
  expect(said).toContain(", wrong 0, wrong in the worker 0");
  await peer.expectLine("zombies 0");
}

describe("a daemon that is handed orphans", () => {
  // In a user namespace of one uid, which needs no root, the folders above belong to nobody that is known, and are refused.
  it.runIf(isRoot)(
    "takes notice of their ends as process 1, leaves Node its own children, and stops at SIGTERM",
    async () => {
      const args = [
        "--pid",
        "--fork",
        "--mount-proc",
        "--kill-child",
        process.execPath,
        program,
        freshFolder(),
        String(ROUNDS),
      ];
      await using peer = startProgram("unshare", args);
      await reaps(peer, /^pid 1,/);
      // unshare is the parent; process 1 is its only child.
      await using shell = startProgram("bash", ["-c", `kill -TERM $(cat /proc/${peer.pid}/task/*/children)`]);
      expect(await shell.exit).toEqual({ code: 0, signal: null });
      expect(await peer.exit).toEqual({ code: 0, signal: null });
    },
  );

  it("does so wherever the program says, under prctl(PR_SET_CHILD_SUBREAPER)", async () => {
    const become = `import ctypes, os, sys
assert ctypes.CDLL(None).prctl(36, 1, 0, 0, 0) == 0
os.execv(sys.argv[1], sys.argv[1:])`;
    const args = ["-c", become, process.execPath, program, freshFolder(), String(ROUNDS)];
    await using peer = startProgram("python3", args, { env: { REAP: "1" } });
    await reaps(peer, /^pid /);
    peer.kill("SIGTERM");
    expect(await peer.exit).toEqual({ code: 0, signal: null });
  });
});
