import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, test } from "vitest";
import { type Peer, startPeer } from "../support/child.js";

const ROUNDS = 20_000;
// Also where this process may use some processors only, and not the first.
const processor = /^Cpus_allowed_list:\s*(\d+)/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1] ?? "0";

function confine({ pid }: Peer): void {
  execFileSync("taskset", ["--all-tasks", "--cpu-list", "--pid", processor, String(pid)]);
}

test.each(["ring", "seqpacket", "dgram", "stream"])(
  "two processes that share one processor talk over %s: each answer is the right one, and their event loops turn",
  async (kind) => {
    const folder = mkdtempSync(path.join(tmpdir(), "sluice-one-processor-"));
    try {
      const start = (role: string): Peer =>
        startPeer("conversation", [kind, role, path.join(folder, "socket"), String(ROUNDS)]);
      await using server = start("listen");
      await server.expectLine("ready");
      confine(server);
      await using client = start("connect");
      confine(client);
      await client.expectLine(`${ROUNDS} rounds, the event loop turned`);
      await server.expectLine(`${ROUNDS} rounds, the event loop turned`);
      expect(await client.exit).toEqual({ code: 0, signal: null });
      expect(await server.exit).toEqual({ code: 0, signal: null });
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
  120_000,
);
