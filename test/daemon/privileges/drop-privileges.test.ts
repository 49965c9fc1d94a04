import { chmodSync, existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { afterEach, describe, expect, it } from "vitest";
import { MessageQueue, UnixSocket } from "sluice";
import { dropPrivileges, type DropPrivilegesOptions } from "sluice/daemon";
import { compiled, startPeer, startProgram } from "../../support/child.js";

const isRoot = process.geteuid?.() === 0;
const STRANGER = 65531;
const folders: string[] = [];

afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

/** A folder that all can look into and only its owner can write to. */
function publicFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "sluice-drop-"));
  chmodSync(folder, 0o755);
  folders.push(folder);
  return folder;
}

interface Told {
  readonly result?: { uid: number; gid: number; groups: number[] };
  readonly code?: string;
  readonly message?: string;
  readonly threads: readonly Record<string, string>[];
  readonly child: string;
}

async function drop(
  options: DropPrivilegesOptions,
  started: Parameters<typeof startPeer>[2] = {},
  ...more: string[]
): Promise<Told> {
  await using peer = startPeer("daemon/drop", [JSON.stringify(options), ...more], started);
  const told = JSON.parse(await peer.nextLine()) as Told;
  peer.end();
  expect(await peer.exit).toEqual({ code: 0, signal: null });
  return told;
}

const four = (id: number): string => Array<number>(4).fill(id).join("\t");

