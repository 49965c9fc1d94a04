import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ChannelError, json } from "sluice";
import { type DaemonPeer, policy, type PolicyData, policySchema } from "sluice/daemon";

const ourUid = process.geteuid?.() ?? -1;
const ourGid = process.getegid?.() ?? -1;
const me: DaemonPeer = { pid: process.pid, uid: ourUid, gid: ourGid };

function failureOf(work: () => unknown): ChannelError {
  try {
    work();
  } catch (error) {
    if (error instanceof ChannelError) return error;
    throw error;
  }
  throw new Error("It was expected to fail, and did not");
}

describe("policy()", () => {
  test("denies everything to everybody when it is empty", () => {
    const empty = policy({ roles: {}, rules: [] });
    expect(empty.allow(me)).toBe(false);
    expect(empty.explain(me, "status")).toMatchObject({ allowed: false, roles: [], rule: undefined });
    expect(empty.explain(me, "status").reason).toBe('the method "status" is denied: the peer has no role');
  });

  test("gives roles by uid, gid, user and group, and says which place of the data did", () => {
    const access = policy({
      roles: {
        number: { uids: [0] },
        group: { gids: [7] },
        user: { users: ["root"] },
        team: { groups: ["root"] },
        all: { anyone: true },
      },
      rules: [{ allow: "all", methods: ["status"] }],
    });
    const root = { pid: 1, uid: 0, gid: 0 };
    expect(access.explain(root, "status").roles).toEqual([
      { role: "number", because: "roles.number.uids[0]" },
      { role: "user", because: "roles.user.users[0]" },
      { role: "team", because: "roles.team.groups[0]" },
      { role: "all", because: "roles.all.anyone" },
    ]);
    expect(access.explain({ pid: 1, uid: 5, gid: 7 }, "status").roles.map(({ role }) => role)).toEqual([
      "group",
      "all",
    ]);
  });

  test("lets a denial win, wherever it stands", () => {
    const access = policy({
      roles: { staff: { uids: [ourUid] }, guest: { anyone: true } },
      rules: [
        { deny: "guest", methods: ["jobs.purge", "secret.*"] },
        { allow: ["staff", "guest"], methods: ["*"] },
      ],
    });
    expect(access.explain(me, "jobs.list")).toMatchObject({
      allowed: true,
      role: "staff",
      rule: "rules[1].methods[0]",
    });
    expect(access.explain(me, "jobs.purge")).toMatchObject({
      allowed: false,
      role: "guest",
      rule: "rules[0].methods[0]",
    });
    expect(access.explain(me, "secret.key")).toMatchObject({ allowed: false, rule: "rules[0].methods[1]" });
    expect(access.explain(me, "secret").allowed).toBe(true);
  });

  test("reads no more of a name than its rules have, so that a name of nothing but dots costs no time", () => {
    const access = policy({
      roles: { all: { anyone: true } },
      rules: [{ allow: "all", methods: ["config.*", "deep.down.below.*"] }],
    });
    const dots = "a.".repeat(8192);
    const began = performance.now();
    for (let round = 0; round < 100; round++) expect(access.explain(me, dots).allowed).toBe(false);
    expect(performance.now() - began).toBeLessThan(2000);
    expect(access.explain(me, `config.${dots}`).rule).toBe("rules[0].methods[0]");
    expect(access.explain(me, "deep.down.below.it").rule).toBe("rules[0].methods[1]");
    expect(access.explain(me, "deep.down.it").allowed).toBe(false);
  });

  test("allows a wildcard of topics only where one rule allows all of it and none denies a part", () => {
    const access = policy({
      roles: { all: { anyone: true } },
      rules: [
        { allow: "all", topics: ["logs.*", "news"] },
        { deny: "all", topics: ["logs.audit.*", "logs.kernel"] },
      ],
    });
    const may = (topic: string) => access.explain(me, topic, "topic").allowed;
    expect(["logs.web", "logs.web.*", "news"].filter(may)).toHaveLength(3);
    expect(
      [
        "*",
        "logs.*",
        "logs.audit.*",
        "logs.audit.x",
        "logs.audit.x.*",
        "logs.kernel",
        "news.*",
        "logs",
      ].filter(may),
    ).toEqual([]);
    expect(access.explain(me, "logs.web").allowed).toBe(false);
  });

  test.each<[string, unknown]>([
    ["nobody", undefined],
    ["null", null],
    ["the kernel's 'no id'", { pid: 0, uid: 2 ** 32 - 1, gid: 2 ** 32 - 1 }],
    ["a negative id", { pid: 1, uid: -1, gid: -1 }],
    ["a text for an id", { pid: 1, uid: String(ourUid), gid: "0" }],
    ["no number", { pid: 1, uid: Number.NaN, gid: 0 }],
    ["a group without a user", { pid: 1, gid: ourGid }],
    ["an address alone", { remoteAddress: { host: "127.0.0.1", port: 1 }, tls: undefined }],
    [
      "a certificate that is not good",
      { remoteAddress: {}, tls: { authorized: false, peerCertificate: { subject: { CN: "worker" } } } },
    ],
    [
      "a certificate that is as good as a text",
      { remoteAddress: {}, tls: { authorized: "true", peerCertificate: { subject: { CN: "worker" } } } },
    ],
    ["a text", "root"],
  ])("gives %s no role", (_name, peer) => {
    const access = policy({
      roles: {
        all: { anyone: true, uids: [ourUid], gids: [ourGid, 0], certificates: [{ commonName: "worker" }] },
      },
      rules: [{ allow: "all", methods: ["*"] }],
    });
    expect(access.allow(peer as DaemonPeer)).toBe(false);
    expect(access.explain(peer as DaemonPeer, "status").allowed).toBe(false);
  });

  test("gives roles by certificate: name, alternative name, fingerprint, all that are named", () => {
    const fingerprint256 = Array.from({ length: 32 }, () => "AB").join(":");
    const certificate = {
      subject: { CN: "worker" },
      subjectaltname: 'DNS:worker.example, URI:"spiffe://x, DNS:admin.example", DNS:two.example',
      fingerprint256,
    };
    const peer = {
      remoteAddress: { host: "::1", port: 9 },
      tls: { authorized: true, peerCertificate: certificate },
    };
    const roles = {
      name: { certificates: [{ commonName: "worker" }] },
      alternative: { certificates: [{ subjectAltName: "DNS:two.example" }] },
      print: { certificates: [{ fingerprint256: fingerprint256.toLowerCase(), commonName: "worker" }] },
      // What stands in a name between quotes is not a name of its own.
      smuggled: { certificates: [{ subjectAltName: "DNS:admin.example" }] },
      half: { certificates: [{ commonName: "worker", subjectAltName: "DNS:other.example" }] },
    };
    const access = policy({ roles, rules: [] });
    const held = access.explain(peer as unknown as DaemonPeer, "x").roles.map(({ role }) => role);
    expect(held).toEqual(["name", "alternative", "print"]);
  });

  test("decides as a naive evaluator does, for any policy", () => {
    const segment = fc.constantFrom("a", "b", "c");
    const name = fc.array(segment, { minLength: 1, maxLength: 3 }).map((parts) => parts.join("."));
    const pattern = fc.oneof(
      name,
      name.map((text) => `${text}.*`),
      fc.constant("*"),
    );
    const role = fc.constantFrom("r1", "r2", "r3");
    const ids = fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 2 });
    const roleData = fc.record({ uids: ids, gids: ids, anyone: fc.constantFrom(false, false, true) });
    const names = fc.array(pattern, { maxLength: 3 });
    const rule = fc
      .record({
        effect: fc.constantFrom("allow", "deny"),
        roles: fc.array(role, { maxLength: 2 }),
        methods: names,
        topics: names,
      })
      .map(({ effect, roles, methods, topics }) => ({ [effect]: roles, methods, topics }));
    const data = fc.record({
      roles: fc.record({ r1: roleData, r2: roleData, r3: roleData }),
      rules: fc.array(rule, { maxLength: 6 }),
    });
    const id = fc.integer({ min: 0, max: 3 });
    fc.assert(
      fc.property(data, id, id, name, fc.constantFrom("method", "topic"), (given, uid, gid, asked, kind) => {
        const { allowed } = policy(given).explain({ pid: 1, uid, gid }, asked, kind);
        expect(allowed).toBe(naively(given, uid, gid, asked, kind));
      }),
      { numRuns: 2000 },
    );
  });

  test("allows a wildcard only if it allows every topic beneath it, for any policy", () => {
    const name = fc
      .array(fc.constantFrom("a", "b"), { minLength: 1, maxLength: 3 })
      .map((parts) => parts.join("."));
    const pattern = fc.oneof(
      name,
      name.map((text) => `${text}.*`),
      fc.constant("*"),
    );
    const rules = fc.array(
      fc.record({
        effect: fc.constantFrom("allow", "deny"),
        topics: fc.array(pattern, { minLength: 1, maxLength: 2 }),
      }),
      { maxLength: 4 },
    );
    fc.assert(
      fc.property(rules, pattern, name, (given, wildcard, topic) => {
        const access = policy({
          roles: { r: { anyone: true } },
          rules: given.map(({ effect, topics }) => ({ [effect]: "r", topics })),
        });
        if (!access.explain(me, wildcard, "topic").allowed || !covers(wildcard, topic)) return;
        expect(access.explain(me, topic, "topic").allowed).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });
});

/** The meaning of a policy, written down without any thought of speed. */
function naively(data: PolicyData, uid: number, gid: number, name: string, kind: string): boolean {
  const held = Object.entries(data.roles)
    .filter(
      ([, who]) =>
        who.anyone === true || who.uids?.includes(uid) === true || who.gids?.includes(gid) === true,
    )
    .map(([role]) => role);
  const speaks = (
    roles: string | readonly string[] | undefined,
    names: readonly string[] | undefined,
  ): boolean =>
    [roles ?? []].flat().some((role) => held.includes(role)) &&
    (names ?? []).some((pattern) => covers(pattern, name));
  const namesOf = (rule: PolicyData["rules"][number]) => (kind === "method" ? rule.methods : rule.topics);
  if (data.rules.some((rule) => speaks(rule.deny, namesOf(rule)))) return false;
  return data.rules.some((rule) => speaks(rule.allow, namesOf(rule)));
}

function covers(pattern: string, name: string): boolean {
  return (
    pattern === "*" || pattern === name || (pattern.endsWith(".*") && name.startsWith(pattern.slice(0, -1)))
  );
}

describe("the data of a policy", () => {
  test.each<[string, unknown, string]>([
    ["an unknown key", { roles: {}, rules: [], rule: [] }, "rule is unknown here"],
    [
      "a rule's unknown key",
      { roles: { a: {} }, rules: [{ allow: "a", method: ["x"] }] },
      "rules[0].method is unknown here",
    ],
    [
      "a role that does not exist",
      { roles: {}, rules: [{ allow: "a", methods: ["x"] }] },
      "rules[0].allow must be one of the roles",
    ],
    [
      "a rule without an effect",
      { roles: {}, rules: [{ methods: ["x"] }] },
      'rules[0] must have one of "allow" and "deny"',
    ],
    [
      "a rule with both effects",
      { roles: { a: {} }, rules: [{ allow: "a", deny: "a", methods: [] }] },
      'rules[0] must have one of "allow" and "deny"',
    ],
    [
      "a rule about nothing",
      { roles: { a: {} }, rules: [{ allow: ["a"] }] },
      'rules[0] must have "methods" or "topics"',
    ],
    [
      "an asterisk in the middle",
      { roles: { a: {} }, rules: [{ allow: "a", methods: ["x*"] }] },
      "rules[0].methods[0] must be a name",
    ],
    ["an id that is a text", { roles: { a: { uids: ["0"] } }, rules: [] }, "roles.a.uids[0] must be an id"],
    [
      "the kernel's 'no id'",
      { roles: { a: { gids: [2 ** 32 - 1] } }, rules: [] },
      "roles.a.gids[0] must be an id",
    ],
    [
      "a user that does not exist",
      { roles: { a: { users: ["no-such-user"] } }, rules: [] },
      'roles.a.users[0] "no-such-user" is not in /etc/passwd',
    ],
    [
      "a group that does not exist",
      { roles: { a: { groups: ["no-such-group"] } }, rules: [] },
      "is not in /etc/group",
    ],
    [
      "a role's wild name",
      JSON.parse('{ "roles": { "__proto__": { "anyone": true } }, "rules": [] }'),
      "roles.__proto__ must have a name",
    ],
    [
      "a certificate that fits all",
      { roles: { a: { certificates: [{}] } }, rules: [] },
      "roles.a.certificates[0] must name one of",
    ],
    [
      "a short fingerprint",
      { roles: { a: { certificates: [{ fingerprint256: "AB" }] } }, rules: [] },
      "fingerprint256 must be 32 bytes",
    ],
    ["anyone as a text", { roles: { a: { anyone: "no" } }, rules: [] }, "roles.a.anyone must be a boolean"],
    ["no rules", { roles: {} }, "rules must be an array"],
    ["no roles", { rules: [] }, "roles must be an object"],
    ["an array", [], "it must be an object"],
    ["nothing", undefined, "it must be an object"],
  ])("is refused with %s, and the error names the place", (_name, data, text) => {
    const error = failureOf(() => policy(data as PolicyData));
    expect(error.code).toBe("ERR_INVALID_MESSAGE");
    expect(error.message).toContain(text);
    expect(error.issues?.length).toBeGreaterThan(0);
  });

  test("loads from JSON through policySchema, which is a Standard Schema", () => {
    const codec = json(policySchema);
    const text = JSON.stringify({
      roles: { all: { anyone: true } },
      rules: [{ allow: "all", methods: ["status"] }],
    });
    expect(policy(codec.decode(Buffer.from(text))).explain(me, "status").allowed).toBe(true);
    expect(() => codec.decode(Buffer.from('{"roles":{},"rules":[{"alow":"x"}]}'))).toThrow(/rules\.0\.alow/);
  });

  test("is copied: what the caller changes later has no effect", () => {
    const uids: number[] = [];
    const data = { roles: { a: { uids } }, rules: [{ allow: "a", methods: ["*"] }] };
    const access = policy(data);
    uids.push(ourUid);
    expect(access.allow(me)).toBe(false);
    expect(access.data.roles["a"]?.uids).toEqual([]);
  });
});
