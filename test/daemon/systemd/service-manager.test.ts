import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { text } from "../../../src/codec/index.js";
import { ServiceManager } from "../../../src/daemon/index.js";
import { UnixSocket } from "../../../src/mechanisms/unix-socket/unix-socket.js";
import { type Peer, startPeer } from "../../support/child.js";
import { freshPath, nextNotification, setEnvironment, startReceiver } from "./support.js";
import { openDescriptors } from "../../support/open-descriptors.js";

const NOTHING = { NOTIFY_SOCKET: undefined, WATCHDOG_USEC: undefined, WATCHDOG_PID: undefined };

function monotonicMicroseconds(): bigint {
  return process.hrtime.bigint() / 1000n;
}

describe("ServiceManager", () => {
  it.each(["path", "abstract"])(
    "tells the states of a daemon in their order, as itself: %s",
    async (kind) => {
      const address = kind === "path" ? freshPath("notify") : `@sluice-notify-${process.pid}`;
      await using receiver = await startReceiver(address);
      setEnvironment({ ...NOTHING, NOTIFY_SOCKET: address });
      const manager = new ServiceManager();
      expect(process.env["NOTIFY_SOCKET"]).toBeUndefined();
      expect(manager.isPresent).toBe(true);
      expect(manager.environment).toEqual({ NOTIFY_SOCKET: address });
      const started = monotonicMicroseconds();
      const descriptors = openDescriptors();
      await Promise.all([
        manager.status("starting\nREADY=1"),
        manager.ready("serving"),
        manager.reloading(),
        manager.ready(),
        manager.extendTimeout(1500),
        manager.mainPid(process.pid),
        manager.notify({ ERRNO: 2, X_SLUICE: "a=b" }),
        manager.triggerWatchdog(),
        manager.stopping("until the last call is answered"),
      ]);
      const seen = [];
      for (let count = 0; count < 9; count++) seen.push(await nextNotification(receiver));
      const reloading = seen[2]?.text ?? "";
      expect(seen.map((one) => one.text)).toEqual([
        "STATUS=starting READY=1",
        "READY=1\nSTATUS=serving",
        reloading,
        "READY=1",
        "EXTEND_TIMEOUT_USEC=1500000",
        `MAINPID=${process.pid}`,
        "ERRNO=2\nX_SLUICE=a=b",
        "WATCHDOG=trigger",
        "STOPPING=1\nSTATUS=until the last call is answered",
      ]);
      const [, time = ""] = /^RELOADING=1\nMONOTONIC_USEC=([0-9]+)$/.exec(reloading) ?? [];
      expect(BigInt(time)).toBeGreaterThanOrEqual(started);
      expect(BigInt(time)).toBeLessThanOrEqual(monotonicMicroseconds());
      for (const one of seen) expect([one.pid, one.uid]).toEqual([process.pid, process.getuid?.()]);
      expect(openDescriptors()).toBe(descriptors);
    },
  );

  it("has descriptors stored by name, and forgotten", async () => {
    const address = freshPath("notify");
    await using receiver = await startReceiver(address);
    setEnvironment({ ...NOTHING, NOTIFY_SOCKET: address });
    const manager = new ServiceManager();
    const fd = openSync("/etc/hostname", "r");
    await manager.store("state", [fd, fd]);
    closeSync(fd);
    await manager.unstore("state");
    expect(await nextNotification(receiver)).toMatchObject({
      text: "FDSTORE=1\nFDNAME=state",
      files: ["/etc/hostname", "/etc/hostname"],
    });
    expect(await nextNotification(receiver)).toMatchObject({
      text: "FDSTOREREMOVE=1\nFDNAME=state",
      files: [],
    });
  });

  it("waits at a barrier until the service manager is there, and no longer than it may", async () => {
    const address = freshPath("notify");
    await using receiver = await startReceiver(address);
    setEnvironment({ ...NOTHING, NOTIFY_SOCKET: address });
    const manager = new ServiceManager();
    const descriptors = openDescriptors();
    let passed = false;
    const barrier = manager.barrier().then(() => (passed = true));
    await receiver.expectLine("barrier");
    expect(passed).toBe(false);
    await receiver.write("go on");
    await barrier;
    expect(await nextNotification(receiver)).toMatchObject({ text: "BARRIER=1" });
    await expect(manager.barrier({ timeout: 50 })).rejects.toMatchObject({ code: "ERR_TIMEOUT" });
    expect(openDescriptors()).toBe(descriptors);
  });

  it("sends what the real systemd-notify sends", async () => {
    const address = freshPath("notify");
    await using receiver = await UnixSocket.bind(address, { codec: text() });
    setEnvironment({ ...NOTHING, NOTIFY_SOCKET: address });
    // systemd puts what is free in form last.
    const real = spawn(
      "systemd-notify",
      ["--no-block", "--ready", "--status=up and running", `--pid=${process.pid}`, "X_SLUICE=1"],
      { stdio: "inherit", env: { ...process.env, NOTIFY_SOCKET: address } },
    );
    const theirs = await receiver.receive();
    expect(await once(real, "exit")).toEqual([0, null]);
    const manager = new ServiceManager();
    await manager.notify({ READY: 1, STATUS: "up and running", MAINPID: process.pid, X_SLUICE: 1 });
    expect(await receiver.receive()).toBe(theirs);
  });

  it("does nothing without a service manager", async () => {
    setEnvironment({ ...NOTHING, WATCHDOG_USEC: "1000000" });
    const manager = new ServiceManager();
    expect(manager.isPresent).toBe(false);
    expect(manager.environment).toEqual({ WATCHDOG_USEC: "1000000" });
    await manager.ready();
    await manager.store("x", [0]);
    await manager.barrier();
    await manager.notify({ READY: 1 });
    manager.watchdog()[Symbol.dispose]();
  });

  it.each([
    ["that is gone", "/nonexistent/notify", "ERR_NO_PEER"],
    ["of vsock", "vsock:2:1234", "ERR_UNSUPPORTED"],
    ["of a relative path", "notify", "ERR_UNSUPPORTED"],
  ])("logs that it cannot reach a service manager %s, and goes on", async (_kind, address, code) => {
    setEnvironment({ ...NOTHING, NOTIFY_SOCKET: address });
    const errors: object[] = [];
    const logger = {
      error: (details: object) => void errors.push(details),
      warn: () => undefined,
    };
    const manager = new ServiceManager({ logger });
    await manager.ready();
    expect(errors).toMatchObject([{ err: { code }, fields: { READY: 1 } }]);
    await expect(manager.notify({ READY: 1 })).rejects.toMatchObject({ code });
    await expect(manager.barrier()).rejects.toMatchObject({ code });
  });

  it("warns by the process where there is no logger", async () => {
    setEnvironment({ ...NOTHING, NOTIFY_SOCKET: "/nonexistent/notify" });
    const warned = once(process, "warning");
    await new ServiceManager().ready();
    expect(await warned).toMatchObject([{ code: "SLUICE_NOTIFY_FAILED" }]);
  });

  it("refuses what would be another assignment, and variables that are none", async () => {
    setEnvironment(NOTHING);
    const manager = new ServiceManager();
    for (const fields of [{ "A B": 1 }, { READY: "1\nMAINPID=1" }, { READY: "\0" }, {}])
      await expect(manager.notify(fields as { READY: string })).rejects.toThrow(TypeError);
    for (const name of ["", "a:b", "a\n", "ü", "x".repeat(256)])
      await expect(manager.store(name, [0])).rejects.toThrow(TypeError);
    await expect(manager.store("x", [])).rejects.toThrow(RangeError);
    await expect(manager.mainPid(0)).rejects.toThrow(RangeError);
    await expect(manager.extendTimeout(0)).rejects.toThrow(RangeError);
    await expect(manager.status(1 as unknown as string)).rejects.toThrow(TypeError);
    expect(() => manager.watchdog({ maxLag: 0 })).toThrow(RangeError);
    expect(() => manager.watchdog({ isHealthy: 1 as unknown as () => boolean })).toThrow(TypeError);
    setEnvironment({ WATCHDOG_USEC: "soon" });
    expect(() => new ServiceManager()).toThrow(/WATCHDOG_USEC must be a whole number/);
  });
});

