import { describe, expect, test } from "vitest";
import { UnixSocket } from "sluice";
import { auditLog, guard, policy, quota } from "sluice/daemon";
import { publisher, subscriber } from "sluice/pubsub";
import { freshPath, until } from "../../mechanisms/unix-socket/support.js";

const uid = process.geteuid?.() ?? -1;
const stranger = { pid: 7, uid: 1000, gid: 1000 };

interface Line {
  readonly event: string;
  readonly peer: { readonly uid: number };
  readonly rule?: string;
  readonly repeated?: number;
}

function collect(): { readonly log: ReturnType<typeof auditLog>; readonly lines: Line[] } {
  const lines: Line[] = [];
  const write = (text: string): void => {
    for (const line of text.trimEnd().split("\n")) lines.push(JSON.parse(line) as Line);
  };
  return { log: auditLog({ write }), lines };
}

describe("the audit log of a guard", () => {
  test("is not filled by a stranger who connects without a pause: what is refused more than 8 times a second is counted", async () => {
    const { log, lines } = collect();
    await using _log = log;
    const { listen } = guard({ policy: policy({ roles: {}, rules: [] }), audit: log });
    for (let n = 0; n < 10_000; n++) expect(listen.allow(stranger)).toBe(false);
    expect(listen.allow({ pid: 8, uid: 1001, gid: 1001 })).toBe(false);
    await until(() => lines.some(({ repeated }) => repeated !== undefined));
    const own = lines.filter(({ peer }) => peer.uid === stranger.uid);
    expect(own.map(({ event, repeated }) => [event, repeated])).toEqual([
      ...Array.from({ length: 8 }, () => ["connect", undefined]),
      ["connect", 9992],
    ]);
    // Another user has lines of its own, and so has this one in the next second.
    expect(lines).toHaveLength(10);
    expect(listen.allow(stranger)).toBe(false);
    await log.flush();
    expect(lines).toHaveLength(11);
    expect(log.lost).toBe(0);
  });

  test("is not filled by a subscriber who asks without a pause: subscriptions count as messages", async () => {
    const { log, lines } = collect();
    await using _log = log;
    const access = policy({ roles: { us: { uids: [uid] } }, rules: [{ allow: "us", topics: ["*"] }] });
    const limits = quota({ messagesPerSecond: 10 });
    const { listen, publish } = guard({ policy: access, quota: limits, audit: log });
    const path = freshPath("topics.sock");
    await using news = publisher(await UnixSocket.listen(path, listen), publish);
    const topics = Array.from({ length: 100 }, (_, n) => `topic${n}`);
    await using reader = subscriber(await UnixSocket.connect(path), { topics });
    await expect(reader.receive()).rejects.toThrow();
    await log.flush();
    // The connection took one of the ten.
    expect(lines.map(({ rule }) => rule)).toEqual([
      ...Array.from({ length: 9 }, () => "rules[0].topics[0]"),
      "quota.messagesPerSecond",
    ]);
    expect(limits.overflows.messagesPerSecond).toBe(1);
    expect(news.subscribers).toHaveLength(0);
  });
});
