import {
  chmodSync,
  chownSync,
  linkSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ChannelError, UnixSocket } from "sluice";
import { auditLog, type AuditLogOptions, guard, policy, quota } from "sluice/daemon";
import { publisher, subscriber } from "sluice/pubsub";
import { createClient, serve } from "sluice/rpc";
import { freshPath, until } from "../../mechanisms/unix-socket/support.js";
import { compiled, startProgram } from "../../support/child.js";

const uid = process.geteuid?.() ?? -1;
const gid = process.getegid?.() ?? -1;
const peer = { pid: 7, uid: 1000, gid: 1000 };

interface Line {
  readonly event: string;
  readonly name?: string;
  readonly lost?: number;
  readonly reason?: string;
  readonly decision?: string;
  readonly rule?: string;
  readonly outcome?: string;
  readonly payload?: string;
  readonly roles?: string[];
}

const parse = (text: string): Line[] =>
  text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Line);
const linesOf = (path: string): Line[] => parse(readFileSync(path, "utf8"));

function collect(options: Omit<AuditLogOptions, "path" | "write"> = {}) {
  let text = "";
  const log = auditLog({ ...options, write: (lines) => void (text += lines) });
  return { log, text: () => text };
}

describe("auditLog()", () => {
  test("writes a line for each decision into a file that is nobody else's to read", async () => {
    const path = freshPath("audit.log");
    const log = auditLog({ path });
    log.record({
      event: "call",
      peer,
      roles: ["admin"],
      name: "stop",
      allowed: true,
      rule: "rules[0].methods[0]",
      duration: 1.23456,
      outcome: "ok",
    });
    log.record({ event: "connect", peer: undefined, allowed: false });
    await log.close();
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const [first, second] = linesOf(path);
    expect(first).toEqual({
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/) as string,
      event: "call",
      peer,
      roles: ["admin"],
      name: "stop",
      decision: "allowed",
      rule: "rules[0].methods[0]",
      ms: 1.235,
      outcome: "ok",
    });
    expect(second).toMatchObject({ event: "connect", peer: null, decision: "denied" });
  });

  test("lets no text end a line, steer a terminal or be longer than its bound", async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: "binary", maxLength: 400 }), async (name) => {
        const { log, text } = collect({ payload: true });
        log.record({
          event: "call",
          peer,
          name,
          roles: [name],
          allowed: true,
          rule: name,
          outcome: name,
          payload: name,
        });
        await log.close();
        expect(text()).toMatch(/^[\x20-\x7e]+\n$/);
        const [line] = parse(text());
        expect(line?.name).toBe(
          name.length <= 256 ? name : `${name.slice(0, 256)}...(${name.length - 256} more)`,
        );
      }),
    );
    const { log, text } = collect();
    log.record({ event: "call", peer, name: 'x"}\n{"event":"call"\u2028\u202e\u001b[2J', allowed: false });
    await log.close();
    expect(parse(text())).toHaveLength(1);
  });

  test("writes inputs only when asked, and cut", async () => {
    const { log, text } = collect();
    log.record({ event: "call", peer, allowed: true, payload: "secret" });
    await log.close();
    expect(text()).not.toContain("secret");
    const telling = collect({ payload: 10 });
    telling.log.record({ event: "call", peer, allowed: true, payload: { text: "x".repeat(100) } });
    telling.log.record({ event: "call", peer, allowed: true, payload: 10n });
    await telling.log.close();
    expect(parse(telling.text()).map(({ payload }) => payload)).toEqual(['{"text":"x...(101 more)', "10n"]);
  });

  test("is bounded: what finds no room is counted, and a line tells of the gap", async () => {
    let open!: () => void;
    const gate = new Promise<void>((resolve) => (open = resolve));
    let text = "";
    const log = auditLog({
      maxLines: 10,
      write: async (lines) => {
        await gate;
        text += lines;
      },
    });
    for (let n = 0; n < 10_000; n++) log.record({ event: "call", peer, name: String(n), allowed: true });
    expect(log.lost).toBe(9990);
    open();
    await log.flush();
    log.record({ event: "call", peer, name: "after", allowed: true });
    await log.close();
    const lines = parse(text);
    expect(lines.find(({ event }) => event === "gap")).toMatchObject({
      lost: 9990,
      reason: "the queue was full",
    });
    expect(lines.at(-1)?.name).toBe("after");
    log.record({ event: "call", peer, allowed: true });
    expect(log.lost).toBe(9991);
  });

  test("counts what a full disk does not take, goes on with whole lines, and tells of the gap after a rotation", async () => {
    const path = freshPath("audit.log");
    // bash: ulimit counts blocks of 1,024 bytes; a signal that is ignored stays so, and the write fails with EFBIG.
    const script = `trap '' XFSZ; ulimit -f 4; exec "$@"`;
    const args = [
      "-c",
      script,
      "bash",
      process.execPath,
      compiled("test/support/peers/daemon/auditor.ts"),
      path,
    ];
    await using auditor = startProgram("bash", args);
    const { lost, errors } = JSON.parse(await auditor.nextLine()) as { lost: number; errors: string[] };
    expect(errors).toEqual(["EFBIG"]);
    const old = readFileSync(`${path}.1`, "utf8");
    const whole = old.split("\n").length - 1;
    expect([whole + lost, old.length]).toEqual([100, 4096]);
    expect(linesOf(path)).toMatchObject([
      { event: "gap", lost, reason: "EFBIG" },
      { event: "call", name: "after" },
    ]);
    expect(readFileSync(path, "utf8")).toMatch(/^\{/);
  });

  test("goes on in a new file after a rotation, and keeps the old one where the new one is not safe", async () => {
    const path = freshPath("audit.log");
    await using log = auditLog({ path });
    log.record({ event: "call", peer, name: "before", allowed: true });
    await log.flush();
    renameSync(path, `${path}.1`);
    log.record({ event: "call", peer, name: "between", allowed: true });
    log.reopen();
    log.record({ event: "call", peer, name: "after", allowed: true });
    await log.flush();
    const names = [`${path}.1`, path].flatMap((file) => linesOf(file).map(({ name }) => name));
    expect(names).toEqual(["before", "between", "after"]);
    renameSync(path, `${path}.2`);
    symlinkSync("/dev/null", path);
    expect(() => {
      log.reopen();
    }).toThrow(/symbolic link/);
    log.record({ event: "call", peer, name: "still", allowed: true });
    await log.flush();
    expect(linesOf(`${path}.2`).at(-1)?.name).toBe("still");
  });

  test.each<[string, (path: string) => void, RegExp]>([
    [
      "a symbolic link",
      (path) => {
        symlinkSync(`${path}.target`, path);
      },
      /symbolic link/,
    ],
    [
      "a file with a second name",
      (path) => {
        writeFileSync(`${path}.other`, "", { mode: 0o600 });
        linkSync(`${path}.other`, path);
      },
      /hard link/,
    ],
    [
      "a file that others may read",
      (path) => {
        writeFileSync(path, "");
        chmodSync(path, 0o644);
      },
      /others have rights/,
    ],
    [
      "a file of another user",
      (path) => {
        writeFileSync(path, "", { mode: 0o600 });
        // Only root can give a file away; for others a file of root does.
        if (uid === 0) chownSync(path, 65_534, 65_534);
        else {
          renameSync(path, `${path}.own`);
          symlinkSync("/etc/passwd", path);
        }
      },
      /belongs to uid 65534|symbolic link/,
    ],
  ])("refuses %s", (_name, prepare, text) => {
    const path = freshPath("audit.log");
    prepare(path);
    expect(() => auditLog({ path })).toThrow(text);
    expect(() => auditLog({ path })).toThrow(ChannelError);
  });

  test.each<[AuditLogOptions, RegExp]>([
    [{}, /one of path and write/],
    [{ path: "/tmp/x", write: () => undefined }, /one of path and write/],
    [{ path: 5 as unknown as string }, /options\.path must be a string/],
    [{ write: () => undefined, maxLines: 0 }, /options\.maxLines/],
    [{ write: () => undefined, payload: -1 }, /options\.payload/],
    [{ path: "/no/such/folder/audit.log" }, /Cannot open the audit log/],
  ])("refuses the options %o", (options, text) => {
    expect(() => auditLog(options)).toThrow(text);
  });
});

