import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { lines, text, UnixSocket } from "sluice";
import { spawnSandboxed, type SandboxOptions } from "sluice/daemon";
import { compiled } from "../../support/child.js";

const programs = fileURLToPath(new URL("../../support/peers/daemon/sandbox/", import.meta.url));
const talk = { over: "stdio", framing: lines(), codec: text(), timeout: 50_000 } as const;
const folder = mkdtempSync(join(tmpdir(), "sluice-sandbox-"));
const abstract = `\0sluice-sandbox-${process.pid}`;
const readable = join(folder, "readable");
const tcp = createServer();
let unix: AsyncDisposable[] = [];
let targets = "";

beforeAll(async () => {
  chmodSync(folder, 0o755);
  mkdirSync(readable);
  chmodSync(readable, 0o755);
  writeFileSync(join(readable, "file"), "content");
  writeFileSync(join(folder, "secret"), "of the caller");
  for (const name of [join(folder, "secret"), join(readable, "file")]) chmodSync(name, 0o666);
  await new Promise<void>((resolve) => tcp.listen(0, "127.0.0.1", resolve));
  // One socket lies in the helper's view: seeing a socket is not connecting to it.
  unix = [
    await UnixSocket.listen(join(readable, "s.sock"), { allow: "anyone", mode: 0o666 }),
    await UnixSocket.listen(abstract, { allow: "anyone" }),
  ];
  targets = JSON.stringify({
    secret: join(folder, "secret"),
    readable: join(readable, "file"),
    pid: process.pid,
    port: (tcp.address() as AddressInfo).port,
    abstract,
    path: join(readable, "s.sock"),
  });
});

afterAll(async () => {
  tcp.close();
  for (const listener of unix) await listener[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

/** What a helper says until it is done: the first word of each line, and the rest. */
async function outcomes(
  command: string,
  args: readonly string[],
  options: SandboxOptions<string, string>,
): Promise<Record<string, string>> {
  await using helper = spawnSandboxed(command, args, options);
  const said: Record<string, string> = {};
  for await (const line of helper.channel) {
    if (line === "done") return said;
    const space = line.indexOf(" ");
    said[space < 0 ? line : line.slice(0, space)] = space < 0 ? "" : line.slice(space + 1);
  }
  throw new Error(`The helper ended early, after ${JSON.stringify(said)}: ${(await helper.exited).stderr}`);
}

describe("a hostile helper in a sandbox", () => {
  it("in Node has the path that was named, and nothing else: no file, no socket, no process, no more than its limits", async () => {
    const program = compiled("test/support/peers/daemon/sandbox/hostile.ts");
    const said = await outcomes(process.execPath, [program, targets], {
      ...talk,
      readOnly: [readable, program],
    });
    expect(said).toEqual({
      readable: 'worked: "content"',
      passwd: "ENOENT",
      secret: "ENOENT",
      "root-of-1": expect.stringMatching(/^(EACCES|ENOENT)$/) as string,
      "files-of-caller": "ENOENT",
      "write-readable": "EROFS",
      "write-root": "EROFS",
      "write-dev": "EROFS",
      "write-usr": "EROFS",
      tcp: "EPERM",
      abstract: "EPERM",
      path: "EPERM",
      kill: "ESRCH",
      "kill-all": expect.any(String) as string,
      fill: "ENOSPC",
      bomb: "EAGAIN",
      descriptors: "[]",
      environment: "LANG,PATH,PWD",
      ids: expect.stringMatching(/^65534 /) as string,
    });
    expect(readFileSync(join(readable, "file"), "utf8")).toBe("content");
  });

  it("in Python neither", async () => {
    const program = join(programs, "hostile.py");
    const said = await outcomes("/usr/bin/python3", [program, targets], {
      ...talk,
      readOnly: [readable, program],
    });
    expect(said).toEqual({
      passwd: "ENOENT",
      secret: "ENOENT",
      list: "worked",
      "root-of-1": expect.stringMatching(/^(EACCES|worked)$/) as string,
      tcp: "EPERM",
      abstract: "EPERM",
      path: "EPERM",
      kill: "ESRCH",
      bomb: "EAGAIN",
      memory: "ENOMEM",
      processes: "",
      descriptors: "0 1 2 3",
    });
  });

  it("in C finds every system call closed that could lead out", async () => {
    const binary = join(folder, "hostile");
    execFileSync("cc", ["-o", binary, join(programs, "hostile.c")]);
    chmodSync(binary, 0o755);
    const { descriptors, ...said } = await outcomes(binary, [String(process.pid)], talk);
    expect(descriptors).toBe("0 1 2");
    expect(said).toMatchObject({ open: "ENOENT", "kill-caller": "ESRCH", clone3: "ENOSYS" });
    if (process.arch === "x64") expect(said).toMatchObject({ x32: "SYS", int80: "SYS" });
    for (const [name, outcome] of Object.entries(said))
      if (!["open", "kill-caller", "clone3", "x32", "int80", "setuid", "setgid"].includes(name))
        expect(outcome, name).toBe("EPERM");
    expect(said["setuid"]).toMatch(/^E(PERM|INVAL)$/);
    expect(said["setgid"]).toMatch(/^E(PERM|INVAL)$/);
  });
});
