import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { Writable } from "node:stream";
import { pino } from "pino";
import { afterEach, beforeEach, describe, expect, expectTypeOf, it } from "vitest";
import { json, text } from "../../../src/codec/index.js";
import {
  type DaemonContext,
  type DaemonEvent,
  type DaemonLogger,
  type DaemonOptions,
  type DaemonSocketTable,
  runDaemon,
} from "../../../src/daemon/index.js";
import type { UnixDatagramSocket, UnixSocketListener } from "../../../src/index.js";
import { createClient } from "../../../src/rpc/index.js";
import { UnixSocket } from "../../../src/mechanisms/unix-socket/unix-socket.js";
import { failure, until } from "../../mechanisms/unix-socket/support.js";
import { compiled, startPeer, startProgram } from "../../support/child.js";
import { freshFolder, rest } from "./support.js";
import { openDescriptors } from "../../support/open-descriptors.js";

const nothing = (): void => undefined;
const silent: DaemonLogger = { debug: nothing, info: nothing, warn: nothing, error: nothing };
const steps: string[] = [];
const listen = (event: unknown): void => void steps.push((event as DaemonEvent).step);

beforeEach(() => {
  steps.length = 0;
  subscribe("sluice:daemon", listen);
});

afterEach(() => {
  unsubscribe("sluice:daemon", listen);
});

/** Options of a daemon within the process of the test. */
function inside(): { name: string; runtimeDirectory: string; logger: DaemonLogger; exit: false } {
  return { name: "inside", runtimeDirectory: freshFolder(), logger: silent, exit: false };
}