describe("guard()", () => {
  test("judges, counts and writes down connections, calls and subscriptions", async () => {
    const { log, text } = collect({ payload: true });
    const access = policy({
      roles: { us: { uids: [uid] } },
      rules: [
        { allow: "us", methods: ["*"], topics: ["news"] },
        { deny: "us", methods: ["stop"] },
      ],
    });
    const limits = quota({ callsInFlight: 1, connections: 2 });
    const guarded = guard({ policy: access, quota: limits, audit: log });
    const methods = {
      echo: (input: string) => input,
      stop: () => undefined,
      fail: () => Promise.reject(Object.assign(new Error("no"), { code: "ERR_NO" })),
      wait: () => new Promise<void>((resolve) => setTimeout(resolve, 50)),
    };
    const [calls, topics] = [freshPath("calls.sock"), freshPath("topics.sock")];
    await using _server = serve(await UnixSocket.listen(calls, guarded.listen), methods, guarded.serve);
    await using news = publisher(await UnixSocket.listen(topics, guarded.listen), guarded.publish);
    await using client = createClient<typeof methods & { none(): void }>(await UnixSocket.connect(calls));
    expect(await client.echo("hello")).toBe("hello");
    await expect(client.stop()).rejects.toMatchObject({ code: "ERR_ACCESS_DENIED" });
    await expect(client.fail()).rejects.toMatchObject({ code: "ERR_NO" });
    await expect(client.none()).rejects.toMatchObject({ code: "ERR_UNKNOWN_METHOD" });
    const wait = client.wait();
    await expect(client.echo("too many")).rejects.toMatchObject({ code: "ERR_QUOTA_EXCEEDED" });
    await wait;
    await using reader = subscriber(await UnixSocket.connect(topics), { topics: ["news"] });
    await until(() => news.hasSubscribers("news"));
    await using late = await UnixSocket.connect(calls);
    await expect(late.receive()).rejects.toThrow();
    await log.close();
    const short = parse(text()).map(({ event, name, decision, rule, outcome }) =>
      [event, name, decision, rule, outcome].join(" "),
    );
    expect(short).toEqual([
      "call echo allowed rules[0].methods[0] ok",
      "call stop denied rules[1].methods[0] ERR_ACCESS_DENIED",
      "call fail allowed rules[0].methods[0] ERR_NO",
      "call none allowed rules[0].methods[0] ERR_UNKNOWN_METHOD",
      "call echo denied quota.callsInFlight ERR_QUOTA_EXCEEDED",
      "call wait allowed rules[0].methods[0] ok",
      "subscribe news allowed rules[0].topics[0] ",
      "connect  denied quota ",
    ]);
    const [echo] = parse(text());
    expect(echo).toMatchObject({ peer: { uid, gid, pid: process.pid }, roles: ["us"], payload: '"hello"' });
    expect(reader.topics).toEqual(["news"]);
  });
});
