import {
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { SharedBuffer } from "../../../src/mechanisms/shared-buffer/shared-buffer.js";
import type { UnixSocketChannel } from "../../../src/mechanisms/unix-socket/types.js";
import { UnixSocket } from "../../../src/mechanisms/unix-socket/unix-socket.js";
import { startPeer, startProgram } from "../../support/child.js";
import { failure, freshPath } from "./support.js";
import { openDescriptors } from "../../support/open-descriptors.js";

const isRoot = process.geteuid?.() === 0;
const python = (code: string, ...args: string[]) => startProgram("python3", ["-uc", code, ...args]);

/** Leaves a socket file behind that nobody answers. */
async function leaveStale(path: string): Promise<void> {
  await using program = python("import socket,sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])", path);
  expect(await program.exit).toEqual({ code: 0, signal: null });
  expect(lstatSync(path).isSocket()).toBe(true);
}

/** All that takes a path for itself, and what has it before. */
const openers = [
  ["stream", "stream", (path: string) => UnixSocket.listen(path)],
  ["seqpacket", "seqpacket", (path: string) => UnixSocket.listen(path, { type: "seqpacket" })],
  ["dgram", "dgram", (path: string) => UnixSocket.bind(path)],
  ["dgram that connects", "dgram", connectFrom],
  ["shared-buffer", "shared-buffer", (path: string) => SharedBuffer.listen(path)],
  ["broadcast", "broadcast", (path: string) => SharedBuffer.broadcast(path)],
] as const;

async function connectFrom(localAddress: string): Promise<UnixSocketChannel<Uint8Array, Buffer>> {
  await using server = await UnixSocket.bind(`${localAddress}.server`);
  return await UnixSocket.connect(server.address, { type: "dgram", localAddress });
}

describe("UnixSocket.listen()", () => {
  it("makes a file with mode 0600 and removes it and its lock at close", async () => {
    const path = freshPath();
    const listener = await UnixSocket.listen(path);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(statSync(`${path}.lock`).mode & 0o777).toBe(0o600);
    await listener.close();
    await listener.close();
    expect(existsSync(path)).toBe(false);
    expect(existsSync(`${path}.lock`)).toBe(false);
  });

  it("gives the file exactly the mode that was asked for, whatever the umask", async () => {
    for (const [umask, mode] of [
      [0o777, 0o666],
      [0o022, 0o777],
      [0, 0o600],
      [0o077, 0],
    ] as const) {
      const path = freshPath();
      const before = process.umask(umask);
      try {
        await using listener = await UnixSocket.listen(path, { mode });
        expect(statSync(listener.address).mode & 0o777).toBe(mode);
      } finally {
        process.umask(before);
      }
    }
  });

  it("never shows the file with more rights than asked for", async () => {
    const path = freshPath();
    const before = process.umask(0);
    try {
      await using listener = await UnixSocket.listen(path, { mode: 0o600 });
      const { ctimeMs, birthtimeMs } = statSync(listener.address);
      // With no umask in the way nothing is changed after the birth: the mode was there from the beginning.
      expect(ctimeMs).toBeCloseTo(birthtimeMs, 1);
    } finally {
      process.umask(before);
    }
  });

  it.each(openers)(
    "waits for a holder of the path that was killed and has not ended yet (%s)",
    async (_, type, open) => {
      for (let round = 0; round < 4; round++) {
        const path = freshPath();
        await using holder = startPeer("many-descriptors", [type, path]);
        await holder.expectLine("ready");
        holder.kill("SIGKILL");
        // proc(5) shows none any more as soon as the kernel begins to close them.
        while (readdirSync(`/proc/${holder.pid}/fd`).length > 0);
        await using _opened = await open(path);
        expect(lstatSync(path).isSocket()).toBe(true);
      }
    },
  );

  it("refuses a path on which this process listens, and tells its pid", async () => {
    const path = freshPath();
    await using listener = await UnixSocket.listen(path);
    for (const type of ["stream", "seqpacket"] as const) {
      const error = await failure(() => UnixSocket.listen(path, { type }));
      expect(error.code).toBe("ERR_ADDRESS_IN_USE");
      expect(error.message).toContain(`pid ${process.pid}`);
      expect(error.operation).toBe("listen");
      expect(error.address).toBe(path);
    }
    expect((await failure(() => UnixSocket.bind(path))).code).toBe("ERR_ADDRESS_IN_USE");
    // The lock has told, and nobody has connected to find out.
    await new Promise((resolve) => setImmediate(resolve));
    expect((await failure(() => listener.accept({ timeout: 0 }))).code).toBe("ERR_TIMEOUT");
  });

  it("leaves a server alone that knows nothing of the lock, whatever the type of its socket", async () => {
    for (const type of ["SOCK_STREAM", "SOCK_SEQPACKET", "SOCK_DGRAM"]) {
      const path = freshPath();
      await using server = python(
        "import socket,sys\ns=socket.socket(socket.AF_UNIX,getattr(socket,sys.argv[2]))\ns.bind(sys.argv[1])\nif 'DGRAM' not in sys.argv[2]: s.listen(5)\nprint('up')\nsys.stdin.read()",
        path,
        type,
      );
      await server.expectLine("up");
      const { ino } = lstatSync(path);
      const error = await failure(() => UnixSocket.listen(path));
      expect(error.code, type).toBe("ERR_ADDRESS_IN_USE");
      if (type !== "SOCK_DGRAM") expect(error.message).toContain(`pid ${server.pid}`);
      expect(lstatSync(path).ino).toBe(ino);
      expect(existsSync(`${path}.lock`)).toBe(false);
    }
  });

  it("replaces the socket of a process that is gone", async () => {
    const path = freshPath();
    await leaveStale(path);
    await using listener = await UnixSocket.listen(path);
    await using client = await UnixSocket.connect(path);
    expect(client.peer.pid).toBe(process.pid);
    expect(listener.address).toBe(path);
  });

  it("takes over after kill -9 of the owner, lock file and all", async () => {
    const path = freshPath();
    await using owner = startPeer("unix-socket/echo", [path]);
    await owner.expectLine("listening");
    expect((await failure(() => UnixSocket.listen(path))).message).toContain(`pid ${owner.pid}`);
    owner.kill("SIGKILL");
    await owner.exit;
    expect(existsSync(path)).toBe(true);
    expect(existsSync(`${path}.lock`)).toBe(true);
    const listener = await UnixSocket.listen(path);
    await listener.close();
    expect(existsSync(path)).toBe(false);
    expect(existsSync(`${path}.lock`)).toBe(false);
  });

  it("lets exactly one of 20 processes win that start at once over a stale socket", async () => {
    const path = freshPath();
    await leaveStale(path);
    const peers = Array.from({ length: 20 }, () => startPeer("unix-socket/echo", [path]));
    try {
      const outcomes = await Promise.all(peers.map((peer) => peer.nextLine()));
      expect(outcomes.filter((line) => line === "listening")).toHaveLength(1);
      expect(outcomes.filter((line) => line === "refused ERR_ADDRESS_IN_USE")).toHaveLength(19);
      await using client = await UnixSocket.connect(path);
      await client.send(Buffer.from("x"));
      expect(String(await client.receive())).toBe("x");
      const winner = peers[outcomes.indexOf("listening")];
      expect(client.peer.pid).toBe(winner?.pid);
    } finally {
      await Promise.all(peers.map((peer) => peer[Symbol.asyncDispose]()));
    }
  }, 40_000);

  it("hands a path from one owner to the next without ever having two", async () => {
    const path = freshPath();
    let owners = 0;
    let most = 0;
    let turns = 0;
    await Promise.all(
      Array.from({ length: 8 }, async () => {
        while (turns < 200) {
          try {
            const listener = await UnixSocket.listen(path);
            most = Math.max(most, ++owners);
            turns++;
            await new Promise((resolve) => setImmediate(resolve));
            owners--;
            await listener.close();
          } catch (error) {
            expect(error).toMatchObject({ code: "ERR_ADDRESS_IN_USE" });
            await new Promise((resolve) => setImmediate(resolve));
          }
        }
      }),
    );
    expect(most).toBe(1);
  });

  it("touches nothing that is no socket", async () => {
    const path = freshPath();
    const target = join(dirname(path), "precious");
    writeFileSync(target, "data");
    const makers: Record<string, () => void> = {
      file: () => {
        writeFileSync(path, "data");
      },
      directory: () => {
        mkdirSync(path);
      },
      "symbolic link to a file": () => {
        symlinkSync(target, path);
      },
      "dangling link": () => {
        symlinkSync(`${target}-missing`, path);
      },
    };
    for (const [what, make] of Object.entries(makers)) {
      make();
      const before = lstatSync(path);
      for (const open of [() => UnixSocket.listen(path), () => UnixSocket.bind(path)]) {
        const error = await failure(open);
        expect(error.code, what).toBe("ERR_ADDRESS_IN_USE");
        expect(error.message, what).toMatch(/no socket/);
      }
      const after = lstatSync(path);
      expect([after.ino, after.mode, after.size]).toEqual([before.ino, before.mode, before.size]);
      expect(existsSync(`${path}.lock`)).toBe(false);
      renameSync(path, `${path}.${what}`);
    }
    expect(readFileSync(target, "utf8")).toBe("data");
    expect(existsSync(`${target}-missing`)).toBe(false);
  });

  it("does not follow a link at the path to somebody's stale socket", async () => {
    const path = freshPath();
    const other = join(dirname(path), "other.sock");
    await leaveStale(other);
    symlinkSync(other, path);
    expect((await failure(() => UnixSocket.listen(path))).code).toBe("ERR_ADDRESS_IN_USE");
    expect(lstatSync(other).isSocket()).toBe(true);
  });

  it("removes at close only the file that it has made", async () => {
    const path = freshPath();
    const replacements: Record<string, () => void> = {
      file: () => {
        writeFileSync(path, "mine");
      },
      link: () => {
        symlinkSync("/etc/passwd", path);
      },
    };
    for (const [what, replace] of Object.entries(replacements)) {
      const listener = await UnixSocket.listen(path);
      unlinkSync(path);
      replace();
      await listener.close();
      expect(lstatSync(path).isSocket(), what).toBe(false);
      expect(existsSync(`${path}.lock`)).toBe(false);
      unlinkSync(path);
    }
    const listener = await UnixSocket.listen(path);
    unlinkSync(path);
    await leaveStale(path);
    await listener.close();
    expect(lstatSync(path).isSocket()).toBe(true);
  });

  it("trusts no lock file that is a link, no regular file, or somebody else's", async () => {
    const path = freshPath();
    const target = join(dirname(path), "target");
    writeFileSync(target, "data");
    symlinkSync(target, `${path}.lock`);
    expect((await failure(() => UnixSocket.listen(path))).message).toMatch(/a symbolic link/);
    unlinkSync(`${path}.lock`);
    mkdirSync(`${path}.lock`);
    expect((await failure(() => UnixSocket.listen(path))).operation).toBe("listen");
    renameSync(`${path}.lock`, `${path}.folder`);
    if (isRoot) {
      writeFileSync(`${path}.lock`, "");
      chownSync(`${path}.lock`, 65534, 65534);
      const error = await failure(() => UnixSocket.listen(path));
      expect(error.code).toBe("ERR_ACCESS_DENIED");
      expect(error.message).toMatch(/a file of uid 65534/);
      unlinkSync(`${path}.lock`);
    }
    expect(existsSync(path)).toBe(false);
    expect(readFileSync(target, "utf8")).toBe("data");
    await (await UnixSocket.listen(path)).close();
  });

  it("is not fooled by a lock file with a second name", async () => {
    const path = freshPath();
    writeFileSync(`${path}.lock`, "");
    linkSync(`${path}.lock`, `${path}.second`);
    const listener = await UnixSocket.listen(path);
    expect((await failure(() => UnixSocket.listen(path))).code).toBe("ERR_ADDRESS_IN_USE");
    await listener.close();
    expect(existsSync(`${path}.second`)).toBe(true);
  });

  it("tells of a missing directory, and of one that is a file", async () => {
    const path = freshPath();
    const missing = await failure(() => UnixSocket.listen(`${path}/s.sock`));
    expect([missing.code, missing.errno]).toEqual(["ERR_SYSTEM", 2]);
    expect(missing.message).toMatch(/directory must exist/);
    writeFileSync(path, "");
    expect((await failure(() => UnixSocket.listen(`${path}/s.sock`))).errno).toBe(20);
  });

  it("survives a change of the working directory between listen and close", async () => {
    const path = freshPath();
    const program = `
      import { UnixSocket } from "sluice";
      import { existsSync } from "node:fs";
      const listener = await UnixSocket.listen("relative.sock");
      process.chdir("/");
      await listener.close();
      console.log(existsSync(process.argv[1]));`;
    await using peer = startProgram(
      process.execPath,
      [
        "--input-type=module",
        "-e",
        program.replace(
          '"sluice"',
          JSON.stringify(new URL("../../../.build/src/index.js", import.meta.url).pathname),
        ),
        join(dirname(path), "relative.sock"),
      ],
      { cwd: dirname(path) },
    );
    await peer.expectLine("false");
  });

  it("leaves no descriptor and no file behind when it fails", async () => {
    const path = freshPath();
    await using listener = await UnixSocket.listen(path);
    const before = openDescriptors();
    for (let round = 0; round < 50; round++) await failure(() => UnixSocket.listen(listener.address));
    expect(openDescriptors()).toBe(before);
  });

  it("tells at once what is wrong with its options", async () => {
    const path = freshPath();
    const wrong: [object, RegExp][] = [
      [
        { type: "dgram" },
        /options.type of UnixSocket.listen must be one of "stream", "seqpacket", received "dgram"/,
      ],
      [{ mode: 0o1000 }, /options.mode must be a whole number from 0 to 511, received 512/],
      [{ mode: "600" }, /options.mode must be a number, received "600"/],
      [{ backlog: 0 }, /options.backlog/],
      [{ allow: "everybody" }, /options.allow must be .*received "everybody"/],
      [{ onRefuse: 1 }, /options.onRefuse must be a function, received 1/],
      [{ engine: "fast" }, /options.engine must be .*received "fast"/],
      [{ maxMessageSize: -1 }, /options.maxMessageSize/],
      [{ receiveQueue: { bytes: 0 } }, /options.receiveQueue.bytes/],
      [{ sendQueue: 1 }, /options.sendQueue/],
      [{ halfOpen: "yes" }, /options.halfOpen must be a boolean/],
      [{ codec: {} }, /options.codec must be an object with the methods encode, decode/],
      [{ framing: {} }, /options.framing must be/],
      [{ type: "seqpacket", framing: {} }, /options.framing must be absent on seqpacket/],
    ];
    for (const [options, message] of wrong) {
      const attempt = UnixSocket.listen(path, options);
      await expect(attempt, JSON.stringify(options)).rejects.toThrow(message);
      await expect(attempt).rejects.toSatisfy(
        (error) => error instanceof TypeError || error instanceof RangeError,
      );
    }
    await expect(UnixSocket.listen(path, 5 as never)).rejects.toThrow(
      /options must be an object, received 5/,
    );
    expect((await failure(() => UnixSocket.listen(path, { engine: "node-unix-socket" }))).code).toBe(
      "ERR_UNSUPPORTED",
    );
    expect(existsSync(path)).toBe(false);
    expect(existsSync(`${path}.lock`)).toBe(false);
  });

  it("is refused by the rights of the directory, for a user who is not root", async () => {
    const path = freshPath();
    const folder = dirname(path);
    chmodSync(folder, 0o755);
    await using peer = isRoot
      ? startPeer("unix-socket/echo", [path], { uid: 65534, gid: 65534 })
      : (chmodSync(folder, 0o555), startPeer("unix-socket/echo", [path]));
    await peer.expectLine("refused ERR_ACCESS_DENIED");
    chmodSync(folder, 0o755);
  });
});
