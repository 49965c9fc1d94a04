import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Peer } from "../../support/child.js";
import { until } from "../../mechanisms/unix-socket/support.js";
import { connect, expectLines, freshFolder, logOf, orderly, rest, startDaemon } from "./support.js";

interface Configured {
  readonly folder: string;
  readonly daemon: Peer;
  readonly configure: (text: string) => void;
}

async function startConfigured(behaviour: readonly string[] = []): Promise<Configured> {
  const folder = freshFolder();
  const path = join(folder, "life.json");
  const configure = (text: string): void => writeFileSync(path, text);
  configure('{"version":1}');
  const daemon = await startDaemon(folder, behaviour, { env: { DAEMON_CONFIGURATION: path } });
  return { folder, daemon, configure };
}

describe("a daemon that reloads", () => {
  it("takes a new configuration at SIGHUP, while it serves", async () => {
    const { folder, daemon, configure } = await startConfigured();
    await using _ = daemon;
    await using client = await connect(folder);
    expect(await client.config()).toEqual({ version: 1 });
    configure('{"version":2}');
    daemon.kill("SIGHUP");
    await expectLines(daemon, ["signal", "reloading", "reloaded"]);
    expect(await client.config()).toEqual({ version: 2 });
  });

  it.each([
    ["cannot be read", "{"],
    ["is refused by onReload", '{"bad":true}'],
  ])("keeps the old configuration when the new one %s, says so, and goes on", async (_, text) => {
    const { folder, daemon, configure } = await startConfigured();
    await using _daemon = daemon;
    await using client = await connect(folder);
    configure(text);
    daemon.kill("SIGHUP");
    await expectLines(daemon, ["signal", "reloading", "reload-failed"]);
    expect(await client.config()).toEqual({ version: 1 });
    configure('{"version":3}');
    daemon.kill("SIGHUP");
    await expectLines(daemon, ["signal", "reloading", "reloaded"]);
    expect(await client.config()).toEqual({ version: 3 });
    daemon.kill("SIGTERM");
    expect(await daemon.exit).toEqual({ code: 0, signal: null });
    expect(logOf(daemon)).toContain("error the reload failed, and the old configuration stays");
  });

  it("tells reload() what has failed", async () => {
    const { daemon, configure } = await startConfigured();
    await using _ = daemon;
    configure('{"bad":true}');
    await daemon.write("reload");
    await expectLines(daemon, ["reloading", "reload-failed", "reload rejects: a bad configuration"]);
    configure("{}");
    await daemon.write("reload");
    await expectLines(daemon, ["reloading", "reloaded", "reload fulfils"]);
  });

  it("reloads once more, however many ask while it reloads", async () => {
    const { daemon } = await startConfigured(["slow-reload"]);
    await using _ = daemon;
    daemon.kill("SIGHUP");
    await expectLines(daemon, ["signal", "reloading", "loads"]);
    for (let count = 0; count < 5; count++) {
      daemon.kill("SIGHUP");
      await daemon.expectLine("signal");
    }
    await daemon.write("go on");
    await expectLines(daemon, ["reloaded", "reloading", "loads"]);
    await daemon.write("go on");
    await daemon.expectLine("reloaded");
    daemon.kill("SIGTERM");
    expect(await rest(daemon)).toEqual(["signal", ...orderly]);
  });

  it("lets a reload end before it stops, and refuses the next", async () => {
    const { daemon } = await startConfigured(["slow-reload"]);
    await using _ = daemon;
    daemon.kill("SIGHUP");
    await expectLines(daemon, ["signal", "reloading", "loads"]);
    daemon.kill("SIGTERM");
    await expectLines(daemon, ["signal", "stopping"]);
    await daemon.write("go on");
    const lines = await rest(daemon);
    expect(lines).toEqual(["reloaded", ...orderly.slice(1)]);
    expect(await daemon.exit).toEqual({ code: 0, signal: null });
  });
});

describe("SIGUSR1 and SIGUSR2", () => {
  it("do what the program says, once it has started", async () => {
    await using daemon = await startDaemon(freshFolder());
    daemon.kill("SIGUSR1");
    await expectLines(daemon, ["signal", "usr1"]);
  });

  it("do no harm when an action fails: that is logged", async () => {
    const folder = freshFolder();
    await using daemon = await startDaemon(folder, ["throws"]);
    daemon.kill("SIGUSR1");
    await expectLines(daemon, ["signal", "failed"]);
    await until(() => logOf(daemon).includes("error the action of SIGUSR1 failed"));
    await using client = await connect(folder);
    expect(await client.ping()).toBe(daemon.pid);
  });
});