/** Reads on until there is such a line: on a busy machine the daemon may be late, and say so, at any time. */
async function lineLike(peer: Peer, pattern: RegExp): Promise<void> {
  while (!pattern.test(await peer.nextLine()));
}

describe("the watchdog of a ServiceManager", () => {
  it("tells at half the interval that the process lives, and is silent while the event loop stands still", async () => {
    const address = freshPath("notify");
    await using receiver = await startReceiver(address);
    const env = { NOTIFY_SOCKET: address, WATCHDOG_USEC: "800000", WATCHDOG_PID: undefined };
    await using daemon = startPeer("daemon/watchdog", [], { env });
    await daemon.expectLine("watching");
    const first = performance.now();
    for (let count = 0; count < 5; count++)
      expect(await nextNotification(receiver)).toMatchObject({ text: "WATCHDOG=1", pid: daemon.pid });
    // Four intervals of 400 ms after the first, which comes at once.
    const took = performance.now() - first;
    expect(took).toBeGreaterThan(800);
    // The loop stands still for 2 s: nothing can come, and the first turn after it is late and sends nothing either.
    const blocked = performance.now();
    await daemon.write("block 2000");
    await lineLike(daemon, /^blocking$/);
    const next = nextNotification(receiver);
    await lineLike(daemon, /^unblocked$/);
    await next;
    expect(performance.now() - blocked).toBeGreaterThan(2000);
    await lineLike(daemon, /^late by [0-9]{4,} ms$/);
    // It is up to the daemon, too.
    await daemon.write("sick");
    await lineLike(daemon, /^held back$/);
    expect(daemon.kill()).toBe(true);
  });

  it("is not for a process that it is not meant for", () => {
    setEnvironment({ NOTIFY_SOCKET: "/run/x", WATCHDOG_USEC: "1000000", WATCHDOG_PID: "1" });
    expect(new ServiceManager().watchdogInterval).toBeUndefined();
    setEnvironment({ WATCHDOG_USEC: "1000000", WATCHDOG_PID: String(process.pid) });
    expect(new ServiceManager().watchdogInterval).toBe(1000);
    expect(process.env["WATCHDOG_PID"]).toBeUndefined();
    setEnvironment({ WATCHDOG_USEC: "0" });
    expect(new ServiceManager().watchdogInterval).toBeUndefined();
  });
});
