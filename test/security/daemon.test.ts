import { chmodSync, chownSync, existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, it } from "vitest";
import { startPeer, startProgram } from "../support/child.js";

const DAEMON = 65531;
const FLOODER = 65532;
const HONEST = 65533;
const STRANGER = 65534;
const ROUNDS = 3;
const counters = `sluice-full-${process.pid}`;
const flooder = fileURLToPath(new URL("../support/peers/security/flood-daemon.py", import.meta.url));
const as = (uid: number): { uid: number; gid: number } => ({ uid, gid: uid });
const folders: string[] = [];

afterEach(() => {
  rmSync(`/dev/shm/${counters}`, { force: true });
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

/** The runtime directory of a daemon whose sockets others may reach. */
function runtimeFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "sluice-users-"));
  folders.push(folder);
  chownSync(folder, DAEMON, DAEMON);
  chmodSync(folder, 0o755);
  return folder;
}

interface Result {
  readonly overflows: Readonly<Record<string, number>>;
  readonly lost: number;
  readonly count: number;
}

describe("a daemon of runDaemon() with policy, quota and audit log", () => {
  if (process.geteuid?.() !== 0) {
    it("needs root for its tests: nobody else may become three users", () => {
      expect(() => process.setuid?.(DAEMON)).toThrow(/EPERM/);
    });
    return;
  }

  it.each<[way: string, overflow: string | undefined]>([
    ["connections", "connections"],
    ["rings", "connections"],
    ["metrics", undefined],
    ["first message", "firstMessageTimeout"],
    ["half a message", "connections"],
    ["calls", "messagesPerSecond"],
    ["long calls", "callsInFlight"],
    ["denied calls", "messagesPerSecond"],
    ["long names", "messagesPerSecond"],
    ["answers", undefined],
    ["subscriptions", "messagesPerSecond"],
    ["descriptors", "descriptors"],
  ])("answers every call of one user while another floods it with %s", async (way, overflow) => {
    const folder = runtimeFolder();
    await using daemon = startPeer("security/full-daemon", [folder, counters], as(DAEMON));
    await daemon.expectLine("serving");
    await using flood = startProgram("/usr/bin/python3", [flooder, folder, way], as(FLOODER));
    await flood.expectLine("flooding");
    await using honest = startPeer("security/honest", [folder, String(ROUNDS)], as(HONEST));
    const said = JSON.parse(await honest.nextLine()) as {
      answered: number;
      slowest: number;
      failed: string[];
    };
    expect(said.failed).toEqual([]);
    expect(said.answered).toBe(5 * ROUNDS);
    expect(said.slowest).toBeLessThan(10_000);
    if (overflow !== undefined) {
      await daemon.write(overflow);
      await daemon.expectLine(`${overflow} was exceeded`);
    }
    flood.kill("SIGKILL");
    await flood.exit;
    daemon.end();
    const { overflows } = JSON.parse(await daemon.nextLine()) as Result;
    if (overflow !== undefined) expect(overflows[overflow]).toBeGreaterThan(0);
    expect(await daemon.exit, daemon.stderr).toEqual({ code: 0, signal: null });
    expect(existsSync(join(folder, "control.sock"))).toBe(false);
    for (const line of readFileSync(join(folder, "audit.log"), "utf8").trimEnd().split("\n"))
      JSON.parse(line);
  });

  it("gives nothing away to a user without a role, nor to one with a role more than that role allows", async () => {
    const folder = runtimeFolder();
    await using daemon = startPeer("security/full-daemon", [folder, counters], as(DAEMON));
    await daemon.expectLine("serving");
    const outcomesFor = async (uid: number): Promise<Record<string, string>> => {
      const args = [folder, counters, String(daemon.pid)];
      await using attacker = startPeer("security/full-attacker", args, as(uid));
      return JSON.parse(await attacker.nextLine()) as Record<string, string>;
    };
    const denied = "ERR_ACCESS_DENIED";
    const forNobody = {
      ...{ restart: denied, "call secret": denied, "counters-write": denied, "counters-remove": denied },
      ...{ "counters-read": "worked", "counters-cut": "EACCES", "counters-file": "EACCES" },
      ...{ "pid-read": "worked", "pid-write": "EACCES", "pid-remove": "EACCES", "pid-lock": "EACCES" },
      ...{
        "audit-read": "EACCES",
        "audit-write": "EACCES",
        "audit-remove": "EACCES",
        "audit-link": expect.stringMatching(/^E(PERM|ACCES)$/) as string,
      },
      ...{ "second instance": denied, "replace socket": "EACCES", "restart-lock": "EACCES" },
      ...{ signal: "EPERM", memory: "EACCES", descriptors: "EACCES" },
    };
    expect(await outcomesFor(FLOODER)).toEqual({
      ...forNobody,
      ...{
        "call echo": "worked",
        "call __proto__": "ERR_UNKNOWN_METHOD",
        "call constructor": "ERR_UNKNOWN_METHOD",
      },
      ...{
        "hear news": "worked",
        "hear all": "refused",
        "hear other": "refused",
        ring: "worked",
        metrics: "worked",
      },
    });
    expect(await outcomesFor(STRANGER)).toEqual({
      ...forNobody,
      ...{
        "call secret": "refused",
        "call echo": "refused",
        "call __proto__": "refused",
        "call constructor": "refused",
      },
      ...{
        "hear news": "refused",
        "hear all": "refused",
        "hear other": "refused",
        ring: expect.stringMatching(/^(refused|ERR_ACCESS_DENIED)$/) as string,
        metrics: "refused",
      },
    });
    expect(readFileSync(join(folder, "full.pid"), "latin1")).toBe(`${daemon.pid}\n`);
    daemon.end();
    expect(JSON.parse(await daemon.nextLine())).toMatchObject({ lost: 0, count: 0 });
    expect(await daemon.exit, daemon.stderr).toEqual({ code: 0, signal: null });
    const audit = readFileSync(join(folder, "audit.log"), "utf8");
    expect(audit).toMatch(/"call",[^\n]*"uid":65532[^\n]*"name":"secret","decision":"denied"/);
    expect(audit).toMatch(/"connect","peer":{[^\n]*"uid":65534[^\n]*"decision":"denied"/);
  });
});