describe("runDaemon() within a process that goes on", () => {
  it("gives the process back as it was", async () => {
    const before = {
      listeners: process.eventNames().map((name) => [name, process.listenerCount(name)]),
      descriptors: openDescriptors(),
    };
    const daemon = await runDaemon({ ...inside(), sockets: { control: {} } });
    expect(daemon.state).toBe("running");
    expect(await daemon.stop()).toBe(0);
    expect(await daemon.finished).toBe(0);
    expect(daemon.state).toBe("stopped");
    expect(process.exitCode).toBeUndefined();
    expect({
      listeners: process.eventNames().map((name) => [name, process.listenerCount(name)]),
      descriptors: openDescriptors(),
    }).toEqual(before);
  });

  it("refuses a second daemon, until the first has stopped", async () => {
    const daemon = await runDaemon(inside());
    const error = await failure(() => runDaemon({ ...inside(), name: "other" }));
    expect(error.code).toBe("ERR_ADDRESS_IN_USE");
    expect(error.message).toContain(`this process (${process.pid}) runs daemon "inside" already`);
    await daemon.stop();
    const next = await runDaemon({ ...inside(), name: "other" });
    await next.stop();
  });

  it("undoes everything when the start fails, and rejects with the reason", async () => {
    const options = inside();
    const folder = join(options.runtimeDirectory, "made");
    const reason = new Error("no start today");
    let released = false;
    let stopped = false;
    const start = runDaemon({
      ...options,
      runtimeDirectory: folder,
      sockets: { control: {}, notes: { type: "dgram" } },
      onStart({ defer }) {
        defer(() => (released = true));
        throw reason;
      },
      onStop: () => (stopped = true),
    });
    await expect(start).rejects.toBe(reason);
    expect({ released, stopped }).toEqual({ released: true, stopped: true });
    expect(existsSync(folder)).toBe(false);
    expect(steps).toEqual(["starting", "listening", "listening", "failed", "stopping", "drained", "stopped"]);
  });

  it("does not open a socket when the configuration is refused", async () => {
    const start = runDaemon({
      ...inside(),
      sockets: { control: {} },
      loadConfig: () => Promise.reject(new TypeError("port must be a number")),
    });
    await expect(start).rejects.toThrow("port must be a number");
    expect(steps).toEqual(["starting", "failed", "stopping", "drained", "stopped"]);
  });

  it("tells a socket's path that is taken, and closes those that are open", async () => {
    const options = inside();
    await using _other = await UnixSocket.listen(join(options.runtimeDirectory, "b.sock"));
    const error = await failure(() => runDaemon({ ...options, sockets: { a: {}, b: {} } }));
    expect(error.code).toBe("ERR_ADDRESS_IN_USE");
    expect(existsSync(join(options.runtimeDirectory, "a.sock"))).toBe(false);
    expect(existsSync(join(options.runtimeDirectory, "b.sock"))).toBe(true);
  });

  it("gives its functions the sockets, typed by their options", async () => {
    const daemon = await runDaemon({
      ...inside(),
      sockets: {
        plain: {},
        typed: { codec: json<{ n: number }>(), path: "t", mode: 0o666 },
        notes: { type: "dgram", codec: json<string>() },
      },
      loadConfig: () => ({ level: 3 }),
      onStart(context) {
        expectTypeOf(context.config).toEqualTypeOf<{ level: number }>();
        expectTypeOf(context.sockets.plain).toEqualTypeOf<UnixSocketListener<Uint8Array, Buffer>>();
        expectTypeOf(context.sockets.typed).toEqualTypeOf<UnixSocketListener<{ n: number }, { n: number }>>();
        expectTypeOf(context.sockets.notes).toEqualTypeOf<UnixDatagramSocket<string, string>>();
        expect(context.config).toEqual({ level: 3 });
        expect(context.sockets.typed.address).toBe(join(context.runtimeDirectory, "t"));
        expect(context.sockets.notes.address).toBe(join(context.runtimeDirectory, "notes.sock"));
      },
    });
    await daemon.stop();
  });

  it("releases the last that was registered first, and at once what comes too late", async () => {
    const order: string[] = [];
    let late: DaemonContext["defer"] = nothing;
    const daemon = await runDaemon({
      ...inside(),
      onStart({ use, defer, drain }) {
        late = defer;
        use({ [Symbol.asyncDispose]: async () => void order.push("asyncDispose") });
        use({ [Symbol.dispose]: () => void order.push("dispose") });
        use({ close: () => order.push("close") });
        defer((deadline) => order.push(`defer ${deadline.aborted}`));
        drain({ close: async (options) => void order.push(`drain ${typeof options?.deadline}`) });
        expect(() => use({} as Disposable)).toThrow(TypeError);
        expect(() => drain({} as { close(): Promise<void> })).toThrow(TypeError);
        expect(() => defer(5 as unknown as () => void)).toThrow(TypeError);
      },
      onStop: () => order.push("onStop"),
    });
    await daemon.stop();
    expect(order).toEqual(["drain number", "onStop", "defer false", "close", "dispose", "asyncDispose"]);
    late(() => order.push("late"));
    await Promise.resolve();
    await new Promise(setImmediate);
    expect(order.at(-1)).toBe("late");
  });

  it("says no to a reload once it stops", async () => {
    const daemon = await runDaemon(inside());
    const stopped = daemon.stop();
    await expect(daemon.reload()).rejects.toMatchObject({ code: "ERR_CHANNEL_CLOSED" });
    await stopped;
  });

  it("logs to pino as it is", async () => {
    const lines: { level: number; msg: string; name: string; step: string; err?: { message: string } }[] = [];
    const sink = new Writable({
      write(chunk: Buffer, _encoding, done) {
        lines.push(JSON.parse(String(chunk)) as (typeof lines)[number]);
        done();
      },
    });
    const logger = pino({ name: "inside", level: "debug" }, sink);
    const daemon = await runDaemon({
      ...inside(),
      logger,
      loadConfig: () => ({}),
      onReload() {
        throw new Error("a bad configuration");
      },
    });
    await daemon.reload().catch(nothing);
    await daemon.stop();
    expect(lines.map(({ level, step }) => `${level} ${step}`)).toEqual([
      "30 starting",
      "30 started",
      "30 reloading",
      "50 reload-failed",
      "30 stopping",
      "30 drained",
      "30 stopped",
    ]);
    expect(lines[3]?.err?.message).toBe("a bad configuration");
  });

  it("does not let a log that fails keep it from stopping", async () => {
    const broken = (): never => {
      throw new Error("the disk is full");
    };
    const warnings: Error[] = [];
    const onWarning = (warning: Error): void => void warnings.push(warning);
    process.on("warning", onWarning);
    const logger = { debug: broken, info: broken, warn: broken, error: broken };
    const daemon = await runDaemon({ ...inside(), logger });
    expect(await daemon.stop()).toBe(0);
    await new Promise(setImmediate);
    process.off("warning", onWarning);
    expect(warnings.map(({ message }) => message)).toContain("the disk is full");
  });
});

