import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { readCounters } from "../../examples/supervisor/counters.js";
import { compiled, startPeer, startProgram } from "../support/child.js";
import { Place, segments, Supervisor } from "./supervisor-support.js";

const quick = { backoff: { first: 10, most: 200 }, limit: 1_000_000 };
const sleeper = { command: ["sh", "-c", "echo up; exec sleep 300"], ...quick };
/** Ends after a while, in one of three ways; a child of it lives on in another session. */
const crashing = {
  command: [
    "bash",
    "-c",
    "setsid sleep 300 > /dev/null 2>&1 & while :; do echo $$; sleep 0.$((RANDOM % 9 + 1)); case $((RANDOM % 12)) in 0) exit 1;; 1) kill -9 $$;; 2) exit;; esac; done",
  ],
  ...quick,
};

describe("the supervisor of examples/", () => {
  it("goes on under load while programs, clients and itself are killed, and leaves nothing", async () => {
    const place = new Place();
    place.configure(Object.fromEntries(Array.from({ length: 10 }, (_, index) => [`p${index}`, crashing])));
    let supervisor = await Supervisor.start(place);
    const counters: string[] = [];
    const startClient = () => startPeer("examples/supervisor-client", [place.run]);
    const clients = Array.from({ length: 20 }, startClient);
    /** Waits until each client has got answers and lines that it began to ask for after this; one that has failed fails the test. */
    const progress = async (): Promise<void> => {
      const now = Date.now();
      for (const client of clients) while (Number(await client.nextLine()) < now);
    };
    try {
      await progress();
      for (const disturbance of ["programs", "clients", "configuration", "supervisor", "successor"]) {
        const client = await place.connect();
        const status = await client.status();
        counters.push(status.counters);
        if (disturbance === "programs") {
          for (const pid of place.processes()) kill(pid);
        } else if (disturbance === "clients") {
          for (let index = 0; index < 10; index++) {
            await clients[index]![Symbol.asyncDispose]();
            clients[index] = startClient();
          }
        } else if (disturbance === "configuration") {
          const good = readFileSync(place.configuration, "utf8");
          writeFileSync(place.configuration, '{ "programs": { "p0": {} } }');
          supervisor.peer.kill("SIGHUP");
          await supervisor.heard("the reload failed, and the old configuration stays");
          writeFileSync(place.configuration, good);
          expect((await client.status()).programs).toHaveLength(10);
        } else if (disturbance === "supervisor") {
          supervisor.peer.kill("SIGKILL");
          await supervisor.peer.exit;
          supervisor = await Supervisor.start(place);
          expect(supervisor.log.filter(({ msg }) => msg.includes("outlived")).length).toBeGreaterThan(0);
        } else {
          const successor = await Supervisor.start(place);
          expect(await supervisor.peer.exit).toEqual({ code: 0, signal: null });
          supervisor = successor;
        }
        await client.close().catch(() => undefined); // whatever has become of its supervisor
        await progress();
      }
      const client = await place.connect();
      const { counters: name } = await client.status();
      counters.push(name);
      expect(readCounters(name).starts).toBeGreaterThan(10);
      await client.close();
    } finally {
      await Promise.all(clients.map((client) => client[Symbol.asyncDispose]()));
    }
    supervisor.peer.kill("SIGTERM");
    expect(await supervisor.peer.exit, JSON.stringify(supervisor.log.slice(-5))).toEqual({
      code: 0,
      signal: null,
    });
    expect(place.processes()).toEqual([]);
    expect(readdirSync(place.run)).toEqual([]);
    expect(new Set(counters).size).toBe(3);
    for (const name of counters) expect(segments(name)).toEqual([]);
  }, 300_000);

  it("finds what has outlived it when it was killed, says so, and starts anew", async () => {
    const place = new Place();
    place.configure({ sleeper, other: sleeper });
    const killed = await Supervisor.start(place);
    const before = place.processes();
    expect(before).toHaveLength(2);
    killed.peer.kill("SIGKILL");
    await killed.peer.exit;
    expect(place.processes()).toEqual(before);
    const next = await Supervisor.start(place);
    const told = next.log.filter(({ msg }) => msg === "killed a process that had outlived its supervisor");
    expect(told.map(({ program }) => program).sort()).toEqual(["other", "sleeper"]);
    expect(told.map((entry) => entry["survivor"]).sort()).toEqual(before);
    expect(place.processes()).toHaveLength(2);
    expect(place.processes()).not.toEqual(before);
  });

  it("restarts by a row with a limit, and gives up", async () => {
    const place = new Place();
    const failing = { command: ["false"], backoff: { first: 1, most: 4 }, limit: 3 };
    const missing = { command: ["/nonexistent"], backoff: { first: 1, most: 4 }, limit: 1 };
    const once = { command: ["true"], restart: "on-failure" };
    place.configure({ failing, missing, once });
    const supervisor = await Supervisor.start(place);
    await using client = await place.connect();
    let programs;
    do programs = (await client.status()).programs;
    while (programs.some(({ state }) => state === "running" || state === "waiting"));
    expect(programs).toEqual([
      { name: "failing", state: "given-up", starts: 4, ended: "code 1" },
      { name: "missing", state: "given-up", starts: 0, ended: "spawn /nonexistent ENOENT" },
      { name: "once", state: "ended", starts: 1, ended: "code 0" },
    ]);
    expect(await client.health()).toMatchObject({ status: "failing" });
    expect(supervisor.log.filter(({ msg }) => msg === "started a program")).toHaveLength(5);
  });

  it("stops a program that ignores SIGTERM with all that it has started", async () => {
    const place = new Place();
    const ready = `${place.configuration}.ready`;
    const script = `trap '' TERM; (trap '' TERM; sleep 300) & : > "${ready}"; while :; do sleep 300; done`;
    place.configure({ stubborn: { command: ["bash", "-c", script], stopTimeout: 50 } });
    await Supervisor.start(place);
    await expect.poll(() => existsSync(ready), { timeout: 20_000 }).toBe(true);
    await using client = await place.connect();
    expect(await client.stop("stubborn")).toBe(true);
    expect(await client.stop("stubborn")).toBe(false);
    expect(place.processes()).toEqual([]);
    expect((await client.status()).programs).toMatchObject([{ state: "stopped", ended: "SIGKILL" }]);
    await expect(client.start("nobody")).rejects.toMatchObject({ name: "RangeError" });
  });

  it("takes a new configuration without disturbing what is the same in it", async () => {
    const place = new Place();
    place.configure({ same: sleeper, changed: sleeper, gone: sleeper });
    await Supervisor.start(place);
    await using client = await place.connect();
    const before = (await client.status()).programs;
    const changed = { ...sleeper, stopTimeout: 100 };
    place.configure({ same: sleeper, changed, added: sleeper });
    await client.reload();
    const after = (await client.status()).programs;
    expect(after.map(({ name }) => name)).toEqual(["same", "changed", "added"]);
    expect(after[0]).toEqual(before[0]);
    expect(after[1]!.pid).not.toBe(before[1]!.pid);
    expect(place.processes()).toHaveLength(3);
    writeFileSync(place.configuration, '{ "programs": {}, "access": { "roles": {}, "rules": [{}] } }');
    await expect(client.reload()).rejects.toMatchObject({ code: "ERR_INVALID_MESSAGE" });
    expect((await client.status()).programs).toEqual(after);
    expect(await client.check("{")).toMatch(/SyntaxError/);
    expect(await client.check('{ "programs": { "x": { "command": [] } }, "access": {} }')).toContain(
      "programs.x.command",
    );
  });

  if (process.geteuid?.() === 0) {
    it("lets a viewer look and not touch, and writes down that it has tried", async () => {
      const place = new Place();
      place.configure({ open: sleeper, secret: sleeper });
      await Supervisor.start(place);
      const nobody = { uid: 65534, gid: 65534 };
      const cli = async (...args: string[]): Promise<string> => {
        const program = compiled("examples/supervisor/cli.ts");
        const command = [program, "--directory", place.run, ...args];
        await using peer = startProgram(process.execPath, command, nobody);
        let said = "";
        for await (const line of peer.lines) said += line;
        return `${said}${peer.stderr.trim()} ${String((await peer.exit).code)}`;
      };
      expect(await cli("status")).toMatch(/name: 'open', state: 'running'.* 0$/);
      expect(await cli("stop", "open")).toBe("Error: calling stop is not allowed 1");
      expect(await cli("why", "stop")).toMatch(/is denied: no rule allows it to viewer/);
      expect(await cli("logs", "secret")).toMatch(/ERR_END_OF_CHANNEL|closed| 0$/);
      expect(await cli("counters")).toMatch(/EACCES|not allowed|denied.* 1$/i);
      expect(place.processes()).toHaveLength(2);
      const audited = (): string[] => readFileSync(join(place.logs, "audit.log"), "utf8").trim().split("\n");
      const denied = audited()
        .map((line) => JSON.parse(line) as { decision: string; name: string; peer: object })
        .filter(({ decision }) => decision === "denied");
      expect(denied).toMatchObject([
        { name: "stop", peer: { uid: 65534 } },
        { name: "logs.secret", peer: { uid: 65534 } },
      ]);
    });
  } else {
    it("needs root to try as a viewer: nobody else may become another user", () => {
      expect(() => process.setuid?.(65534)).toThrow(/EPERM/);
    });
  }
});

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    // It has crashed by itself.
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}
