import { spawnSync } from "node:child_process";
import { readdirSync, readlinkSync } from "node:fs";
import { Worker } from "node:worker_threads";
import { describe, expect, it } from "vitest";
import type { UnixSocketChannel } from "../../../src/mechanisms/unix-socket/types.js";
import { UnixSocket } from "../../../src/mechanisms/unix-socket/unix-socket.js";
import { compiled, startProgram } from "../../support/child.js";
import { closeAll, freshPath } from "./support.js";
import { openDescriptors } from "../../support/open-descriptors.js";

describe("UnixSocket stream, its lifetime", () => {
  it("leaves descriptors as they were after 10,000 connections", async () => {
    const path = freshPath();
    await using listener = await UnixSocket.listen(path);
    const message = Buffer.from("x");
    const visit = async (): Promise<void> => {
      const client = await UnixSocket.connect(path);
      const server = await listener.accept();
      await client.send(message);
      await server.receive();
      await client.close();
      await server.close();
    };
    for (let round = 0; round < 100; round++) await visit();
    const descriptors = openDescriptors();
    for (let round = 0; round < 10_000; round++) await visit();
    expect(openDescriptors()).toBe(descriptors);
  }, 60_000);

  it("gives no socket to a child process", async () => {
    const path = freshPath();
    await using listener = await UnixSocket.listen(path);
    const [left, right] = UnixSocket.pair();
    const client = await UnixSocket.connect(path);
    const server = await listener.accept();
    const { stdout } = spawnSync("ls", ["-l", "/proc/self/fd"], {
      stdio: ["ignore", "pipe", "ignore"],
      encoding: "utf8",
    });
    const ours = readdirSync("/proc/self/fd").flatMap((fd) => {
      try {
        return [readlinkSync(`/proc/self/fd/${fd}`)];
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === "ENOENT") return []; // the descriptor that listed the folder
        throw error;
      }
    });
    const sockets = ours.filter((link) => link.startsWith("socket:"));
    expect(sockets.length).toBeGreaterThanOrEqual(5);
    expect(ours.some((link) => link === `${path}.lock`)).toBe(true);
    expect(stdout).not.toContain(`${path}.lock`);
    // What vitest itself was given may be passed on; what was opened here may not.
    const inherited = sockets.filter((link) => stdout.includes(link));
    expect(inherited).toEqual([]);
    await closeAll([left, right, client, server]);
  });

  it("lets the process end when everything is closed or unreferenced", async () => {
    const path = freshPath();
    const program = `
      const { UnixSocket } = await import(${JSON.stringify(compiled("src/index.ts"))});
      const listener = await UnixSocket.listen(process.argv[1]);
      const client = await UnixSocket.connect(process.argv[1]);
      const server = await listener.accept();
      await client.close();
      await server.close();
      const [left, right] = UnixSocket.pair();
      left.unref();
      right.unref();
      listener.unref();
      console.log("done");`;
    await using peer = startProgram(process.execPath, ["--input-type=module", "-e", program, path]);
    await peer.expectLine("done");
    expect(await peer.exit).toEqual({ code: 0, signal: null });
  });

  it("survives workers that are terminated in mid-traffic, and their descriptors are closed", async () => {
    const path = freshPath();
    await using listener = await UnixSocket.listen(path);
    const source = `
      const { workerData } = require("node:worker_threads");
      void (async () => {
        const { UnixSocket } = await import(workerData.index);
        const own = await UnixSocket.listen(workerData.path + ".worker");
        const channel = await UnixSocket.connect(workerData.path);
        for (;;) await channel.send(Buffer.alloc(1000));
      })();`;
    const descriptors: number[] = [];
    for (let round = 0; round < 4; round++) {
      const worker = new Worker(source, {
        eval: true,
        workerData: { path, index: compiled("src/index.ts") },
      });
      const channel = await listener.accept({ timeout: 10_000 });
      for (let number = 0; number < 50; number++) await channel.receive();
      await worker.terminate();
      const drained = (async () => {
        for await (const message of channel) expect(message.length).toBe(1000);
      })();
      await drained.catch((error: unknown) => {
        expect(error).toMatchObject({ code: expect.stringMatching(/TRUNCATED|PEER_DIED/) as string });
      });
      await channel.closed;
      descriptors.push(openDescriptors());
    }
    expect(descriptors[3]).toBe(descriptors[1]);
    // The worker's listener is gone without a close: its path is free for the next.
    await (await UnixSocket.listen(`${path}.worker`)).close();
  });

  it("says in a warning that no descriptor is free, and goes on when one is", async () => {
    const path = freshPath();
    const program = `
      const { openSync, closeSync } = await import("node:fs");
      const { UnixSocket } = await import(${JSON.stringify(compiled("src/index.ts"))});
      process.on("warning", (warning) => {
        console.log(warning.code);
        for (const fd of hoard.splice(0)) closeSync(fd);
      });
      const listener = await UnixSocket.listen(process.argv[1]);
      const hoard = [];
      try { for (;;) hoard.push(openSync("/dev/null")); } catch (error) { console.log(error.code); }
      const channel = await listener.accept();
      console.log(String(await channel.receive()));
      await channel.close();
      await listener.close();`;
    await using peer = startProgram("bash", [
      "-c",
      'ulimit -n 256; exec "$0" --input-type=module -e "$1" "$2"',
      process.execPath,
      program,
      path,
    ]);
    await peer.expectLine("EMFILE");
    await using channel = await UnixSocket.connect(path);
    await channel.send(Buffer.from("patience"));
    await peer.expectLine("SLUICE_ACCEPT_WAITS");
    await peer.expectLine("patience");
    expect((await peer.exit).code).toBe(0);
  });

  it("bounds the peers that nobody accepts, and closes them with the listener", async () => {
    const path = freshPath();
    const listener = await UnixSocket.listen(path, { backlog: 10 });
    const before = openDescriptors();
    const clients: UnixSocketChannel<Uint8Array, Buffer>[] = [];
    let full: unknown;
    while (full === undefined) {
      try {
        clients.push(await UnixSocket.connect(path, { timeout: 200 }));
      } catch (error) {
        full = error;
      }
    }
    expect(full).toMatchObject({ code: "ERR_TIMEOUT" });
    expect(clients.length).toBeGreaterThanOrEqual(64);
    expect(clients.length).toBeLessThan(64 + 10 + 5);
    const accepted = await listener.accept();
    await listener.close();
    // The one that was accepted lives on.
    await clients[0]?.send(Buffer.from("still here"));
    expect(String(await accepted.receive())).toBe("still here");
    await expect(clients.at(-1)?.receive({ timeout: 5000 })).rejects.toThrow();
    await closeAll([...clients, accepted]);
    expect(openDescriptors()).toBe(before - 2);
  });
});
