import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { startProgram } from "../../support/child.js";
import { until } from "../../mechanisms/unix-socket/support.js";
import { connect, expectLines, freshFolder, logOf, orderly, rest, startDaemon } from "./support.js";

describe("a daemon that is told to stop", () => {
  it.each(["SIGTERM", "SIGINT"] as const)(
    "stops in order at %s, removes what is its own, and exits with 0",
    async (signal) => {
      const folder = freshFolder();
      await using daemon = await startDaemon(folder);
      expect(readdirSync(folder).sort()).toEqual([
        "control.sock",
        "control.sock.lock",
        "life.pid",
        "life.pid.lock",
        "notes.sock",
        "notes.sock.lock",
      ]);
      daemon.kill(signal);
      expect(await rest(daemon)).toEqual(["signal", ...orderly]);
      expect(await daemon.exit).toEqual({ code: 0, signal: null });
      expect(readdirSync(folder)).toEqual([]);
      expect(logOf(daemon)).toEqual([
        "info starting",
        "info listening on control",
        "info listening on notes",
        "info started",
        `info received ${signal}`,
        "info stopping",
        "info drained",
        "info stopped",
      ]);
    },
  );

  it("accepts nobody any more while a call in flight ends, and then goes", async () => {
    const folder = freshFolder();
    await using daemon = await startDaemon(folder);
    await using client = await connect(folder);
    const answer = client.hold();
    await daemon.expectLine("held");
    daemon.kill("SIGTERM");
    await expectLines(daemon, ["signal", "stopping"]);
    await until(() => !existsSync(join(folder, "control.sock")));
    await expect(connect(folder)).rejects.toMatchObject({ code: "ERR_NO_PEER" });
    await daemon.write("the answer");
    expect(await answer).toBe("the answer");
    expect(await rest(daemon)).toEqual(orderly.slice(1));
    expect(await daemon.exit).toEqual({ code: 0, signal: null });
  });

  it("cuts calls off at its deadline, also those that heed no signal, and still exits with 0", async () => {
    const folder = freshFolder();
    await using daemon = await startDaemon(folder, ["short", "hold-for-ever"]);
    await using client = await connect(folder);
    const answer = client.hold().catch((error: unknown) => error);
    await daemon.expectLine("held");
    daemon.kill("SIGTERM");
    expect(await rest(daemon)).toEqual(["signal", "stopping", "cut", ...orderly.slice(1)]);
    expect(await answer).toBeInstanceOf(Error);
    expect(await daemon.exit).toEqual({ code: 0, signal: null });
  });

  it("hurries at a second signal: its deadline is now", async () => {
    const folder = freshFolder();
    await using daemon = await startDaemon(folder, ["hold-for-ever"]);
    await using client = await connect(folder);
    const answer = client.hold().catch((error: unknown) => error);
    await daemon.expectLine("held");
    daemon.kill("SIGTERM");
    await expectLines(daemon, ["signal", "stopping"]);
    const begun = performance.now();
    daemon.kill("SIGINT");
    expect(await rest(daemon)).toEqual(["signal", "hurrying", "cut", ...orderly.slice(1)]);
    expect(performance.now() - begun).toBeLessThan(5000);
    expect(await answer).toBeInstanceOf(Error);
    expect(await daemon.exit).toEqual({ code: 0, signal: null });
    expect(readdirSync(folder)).toEqual([]);
  });

  it.each([
    ["onStop throws", "stop-throws", "error onStop failed"],
    ["onStop never ends", "stop-hangs", "error onStop did not end by the deadline"],
    ["a resource cannot be released", "release-throws", "error releasing a resource failed"],
  ])("cleans up all the same when %s, says so, and exits with 1", async (_, behaviour, line) => {
    const folder = freshFolder();
    await using daemon = await startDaemon(folder, ["short", behaviour]);
    daemon.kill("SIGTERM");
    const lines = await rest(daemon);
    expect(lines.filter((each) => each !== "failed")).toEqual([
      "signal",
      ...orderly.slice(0, -1),
      "stopped 1",
    ]);
    expect(logOf(daemon)).toContain(line);
    expect(await daemon.exit).toEqual({ code: 1, signal: null });
    expect(readdirSync(folder)).toEqual([]);
  });

  it.each([
    ["an exception", "uncaught", "uncaughtException", "thrown nowhere"],
    ["a rejection", "unhandled", "unhandledRejection", "rejected nowhere"],
  ])(
    "stops in the same order after %s that nobody has caught, with 1",
    async (_, behaviour, origin, text) => {
      const folder = freshFolder();
      await using daemon = await startDaemon(folder, [behaviour]);
      daemon.kill("SIGUSR2");
      expect(await rest(daemon)).toEqual(["signal", "failed", ...orderly.slice(0, -1), "stopped 1"]);
      expect(logOf(daemon)).toContain(`error ${origin} failed`);
      expect(daemon.stderr).toContain(text);
      expect(await daemon.exit).toEqual({ code: 1, signal: null });
      expect(readdirSync(folder)).toEqual([]);
    },
  );

  it("lets calls in flight end after an error that nobody has caught", async () => {
    const folder = freshFolder();
    await using daemon = await startDaemon(folder, ["uncaught"]);
    await using client = await connect(folder);
    const answer = client.hold();
    await daemon.expectLine("held");
    daemon.kill("SIGUSR2");
    await expectLines(daemon, ["signal", "failed", "stopping"]);
    await daemon.write("the answer");
    expect(await answer).toBe("the answer");
    expect(await daemon.exit).toEqual({ code: 1, signal: null });
  });

  it("exits although something of the program's own keeps the process alive, and says what", async () => {
    await using daemon = await startDaemon(freshFolder(), ["lingers"]);
    daemon.kill("SIGTERM");
    expect(await rest(daemon)).toEqual(["signal", ...orderly, "failed"]);
    expect(await daemon.exit).toEqual({ code: 0, signal: null });
    expect(daemon.stderr).toMatch(/"kept":\[[^\]]*"Timeout"/);
  });

  it("stops when the program says so", async () => {
    await using daemon = await startDaemon(freshFolder());
    await daemon.write("stop");
    expect(await rest(daemon)).toEqual(orderly);
    expect(await daemon.exit).toEqual({ code: 0, signal: null });
  });

  it("survives a burst of signals from a shell, and stops once", async () => {
    const folder = freshFolder();
    await using daemon = await startDaemon(folder);
    const burst = `for i in $(seq 200); do kill -HUP ${daemon.pid}; kill -USR1 ${daemon.pid}; kill -USR2 ${daemon.pid}; done; kill -TERM ${daemon.pid}; kill -HUP ${daemon.pid}`;
    await using shell = startProgram("bash", ["-c", burst]);
    expect(await shell.exit).toEqual({ code: 0, signal: null });
    const lines = await rest(daemon);
    expect(lines.filter((line) => line.startsWith("stopp"))).toEqual(["stopping", "stopped 0"]);
    expect(lines.filter((line) => line === "reload-failed")).toEqual([]);
    expect(await daemon.exit).toEqual({ code: 0, signal: null });
    expect(readdirSync(folder)).toEqual([]);
  });
});
