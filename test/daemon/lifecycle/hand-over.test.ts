import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { UnixSocket } from "sluice";
import { runDaemon } from "sluice/daemon";
import { createClient } from "sluice/rpc";
import { describe, expect, it } from "vitest";
import { startPeer } from "../../support/child.js";
import { freshFolder } from "./support.js";

interface Methods {
  pid(): number;
  hold(): Promise<number>;
}

type PeerProcess = ReturnType<typeof startPeer>;

const start = (folder: string, behaviour?: string): PeerProcess =>
  startPeer("daemon/successive", ["next", folder, ...(behaviour === undefined ? [] : [behaviour])]);

/** Takes lines until this one. */
async function reaches(process: PeerProcess, step: string): Promise<void> {
  while ((await process.nextLine()) !== step);
}

async function started(folder: string): Promise<PeerProcess> {
  const process = start(folder);
  await reaches(process, "started");
  return process;
}

async function connect(folder: string) {
  return createClient<Methods>(await UnixSocket.connect(join(folder, "control.sock")));
}

/** A server that ends in order has not begun a call that it does not answer, so that is asked again. A connection that is refused is not. */
async function askPid(folder: string): Promise<number> {
  for (;;) {
    const channel = await UnixSocket.connect(join(folder, "control.sock"));
    const client = createClient<Methods>(channel);
    try {
      return await client.pid();
    } catch (error) {
      if ((error as { code?: unknown }).code !== "ERR_PEER_DIED") throw error;
    } finally {
      channel.destroy();
    }
  }
}

const pidIn = (folder: string): number => Number(readFileSync(join(folder, "next.pid"), "utf8"));

describe("a daemon with handOver", () => {
  it("is followed by a second start without a refused connection, and ends its calls in flight", async () => {
    const folder = join(freshFolder(), "made-by-the-daemon");
    await using first = await started(folder);
    await using client = await connect(folder);
    const held = client.hold();
    await reaches(first, "held");
    await using second = start(folder);
    const answers = new Set<number>();
    const over = reaches(second, "started").then(() => true);
    // Calls all the time: each is answered by one of the two.
    while (!(await Promise.race([over, askPid(folder).then((pid) => (answers.add(pid), false))])));
    await reaches(first, "stopping");
    expect(await askPid(folder)).toBe(second.pid);
    for (const pid of answers) expect([first.pid, second.pid]).toContain(pid);
    expect(pidIn(folder)).toBe(second.pid);
    await first.write("go on");
    expect(await held).toBe(first.pid);
    expect(await first.exit).toEqual({ code: 0, signal: null });
    expect(pidIn(folder)).toBe(second.pid);
    expect(existsSync(join(folder, "control.sock"))).toBe(true);
    second.kill("SIGTERM");
    expect(await second.exit).toEqual({ code: 0, signal: null });
    expect(existsSync(folder)).toBe(false);
  });

  it("leaves a folder alone that it has not made, through any number of processes", async () => {
    const folder = freshFolder();
    let last = await started(folder);
    for (let round = 0; round < 5; round++) {
      const next = await started(folder);
      expect(await last.exit).toEqual({ code: 0, signal: null });
      last = next;
    }
    await using final = last;
    final.kill("SIGTERM");
    await final.exit;
    expect(readdirSync(folder)).toEqual([]);
  });

  it.each(["killed", "failing"])("goes on when its successor is %s before it serves", async (how) => {
    const folder = freshFolder();
    await using first = await started(folder);
    await using second = start(folder, how === "killed" ? "start-blocks" : "start-throws");
    if (how === "killed") {
      await reaches(second, "blocks");
      second.kill("SIGKILL");
    }
    expect((await second.exit).code).toBe(how === "killed" ? null : 1);
    expect(await askPid(folder)).toBe(first.pid);
    expect(pidIn(folder)).toBe(first.pid);
    await using third = await started(folder);
    expect(await first.exit).toEqual({ code: 0, signal: null });
    expect(await askPid(folder)).toBe(third.pid);
  });

  it("is replaced by an ordinary start when it was killed", async () => {
    const folder = freshFolder();
    await using first = await started(folder);
    first.kill("SIGKILL");
    await first.exit;
    await using second = await started(folder);
    expect(await askPid(folder)).toBe(second.pid);
  });

  it("refuses datagram sockets, which cannot be handed over", async () => {
    const options = { name: "next", handOver: true, sockets: { notes: { type: "dgram" } } } as const;
    await expect(runDaemon(options)).rejects.toThrow(
      "options.sockets.notes is a datagram socket, which options.handOver cannot hand over",
    );
  });
});