describe("dropPrivileges()", () => {
  it.each([
    [undefined, "options must be an object"],
    [{}, "options.user"],
    [{ user: "" }, "options.user"],
    [{ user: -1 }, "options.user"],
    [{ user: 2 ** 32 - 1 }, "options.user"],
    [{ user: "root" }, 'options.user must not be root, received "root"'],
    [{ user: 0 }, "options.user must not be root, received 0"],
    [{ user: STRANGER }, "options.group must be given for 65531"],
    [{ user: STRANGER, group: 1.5 }, "options.group"],
    [{ user: STRANGER, group: 1, groups: 5 }, "options.groups"],
    [{ user: STRANGER, group: 1, groups: [1, null] }, "options.groups[1]"],
    [{ user: "nobody", noNewPrivileges: 1 }, "options.noNewPrivileges"],
    [{ user: "nobody", environment: "yes" }, "options.environment"],
  ])("refuses %j and names what is wrong", (options, text) => {
    expect(() => dropPrivileges(options as never)).toThrow(text);
  });

  it("says that there is no such user or group", () => {
    const code = "ERR_NO_PEER";
    expect(() => dropPrivileges({ user: "no-such-user" })).toThrow(
      expect.objectContaining({ code }) as Error,
    );
    expect(() => dropPrivileges({ user: "nobody", group: "no-such-group" })).toThrow(
      expect.objectContaining({ code }) as Error,
    );
  });

  it("refuses a worker thread, which is not the whole process", async () => {
    const program = `
      import(${JSON.stringify(compiled("src/daemon/index.ts"))}).then(({ dropPrivileges }) => {
        try { dropPrivileges({ user: "nobody" }); } catch (error) { require("worker_threads").parentPort.postMessage(error.code); }
      });`;
    const worker = new Worker(program, { eval: true });
    expect(await new Promise((resolve) => worker.once("message", resolve))).toBe("ERR_UNSUPPORTED");
    await worker.terminate();
  });

  it("does nothing but no_new_privs where the process is that user already", async () => {
    const [uid = 0, gid = 0] = isRoot ? [STRANGER, STRANGER] : [process.geteuid?.(), process.getegid?.()];
    const groups = isRoot ? [] : (process.getgroups?.() ?? []);
    const told = await drop({ user: uid, group: gid, groups }, isRoot ? { uid, gid } : {});
    expect(told.result).toMatchObject({ uid, gid });
    for (const thread of told.threads) expect(thread["NoNewPrivs"]).toBe("1");
  });

  it("is denied to that user where it has groups that are not its own", async () => {
    const [uid = 0, gid = 0] = isRoot ? [STRANGER, STRANGER] : [process.geteuid?.(), process.getegid?.()];
    const groups = [gid, 4_000_000_000];
    const told = await drop({ user: uid, group: gid, groups }, isRoot ? { uid, gid } : {});
    expect(told).toMatchObject({ code: "ERR_ACCESS_DENIED" });
  });

  it("is denied to a process that is neither root nor that user, and leaves it as it is", async () => {
    const told = await drop({ user: STRANGER, group: STRANGER }, isRoot ? { uid: 65534, gid: 65534 } : {});
    expect(told).toMatchObject({ code: "ERR_ACCESS_DENIED" });
    expect(told.message).toContain(`uid ${isRoot ? 65534 : String(process.geteuid?.())}`);
    expect(told.threads[0]?.["NoNewPrivs"]).toBe("0");
  });

  // Only root may become another user.
  if (!isRoot) return;

  it("makes every thread the user, its groups and no other, without capabilities, and so are children", async () => {
    const key = 0x51000000 + process.pid;
    const { result, threads, child } = await drop({ user: "nobody" }, {}, String(key));
    MessageQueue.unlink(key, { kind: "sysv" });
    expect(result).toEqual({ uid: 65534, gid: 65534, groups: [65534] });
    // The main thread, the worker, four of the pool, four of V8, and the core's own two.
    expect(threads.length).toBeGreaterThan(10);
    for (const thread of threads) {
      expect(thread).toMatchObject({ Uid: four(65534), Gid: four(65534), Groups: "65534", NoNewPrivs: "1" });
      for (const set of ["CapInh", "CapPrm", "CapEff", "CapAmb"]) expect(thread[set]).toBe("0".repeat(16));
    }
    expect(child).toBe("65534:65534:/nonexistent:nobody:nobody:NoNewPrivs: 1");
  });

  it("takes ids that no user has, exactly the groups that are named, and leaves no_new_privs and environment alone if told so", async () => {
    const ids = { user: STRANGER, group: 65532, groups: ["daemon", 65533] };
    const { result, threads, child } = await drop(
      { ...ids, noNewPrivileges: false, environment: false },
      { env: { HOME: "/h", USER: "u", LOGNAME: "l" } },
    );
    expect(result).toEqual({ uid: STRANGER, gid: 65532, groups: [1, 65533] });
    for (const thread of threads)
      expect(thread).toMatchObject({
        Uid: four(STRANGER),
        Gid: four(65532),
        Groups: "1 65533",
        NoNewPrivs: "0",
      });
    expect(child).toBe("65531:65532 1 65533:/h:u:l:NoNewPrivs: 0");
    expect((await drop({ user: STRANGER, group: STRANGER })).child).toBe("65531:65531:/:::NoNewPrivs: 1");
    expect((await drop({ user: STRANGER, group: STRANGER, groups: [] })).threads[0]).toMatchObject({
      Groups: "",
    });
  });

  it("takes capabilities that would be inherited, and is denied to who has them without being root", async () => {
    const inheriting = ["--inh-caps=+chown", process.execPath, compiled("test/support/peers/daemon/drop.ts")];
    await using root = startProgram("setpriv", [...inheriting, '{"user":"nobody"}']);
    const told = JSON.parse(await root.nextLine()) as Told;
    expect(told.result).toMatchObject({ uid: 65534 });
    // The main thread comes first: children are made by it.
    expect(told.threads[0]?.["CapInh"]).toBe("0".repeat(16));
    const ambient = [
      "--reuid=nobody",
      "--regid=nogroup",
      "--clear-groups",
      "--ambient-caps=+chown",
      ...inheriting,
    ];
    await using capable = startProgram("setpriv", [...ambient, '{"user":"nobody"}']);
    expect(JSON.parse(await capable.nextLine())).toMatchObject({ code: "ERR_ACCESS_DENIED" });
  });

  it("succeeds for who was started as the user by setpriv", async () => {
    const started = ["--reuid=nobody", "--regid=nogroup", "--init-groups", process.execPath];
    const program = compiled("test/support/peers/daemon/drop.ts");
    for (const options of ['{"user":"nobody"}', '{"user":65534,"groups":["nogroup"]}']) {
      await using peer = startProgram("setpriv", [...started, program, options]);
      const told = JSON.parse(await peer.nextLine()) as Told;
      expect(told.result).toEqual({ uid: 65534, gid: 65534, groups: [65534] });
      for (const thread of told.threads) expect(thread["NoNewPrivs"]).toBe("1");
    }
  });

  it("keeps root's files from every thread, and memory and descriptors from the user's other processes", async () => {
    const secret = join(publicFolder(), "secret");
    writeFileSync(secret, "of root", { mode: 0o600 });
    await using peer = startPeer("daemon/drop", ['{"user":"nobody"}']);
    await peer.nextLine();
    await peer.write(secret);
    await peer.expectLine("EACCES EACCES EACCES");
    await peer.write("/etc/passwd");
    await peer.expectLine("read read read");
    for (const file of ["mem", "fd", "environ", "root"]) {
      const look = [
        "--reuid=nobody",
        "--regid=nogroup",
        "--clear-groups",
        "ls",
        "-l",
        `/proc/${peer.pid}/${file}/`,
      ];
      if (file === "mem" || file === "environ") look.splice(3, 3, "head", "-c1", `/proc/${peer.pid}/${file}`);
      await using other = startProgram("setpriv", look);
      expect((await other.exit).code, file).not.toBe(0);
      expect(other.stderr).toMatch(/Permission denied/);
    }
  });

  it("is refused before anything changes where io_uring could go on as root", async () => {
    const told = await drop({ user: "nobody" }, { env: { UV_USE_IO_URING: "1" } });
    expect(told.code).toBe("ERR_UNSUPPORTED");
    expect(told.message).toContain("io_uring");
    for (const thread of told.threads) expect(thread["Uid"]).toBe(four(0));
  });

  it("says that the state is undefined when it fails half-way", async () => {
    // Without CAP_SETUID the groups can be set, the user cannot.
    const program = compiled("test/support/peers/daemon/drop.ts");
    const without = ["--bounding-set=-setuid", "--inh-caps=-setuid", process.execPath, program];
    await using peer = startProgram("setpriv", [...without, '{"user":"nobody"}']);
    const told = JSON.parse(await peer.nextLine()) as Told;
    expect(told.code).toBe("ERR_SYSTEM");
    expect(told.message).toContain("undefined state: exit");
  });

  it("lets a daemon bind first and drop then: it serves, and says clearly what it can no longer do", async () => {
    const path = join(publicFolder(), "s.sock");
    await using daemon = startPeer("daemon/bind-first", [path, String(STRANGER)]);
    await daemon.expectLine("serving");
    // The socket's credentials are those of who has called listen(2).
    await using channel = await UnixSocket.connect(path, { allow: "root" });
    expect(String(await channel.receive())).toBe(`uid ${STRANGER}`);
    daemon.end();
    await daemon.expectLine("chmod EPERM");
    await daemon.expectLine("listen ERR_ACCESS_DENIED");
    await daemon.expectLine("close ERR_ACCESS_DENIED unlink");
    await daemon.expectLine("iteration ERR_ACCESS_DENIED");
    expect(await daemon.exit).toEqual({ code: 0, signal: null });
    expect(statSync(path).uid).toBe(0);
    // The next one that is started as root takes over what has been left.
    await using next = await UnixSocket.listen(path);
    await next.close();
    expect(existsSync(path)).toBe(false);
  });
});
