import { execFileSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { json, lines, text } from "sluice";
import { spawnSandboxed } from "sluice/daemon";
import { DENIED_CALLS, seccompProgram } from "../../../src/daemon/sandbox/seccomp.js";
import { loadCore } from "../../../src/native/binding.js";
import { compiled, startPeer } from "../../support/child.js";
import { until } from "../../mechanisms/unix-socket/support.js";
import { openDescriptors } from "../../support/open-descriptors.js";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const build = dirname(dirname(compiled("src/index.ts")));
const helper = compiled("test/support/peers/daemon/sandbox/helper.ts");
const readOnly = [build, join(root, "prebuilds"), join(root, "package.json")];
const sleep = (marker: string): [string, string[]] => [
  "/bin/sh",
  ["-c", `sleep ${marker} & sleep ${marker} & wait`],
];

let count = 0;
/** A time to sleep for that no other process has as an argument. */
const freshMarker = (): string => `${86_400 + count++}.${process.pid}`;

/** How many processes have this among their arguments. */
function running(marker: string): number {
  return readdirSync("/proc").filter((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    try {
      return readFileSync(`/proc/${pid}/cmdline`, "latin1").startsWith(`sleep\0${marker}`);
    } catch {
      return false; // it has ended since
    }
  }).length;
}

describe("spawnSandboxed()", () => {
  it("gives a Node helper its end of the channel and the environment that was named", async () => {
    const before = openDescriptors();
    {
      await using sandbox = spawnSandboxed(process.execPath, [helper], {
        codec: json<string | object>(),
        readOnly,
        env: { ONE: "1" },
        timeout: 50_000,
      });
      await sandbox.channel.send("hello");
      expect(await sandbox.channel.receive()).toEqual({ length: 5, variables: ["ONE", "PWD"] });
      await sandbox.channel.send("leave");
      await expect(sandbox.channel.receive()).rejects.toMatchObject({ code: "ERR_END_OF_CHANNEL" });
      expect(await sandbox.exited).toEqual({ code: 3, signal: null, stderr: "leaving\n" });
    }
    await until(() => openDescriptors() <= before);
  });

  it("tells of a helper that crashes", async () => {
    await using sandbox = spawnSandboxed(process.execPath, [helper], {
      codec: json<string | object>(),
      readOnly,
    });
    await sandbox.channel.send("crash");
    await expect(sandbox.channel.receive({ timeout: 30_000 })).rejects.toMatchObject({
      code: expect.stringMatching(/ERR_END_OF_CHANNEL|ERR_PEER_DIED/) as string,
    });
    expect(await sandbox.exited).toMatchObject({ code: 128 + 6, signal: null });
  });

  it("kills a helper that hangs, and all that it has started, when its time is over", async () => {
    const marker = freshMarker();
    const sandbox = spawnSandboxed(...sleep(marker), { ...{ over: "stdio" }, timeout: 1500 });
    await until(() => running(marker) === 2);
    await expect(sandbox.channel.receive()).rejects.toMatchObject({ code: "ERR_TIMEOUT" });
    expect(await sandbox.exited).toMatchObject({ code: null, signal: "SIGKILL" });
    await until(() => running(marker) === 0);
  });

  it("kills the helper when its channel is closed, and when the signal is aborted", async () => {
    for (const end of ["close", "abort"]) {
      const marker = freshMarker();
      const controller = new AbortController();
      const sandbox = spawnSandboxed(...sleep(marker), { over: "stdio", signal: controller.signal });
      await until(() => running(marker) === 2);
      if (end === "close") await sandbox.channel.close();
      else controller.abort();
      expect(await sandbox.exited).toMatchObject({ signal: "SIGKILL" });
      await until(() => running(marker) === 0);
    }
  });

  it("leaves no helper behind when its parent is killed by -9", async () => {
    const marker = freshMarker();
    await using parent = startPeer("daemon/sandbox/parent", [marker]);
    await parent.expectLine("started");
    await until(() => running(marker) === 2);
    parent.kill("SIGKILL");
    await parent.exit;
    await until(() => running(marker) === 0);
  });

  it("keeps back descriptors that were left open across exec", async () => {
    const core = loadCore();
    const leak = openSync("/etc/passwd", "r");
    core.setCloseOnExec(leak, false);
    const talk = { over: "stdio", framing: lines(), codec: text() } as const;
    await using sandbox = spawnSandboxed("/bin/sh", ["-c", "ls -l /proc/self/fd >&2; echo done"], talk);
    expect(await sandbox.channel.receive()).toBe("done");
    expect((await sandbox.exited).stderr).not.toContain("passwd");
    closeSync(leak);
  });

  it("says what to install where bwrap or prlimit is missing", () => {
    const path = process.env["PATH"];
    const empty = mkdtempSync(join(tmpdir(), "sluice-path-"));
    process.env["PATH"] = empty;
    try {
      expect(() => spawnSandboxed("/bin/true")).toThrow(
        expect.objectContaining({
          code: "ERR_UNSUPPORTED",
          message: expect.stringContaining("bubblewrap") as string,
        }) as Error,
      );
    } finally {
      process.env["PATH"] = path;
      rmSync(empty, { recursive: true });
    }
  });

  it("rejects `exited` with what bwrap says when the sandbox cannot be made", async () => {
    // Its owner alone may look into it, and the helper runs as somebody else where we are root.
    const folder = mkdtempSync(join(tmpdir(), "sluice-closed-"));
    const file = join(folder, "file");
    closeSync(openSync(file, "w"));
    const sandbox = spawnSandboxed("/bin/true", [], { readOnly: [file] });
    if (process.geteuid?.() === 0) {
      await expect(sandbox.exited).rejects.toMatchObject({
        code: "ERR_SYSTEM",
        message: expect.stringMatching(/Permission denied/) as string,
      });
    } else expect(await sandbox.exited).toMatchObject({ code: 0 });
    await sandbox.channel.closed;
    rmSync(folder, { recursive: true });
  });

  it("refuses wrong options by their names, and what is not there", () => {
    const wrong: [object, string][] = [
      [{ readOnly: "/etc" }, "options.readOnly"],
      [{ readOnly: ["etc"] }, "options.readOnly"],
      [{ readOnly: ["/"] }, "options.readOnly"],
      [{ readOnly: ["/usr/.."] }, "options.readOnly"],
      [{ writable: [5] }, "options.writable"],
      [{ env: { "A=B": "x" } }, "options.env"],
      [{ env: { A: 1 } }, "options.env.A"],
      [{ limits: { processes: 0 } }, "options.limits.processes"],
      [{ limits: { memory: "1g" } }, "options.limits.memory"],
      [{ limits: { files: Infinity } }, "options.limits.files"],
      [{ timeout: -1 }, "options.timeout"],
      [{ over: "socket" }, "options.over"],
    ];
    const before = openDescriptors();
    for (const [options, text] of wrong)
      expect(() => spawnSandboxed("/bin/true", [], options), JSON.stringify(options)).toThrow(text);
    const missing = expect.objectContaining({ code: "ERR_NO_PEER" }) as Error;
    expect(() => spawnSandboxed("no-such-program")).toThrow(missing);
    expect(() => spawnSandboxed("/bin/true", [], { readOnly: ["/no/such/path"] })).toThrow(missing);
    expect(() => spawnSandboxed("", [])).toThrow("command");
    expect(openDescriptors()).toBe(before);
  });
});

describe("the seccomp filter", () => {
  it("has the numbers that the kernel's headers have", () => {
    const names = [...Object.keys(DENIED_CALLS)];
    const source = ["#include <asm/unistd.h>", ...names.map((name) => `@ __NR_${name}`)].join("\n");
    const output = execFileSync("cc", ["-E", "-P", "-"], { input: source, encoding: "utf8" });
    const numbers = output
      .split("\n")
      .filter((line) => line.startsWith("@"))
      .map((line) => Number(line.slice(2)));
    const index = process.arch === "arm64" ? 1 : 0;
    expect(Object.values(DENIED_CALLS).map((pair) => pair[index])).toEqual(numbers);
  });

  it("fits into a pipe and a filter, and is refused for a CPU whose numbers are not known", () => {
    for (const arch of ["x64", "arm64"]) expect(seccompProgram(arch).length).toBeLessThan(4096 * 8);
    expect(() => seccompProgram("riscv64")).toThrow(
      expect.objectContaining({ code: "ERR_UNSUPPORTED" }) as Error,
    );
  });
});
