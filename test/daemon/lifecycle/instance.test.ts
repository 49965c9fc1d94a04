import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { InstanceLock } from "../../../src/daemon/lifecycle/instance-lock.js";
import { isRunning, startPeer, startProgram } from "../../support/child.js";
import { connect, freshFolder, rest, startDaemon } from "./support.js";

const pidIn = (folder: string): string => readFileSync(join(folder, "life.pid"), "utf8");

describe("the one instance of a daemon", () => {
  it("tells its pid to whoever may look into its folder", async () => {
    const folder = freshFolder();
    await using daemon = await startDaemon(folder);
    expect(pidIn(folder)).toBe(`${daemon.pid}\n`);
    expect(statSync(join(folder, "life.pid")).mode & 0o777).toBe(0o644);
    await using shell = startProgram("bash", ["-c", 'kill "$(cat "$0/life.pid")"', folder]);
    expect(await shell.exit).toEqual({ code: 0, signal: null });
    expect(await daemon.exit).toEqual({ code: 0, signal: null });
  });

  it("is told by the second start, which fails and disturbs nothing", async () => {
    const folder = freshFolder();
    await using daemon = await startDaemon(folder);
    await using second = startPeer("daemon/life", ["life", folder]);
    expect(await rest(second)).toEqual(["starting", "failed", "stopping", "drained", "stopped 1"]);
    expect(await second.exit).toEqual({ code: 1, signal: null });
    expect(second.stderr).toContain("ERR_ADDRESS_IN_USE");
    expect(second.stderr).toContain(
      `Cannot start daemon "life": process ${daemon.pid} runs it and holds "${folder}/life.pid.lock"`,
    );
    expect(pidIn(folder)).toBe(`${daemon.pid}\n`);
    await using client = await connect(folder);
    expect(await client.ping()).toBe(daemon.pid);
  });

  it("is waited for where it was killed and has not ended yet", async () => {
    for (let round = 0; round < 4; round++) {
      const folder = freshFolder();
      mkdirSync(folder, { recursive: true });
      await using daemon = startPeer("many-descriptors", ["lock", folder]);
      await daemon.expectLine("ready");
      daemon.kill("SIGKILL");
      // proc(5) shows none any more as soon as the kernel begins to close them.
      while (readdirSync(`/proc/${daemon.pid}/fd`).length > 0);
      const lock = await InstanceLock.acquire("late", () => ({ path: folder, created: false }));
      expect(lock.release()).toEqual([]);
    }
  });

  it("is found by others through the lock: flock(1) cannot take it", async () => {
    const folder = freshFolder();
    await using daemon = await startDaemon(folder);
    const script = `import fcntl, sys
f = open(sys.argv[1])
try:
    fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
    print("free")
except BlockingIOError:
    print("held")`;
    const path = join(folder, "life.pid.lock");
    await using held = startProgram("python3", ["-c", script, path]);
    await held.expectLine("held");
    daemon.kill("SIGKILL");
    await daemon.exit;
    await using free = startProgram("python3", ["-c", script, path]);
    await free.expectLine("free");
  });

  it("is replaced at once when it was killed, whatever its pid file says", async () => {
    const folder = freshFolder();
    for (let round = 0; round < 5; round++) {
      await using daemon = await startDaemon(folder);
      expect(pidIn(folder)).toBe(`${daemon.pid}\n`);
      daemon.kill("SIGKILL");
      await daemon.exit;
      // The pid of a process that lives, and has nothing to do with it.
      writeFileSync(join(folder, "life.pid"), `${process.pid}\n`);
    }
    await using last = await startDaemon(folder);
    await using client = await connect(folder);
    expect(await client.ping()).toBe(last.pid);
  });

  it("is replaced when it was killed at any moment of its start or its stop", async () => {
    const folder = freshFolder();
    for (const [behaviour, line] of [
      ["", "starting"],
      ["", "listening"],
      ["start-blocks", "blocks"],
      ["stop-hangs", "onStop"],
    ] as const) {
      await using daemon = startPeer("daemon/life", ["life", folder, behaviour]);
      for (let said = ""; said !== line; said = await daemon.nextLine())
        if (said === "started") daemon.kill("SIGTERM");
      daemon.kill("SIGKILL");
      await daemon.exit;
      await using next = await startDaemon(folder);
      next.kill("SIGTERM");
      expect(await next.exit).toEqual({ code: 0, signal: null });
      expect(readdirSync(folder)).toEqual([]);
    }
  });

  it("is one, of twenty that start at once", async () => {
    const folder = freshFolder();
    const peers = Array.from({ length: 20 }, () => startPeer("daemon/life", ["life", folder]));
    try {
      const outcomes = await Promise.all(
        peers.map(async (peer) => {
          for await (const line of peer.lines) if (line === "started" || line === "failed") return line;
          return peer.stderr;
        }),
      );
      expect(outcomes.filter((outcome) => outcome === "started")).toHaveLength(1);
      expect(outcomes.filter((outcome) => outcome === "failed")).toHaveLength(19);
      const winner = peers[outcomes.indexOf("started")]!;
      expect(pidIn(folder)).toBe(`${winner.pid}\n`);
      for (const peer of peers) {
        if (peer === winner) continue;
        expect(await peer.exit).toEqual({ code: 1, signal: null });
        expect(peer.stderr).toContain("ERR_ADDRESS_IN_USE");
      }
      expect(isRunning(winner.pid)).toBe(true);
    } finally {
      await Promise.all(peers.map((peer) => peer[Symbol.asyncDispose]()));
    }
  });

  it("removes the folder that it has made, and leaves one that was there", async () => {
    const folder = join(freshFolder(), "made");
    await using first = await startDaemon(folder);
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    first.kill("SIGTERM");
    await first.exit;
    expect(existsSync(folder)).toBe(false);
    mkdirSync(folder, 0o700);
    await using second = await startDaemon(folder);
    second.kill("SIGTERM");
    await second.exit;
    expect(existsSync(folder)).toBe(true);
    rmdirSync(folder);
  });

  it("leaves a file in its folder that is not its own, and a pid file of somebody else's", async () => {
    const folder = join(freshFolder(), "made");
    await using daemon = await startDaemon(folder);
    writeFileSync(join(folder, "notes.txt"), "mine");
    writeFileSync(join(folder, "life.pid"), "1\n");
    daemon.kill("SIGTERM");
    expect(await daemon.exit).toEqual({ code: 0, signal: null });
    expect(readdirSync(folder).sort()).toEqual(["life.pid", "notes.txt"]);
  });

  it("can start over and over, while another one ends and takes the folder away", async () => {
    const folder = join(freshFolder(), "made");
    const program = `
      import { runDaemon } from "sluice/daemon";
      const silent = { debug() {}, info() {}, warn() {}, error() {} };
      for (let rounds = 0; rounds < 100; ) {
        try {
          const daemon = await runDaemon({ name: "life", runtimeDirectory: process.argv[1], logger: silent, exit: false });
          await daemon.stop();
          rounds++;
        } catch (error) {
          if (error.code !== "ERR_ADDRESS_IN_USE") throw error;
        }
      }
      console.log("done");`;
    const cwd = new URL("../../../.build/", import.meta.url).pathname;
    const peers = [1, 2, 3].map(() =>
      startProgram(process.execPath, ["--input-type=module", "-e", program, folder], { cwd }),
    );
    try {
      for (const peer of peers) {
        await peer.expectLine("done");
        expect(await peer.exit).toEqual({ code: 0, signal: null });
      }
    } finally {
      await Promise.all(peers.map((peer) => peer[Symbol.asyncDispose]()));
    }
  });
});
