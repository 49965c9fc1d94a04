import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { ChannelError } from "../../../src/core/errors.js";
import { takeSockets } from "../../../src/daemon/index.js";
import { UnixSocket } from "../../../src/mechanisms/unix-socket/unix-socket.js";
import { createClient } from "../../../src/rpc/index.js";
import { type Peer, startPeer } from "../../support/child.js";
import { freshPath } from "../systemd/support.js";

interface Methods {
  run(id: string): Promise<number>;
}

/** Calls under way: what was asked for, by whom it was answered, and how often a connection had ended before the answer. */
class Load {
  readonly answered = new Set<string>();
  readonly pids = new Set<number>();
  again = 0;
  #stop = false;
  #next = 0;
  readonly #path: string;
  readonly #running: Promise<void>[];

  constructor(path: string, anew: number, longLived: number) {
    this.#path = path;
    this.#running = [
      ...Array.from({ length: anew }, () => this.#run(1)),
      ...Array.from({ length: longLived }, () => this.#run(Infinity)),
    ];
  }

  async stop(): Promise<void> {
    this.#stop = true;
    await Promise.all(this.#running);
  }

  /** Waits until this many more calls have been answered. */
  async further(count: number): Promise<void> {
    const wanted = this.answered.size + count;
    while (this.answered.size < wanted) await new Promise((resolve) => setImmediate(resolve));
  }

  async #run(callsAConnection: number): Promise<void> {
    let id: string | undefined;
    while (!this.#stop || id !== undefined) {
      // A refused connection fails the test.
      const client = createClient<Methods>(await UnixSocket.connect(this.#path));
      for (let count = 0; count < callsAConnection && (!this.#stop || id !== undefined); count++) {
        id ??= String(this.#next++);
        try {
          this.pids.add(await client.run(id));
          this.answered.add(id);
          id = undefined;
        } catch (error) {
          // What a server that ends in order has not answered it has not done: the call is made again, to its successor.
          if (!isEnd(error)) throw error;
          this.again++;
          break;
        }
      }
      await client.close().catch((error: unknown) => {
        // The connection ended first, and says which call did not leave.
        if (!isEnd(error)) throw error;
      });
    }
  }
}

function isEnd(error: unknown): boolean {
  const { code } = error as { readonly code?: string };
  return code === "ERR_PEER_DIED" || code === "ERR_CHANNEL_CLOSED" || code === "ERR_END_OF_CHANNEL";
}

function callsDone(folder: string): string[] {
  return readFileSync(`${folder}/calls`, "utf8").trimEnd().split("\n");
}

async function start(folder: string, stop?: string): Promise<Peer> {
  const peer = startPeer("daemon/restart", stop === undefined ? [folder] : [folder, stop]);
  await peer.expectLine(stop === undefined ? "serving" : stop);
  return peer;
}

describe("a restart by handing over the sockets", () => {
  it("refuses no connection and loses no call, 20 times in a row, under load, while successors are killed", async () => {
    const path = freshPath("server.sock");
    const folder = dirname(path);
    let server = await start(folder);
    const load = new Load(path, 4, 4);
    for (let round = 0; round < 20; round++) {
      if (round % 4 === 3) {
        // A successor that is killed at a bad moment; the next one takes its place.
        const unlucky = await start(folder, round % 8 === 3 ? "taken" : "listening");
        await load.further(20);
        unlucky.kill("SIGKILL");
        await unlucky.exit;
        await server.expectLine("successor failed");
      }
      const successor = await start(folder);
      await server.expectLine("done");
      expect(await server.exit).toEqual({ code: 0, signal: null });
      server = successor;
      await load.further(50);
    }
    await load.stop();
    const done = callsDone(folder);
    expect(new Set(done), "lost").toEqual(load.answered);
    expect(done.length, "done twice").toBe(load.answered.size);
    expect(load.pids.size).toBe(21);
    server.end();
    await server.expectLine("done");
    await server.exit;
    expect(readdirSync(folder), "what the last one leaves").toEqual(["calls"]);
  }, 180_000);

  it("leaves the place to the old process when the new one fails, which then removes nothing", async () => {
    const path = freshPath("server.sock");
    const folder = dirname(path);
    await using server = await start(folder);
    const load = new Load(path, 1, 1);
    await using failing = startPeer("daemon/restart", [folder, "failing"]);
    await failing.expectLine("failed");
    expect(await failing.exit).toEqual({ code: 1, signal: null });
    await server.expectLine("successor failed");
    await load.further(20);
    await load.stop();
    const done = callsDone(folder);
    expect(new Set(done)).toEqual(load.answered);
    expect(done.length).toBe(load.answered.size);
    await expect(UnixSocket.listen(path)).rejects.toMatchObject({ code: "ERR_ADDRESS_IN_USE" });
    server.end();
    await server.expectLine("done");
    await server.exit;
    expect(readdirSync(folder)).toEqual(["calls"]);
  });

  it("leaves no lock behind for the new process when the old one is killed with thousands of descriptors", async () => {
    for (let round = 0; round < 4; round++) {
      const path = freshPath("restart.sock");
      await using old = startPeer("many-descriptors", ["offer", path]);
      await old.expectLine("ready");
      // It does not answer any more, so that its end is all that the new process is told.
      old.kill("SIGSTOP");
      const taking = takeSockets(path);
      for (let turns = 0; turns < 5; turns++) await turn(); // it has connected in the first of them
      old.kill("SIGKILL");
      expect(await taking).toBeUndefined();
      await using listener = await UnixSocket.listen(`${path}.s`);
      expect(listener.address).toBe(`${path}.s`);
    }
  });

  it.each(["taken", "listening"])(
    "is the new process's when the old one is killed while the new one starts: %s",
    async (stop) => {
      const path = freshPath("server.sock");
      const folder = dirname(path);
      const server = await start(folder);
      await using successor = await start(folder, stop);
      server.kill("SIGKILL");
      await server.exit;
      // They wait in the backlog, or are served already.
      const client = createClient<Methods>(await UnixSocket.connect(path));
      const answer = client.run("1");
      await successor.write("go on");
      await successor.expectLine("serving");
      expect(await answer).toBe(successor.pid);
      await client.close();
      await expect(UnixSocket.listen(path)).rejects.toBeInstanceOf(ChannelError);
      successor.end();
      await successor.expectLine("done");
      await successor.exit;
      expect(existsSync(path)).toBe(false);
      expect(existsSync(`${path}.lock`)).toBe(false);
    },
  );
});
