import { chmodSync, chownSync, existsSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, it } from "vitest";
import { startPeer, startProgram } from "../support/child.js";

const DAEMON = 65531;
const ATTACKERS = [65532, 65533];
const folders: string[] = [];
const flooder = fileURLToPath(new URL("../support/peers/security/flood.py", import.meta.url));
const as = (uid: number): { uid: number; gid: number } => ({ uid, gid: uid });

afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

/** A folder of the daemon's that others can look into. */
function daemonFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "sluice-users-"));
  folders.push(folder);
  chmodSync(folder, 0o755);
  chownSync(folder, DAEMON, DAEMON);
  return folder;
}

describe("two users against a daemon of a third", () => {
  if (process.geteuid?.() !== 0) {
    it("need root: nobody else may become three users", () => {
      expect(() => process.setuid?.(DAEMON)).toThrow(/EPERM/);
    });
    return;
  }

  it("can read nothing, write nothing, take over nothing and impersonate nobody", async () => {
    const folder = daemonFolder();
    const name = `sluice-users-${process.pid}`;
    const key = String(0x52000000 + process.pid);
    await using daemon = startPeer("security/daemon", [folder, name, key], as(DAEMON));
    await daemon.expectLine("serving");
    const before = statSync(join(folder, "stream.sock"));
    const refused = expect.stringMatching(/^ERR_(END_OF_CHANNEL|PEER_DIED|ACCESS_DENIED)$/) as string;
    const denied = "ERR_ACCESS_DENIED";
    for (const uid of ATTACKERS) {
      await using attacker = startPeer("security/attacker", [folder, name, key, String(daemon.pid)], as(uid));
      const said: Record<string, string> = {};
      for (let line = await attacker.nextLine(); line !== "done"; line = await attacker.nextLine()) {
        const [what = "", outcome = ""] = line.split(" ");
        said[what] = outcome;
      }
      expect(said).toEqual({
        ...{ stream: refused, seqpacket: refused, abstract: refused, ring: refused, broadcast: refused },
        ...{ memory: denied, "memory-file": "EACCES", "memory-unlink": denied },
        ...{ "posix-queue": denied, "posix-unlink": denied, "sysv-queue": denied, "sysv-unlink": denied },
        ...{ "fifo-read": denied, "fifo-write": denied },
        ...{
          listen: denied,
          "listen-abstract": "ERR_ADDRESS_IN_USE",
          lock: "EACCES",
          "lock-remove": "EACCES",
        },
        ...{ remove: "EACCES", replace: "EACCES", plant: "EACCES", chmod: "EPERM", write: "EACCES" },
        ...{ trace: "EACCES", signal: "EPERM" },
      });
    }
    expect(statSync(join(folder, "stream.sock"))).toMatchObject({ ino: before.ino, mode: before.mode });
    daemon.end();
    // Five listeners and two attackers; their datagrams were counted and nothing of them was delivered.
    const [uids = "", count, datagrams, delivered] = (await daemon.nextLine()).split(" ");
    expect((JSON.parse(uids) as number[]).sort()).toEqual(ATTACKERS);
    expect(Number(count)).toBeGreaterThanOrEqual(12);
    expect([datagrams, delivered]).toEqual(["2", "undefined"]);
    expect(await daemon.exit).toEqual({ code: 0, signal: null });
    expect(existsSync(join(folder, "stream.sock"))).toBe(false);
  });

  it("do not keep the daemon's own user from being served by floods of connections that say nothing", async () => {
    const folder = daemonFolder();
    const name = `sluice-flood-${process.pid}`;
    const key = String(0x53000000 + process.pid);
    await using daemon = startPeer("security/daemon", [folder, name, key], as(DAEMON));
    await daemon.expectLine("serving");
    await using first = startProgram("python3", [flooder, join(folder, "stream.sock")], as(65532));
    await using second = startProgram(
      "python3",
      [flooder, join(folder, "seqpacket.sock"), "seqpacket"],
      as(65533),
    );
    await using third = startProgram("python3", [flooder, join(folder, "ring.sock"), "seqpacket"], as(65533));
    for (const flood of [first, second, third]) await flood.expectLine("flooding");
    await using client = startPeer("security/client", [folder, "50"], as(DAEMON));
    await client.expectLine("answered 150");
    for (const flood of [first, second, third]) {
      flood.end();
      expect(Number(await flood.nextLine())).toBeGreaterThan(1000);
    }
    daemon.end();
    expect(await daemon.nextLine()).toMatch(/^\[6553[23],6553[23]\] \d{3,} 0 undefined$/);
    expect(await daemon.exit).toEqual({ code: 0, signal: null });
  });
});