describe("runDaemon() in a process of its own", () => {
  it.each(["start-waits", "start-blocks"])("can be told to stop while it starts (%s)", async (behaviour) => {
    const folder = freshFolder();
    await using daemon = startPeer("daemon/life", ["life", folder, "short", behaviour]);
    for (let line = ""; !line.endsWith("s") || line === "starting"; line = await daemon.nextLine());
    daemon.kill("SIGTERM");
    const lines = await rest(daemon);
    expect(lines.at(-1)).toMatch(behaviour === "start-waits" ? /^stopped 0$/ : /^stopped 1$/);
    expect(readdirSync(folder)).toEqual([]);
  });

  it("uses the socket that systemd has opened under its name, and leaves the file", async () => {
    const folder = freshFolder();
    const path = join(folder, "by-systemd.sock");
    const program = [process.execPath, compiled("test/support/peers/daemon/life.ts"), "life", folder];
    const args = [`--listen=${path}`, "--fdname=control", ...program];
    await using daemon = startProgram("systemd-socket-activate", args);
    await until(() => existsSync(path));
    // The first connection starts the program.
    await using client = createClient<{ ping(): number }>(await UnixSocket.connect(path));
    expect(await client.ping()).toBe(daemon.pid);
    expect(existsSync(join(folder, "control.sock"))).toBe(false);
    daemon.kill("SIGTERM");
    expect(await daemon.exit).toEqual({ code: 0, signal: null });
    expect(readdirSync(folder)).toEqual(["by-systemd.sock"]);
  });

  it("tells systemd when it is ready, reloads and stops", async () => {
    const folder = freshFolder();
    await using manager = await UnixSocket.bind(join(folder, "notify"), { codec: text() });
    const next = async (): Promise<string> => (await manager.receive({ timeout: 10_000 })).split("\n")[0]!;
    await using daemon = startPeer("daemon/life", ["life", folder], {
      env: { NOTIFY_SOCKET: manager.address },
    });
    expect(await next()).toBe("READY=1");
    daemon.kill("SIGHUP");
    expect(await next()).toBe("RELOADING=1");
    expect(await next()).toBe("READY=1");
    daemon.kill("SIGTERM");
    expect(await next()).toBe("STOPPING=1");
    expect(await daemon.exit).toEqual({ code: 0, signal: null });
  });

  it("is refused in a worker thread", async () => {
    const program = `
      import { Worker } from "node:worker_threads";
      new Worker('import("sluice/daemon").then(({ runDaemon }) => runDaemon({ name: "w" })).catch((error) => console.log(error.code))', { eval: true });`;
    const cwd = new URL("../../../.build/", import.meta.url).pathname;
    await using peer = startProgram(process.execPath, ["--input-type=module", "-e", program], { cwd });
    await peer.expectLine("ERR_UNSUPPORTED");
  });

  it("survives the end of whoever reads its log, and marks lines for the journal", async () => {
    const folder = freshFolder();
    await using daemon = startPeer("daemon/life", ["life", folder], { env: { JOURNAL_STREAM: "8:1" } });
    for (let line = ""; line !== "started"; line = await daemon.nextLine());
    expect(daemon.stderr).toMatch(/^<6>\{.*"msg":"starting"\}$/m);
    daemon.process.stderr?.destroy();
    daemon.kill("SIGHUP");
    for (let line = ""; line !== "reloaded"; line = await daemon.nextLine());
    daemon.kill("SIGTERM");
    expect(await daemon.exit).toEqual({ code: 0, signal: null });
  });
});

describe("the options of runDaemon()", () => {
  const bad: [string, unknown, RegExp][] = [
    ["no object", 5, /options must be an object/],
    ["nothing", undefined, /options must be an object/],
    ["no name", {}, /options\.name must be a string, received undefined/],
    ["a path as name", { name: "a/b" }, /options\.name must be 1 to 64 letters/],
    ["a function that is none", { name: "a", onStart: 5 }, /options\.onStart must be a function, received 5/],
    ["a loader that is none", { name: "a", loadConfig: {} }, /options\.loadConfig must be a function/],
    ["a timeout that is none", { name: "a", stopTimeout: -1 }, /options\.stopTimeout must be 0 to/],
    [
      "another signal",
      { name: "a", onSignal: { SIGTERM() {} } },
      /onSignal may have SIGUSR1 and SIGUSR2, received "SIGTERM"/,
    ],
    [
      "a logger without methods",
      { name: "a", logger: { info() {} } },
      /options\.logger must be an object with the methods debug/,
    ],
    ["sockets that are none", { name: "a", sockets: 5 }, /options\.sockets must be an object, received 5/],
    ["a socket that is none", { name: "a", sockets: { x: null } }, /options\.sockets\.x must be an object/],
    [
      "a socket with a bad name",
      { name: "a", sockets: { "../x": {} } },
      /the name of a socket in options\.sockets must be/,
    ],
    [
      "a path that is none",
      { name: "a", sockets: { x: { path: 5 } } },
      /options\.sockets\.x\.path must be a string/,
    ],
    [
      "a folder that is none",
      { name: "a", runtimeDirectory: 5 },
      /options\.runtimeDirectory must be a string/,
    ],
    ["a switch that is none", { name: "a", exit: "no" }, /options\.exit must be a boolean, received "no"/],
  ];
  it.each(bad)("refuse %s", async (_, options, message) => {
    const run = runDaemon(options as DaemonOptions<undefined, DaemonSocketTable>);
    await expect(run).rejects.toThrow(message);
    await expect(run).rejects.toSatisfy((error) => error instanceof TypeError || error instanceof RangeError);
    expect(steps).toEqual([]);
  });
});
