import { ChannelError, type MessageIssue } from "../../core/errors.js";
import { extend } from "../../core/extend.js";
import type { DaemonPeer } from "../peer.js";
import { systemAccounts } from "./accounts.js";
import { issuesOf, pathText, type PolicyData } from "./data.js";
import { RuleNames } from "./names.js";
import { type HeldRole, Roles } from "./roles.js";

/** What a rule is about. */
export type RuleKind = "method" | "topic";

/** A rule that has decided. */
export interface Verdict {
  readonly allowed: boolean;
  readonly role: string;
  /** The place of the name: `rules[1].methods[0]`. */
  readonly rule: string;
}

interface RoleRules {
  readonly allow: RuleNames<Verdict>;
  readonly deny: RuleNames<Verdict>;
}

/** A policy in the form in which it decides. It does not change, so that what was found out once stays true. */
export class CompiledPolicy {
  readonly data: PolicyData;
  readonly #roles = new Roles();
  readonly #rules: Readonly<Record<RuleKind, Map<string, RoleRules>>> = {
    method: new Map(),
    topic: new Map(),
  };
  readonly #known = new WeakMap<DaemonPeer, readonly HeldRole[]>();

  /** @throws ChannelError `ERR_INVALID_MESSAGE` with all issues */
  constructor(data: PolicyData) {
    const issues = issuesOf(data);
    if (issues.length === 0) {
      // A copy: what the caller does to its data later changes nothing.
      this.data = structuredClone(data);
      this.#addRoles(issues);
      this.#addRules();
    } else this.data = data;
    if (issues.length > 0) throw invalid(issues);
  }

  /** The roles of a peer. What the kernel told of a connection does not change, so it is found out once. */
  rolesOf(peer: DaemonPeer | undefined): readonly HeldRole[] {
    if (typeof peer !== "object" || peer === null) return [];
    let roles = this.#known.get(peer);
    if (roles === undefined) {
      roles = this.#roles.of(peer);
      this.#known.set(peer, roles);
    }
    return roles;
  }

  /** The rule that decides: a denial of any role, else a permission of any, else none. */
  decide(roles: readonly HeldRole[], kind: RuleKind, name: string): Verdict | undefined {
    const rules = this.#rules[kind];
    let allowing: Verdict | undefined;
    for (const { role } of roles) {
      const own = rules.get(role);
      if (own === undefined) continue;
      const denying = own.deny.touching(name);
      if (denying !== undefined) return denying;
      allowing ??= own.allow.covering(name);
    }
    return allowing;
  }

  #addRoles(issues: MessageIssue[]): void {
    const accounts = systemAccounts();
    for (const [role, who] of Object.entries(this.data.roles)) {
      const held = (...path: (string | number)[]): HeldRole => ({
        role,
        because: pathText(["roles", role, ...path]),
      });
      const resolve = (
        key: "users" | "groups",
        find: (name: string) => number | undefined,
      ): [number, HeldRole][] =>
        (who[key] ?? []).flatMap((name, index) => {
          const id = find(name);
          if (id !== undefined) return [[id, held(key, index)]];
          const file = key === "users" ? "/etc/passwd" : "/etc/group";
          issues.push({
            path: ["roles", role, key, index],
            message: `${JSON.stringify(name)} is not in ${file}; name it by number`,
          });
          return [];
        });
      for (const [index, uid] of (who.uids ?? []).entries()) this.#roles.addUser(uid, held("uids", index));
      for (const [uid, by] of resolve("users", accounts.user)) this.#roles.addUser(uid, by);
      for (const [index, gid] of (who.gids ?? []).entries()) this.#roles.addGroup(gid, held("gids", index));
      for (const [gid, by] of resolve("groups", accounts.group)) this.#roles.addGroup(gid, by);
      for (const [index, certificate] of (who.certificates ?? []).entries())
        this.#roles.addCertificate(certificate, held("certificates", index));
      if (who.anyone === true) this.#roles.addAnyone(held("anyone"));
    }
  }

  #addRules(): void {
    for (const [index, rule] of this.data.rules.entries()) {
      const effect = rule.deny === undefined ? "allow" : "deny";
      const roles = [rule[effect] ?? []].flat();
      for (const [kind, names] of [
        ["method", rule.methods ?? []],
        ["topic", rule.topics ?? []],
      ] as const)
        for (const [at, name] of names.entries())
          for (const role of roles) {
            const verdict = {
              allowed: effect === "allow",
              role,
              rule: pathText(["rules", index, `${kind}s`, at]),
            };
            this.#rulesOf(kind, role)[effect].add(name, verdict);
          }
    }
  }

  #rulesOf(kind: RuleKind, role: string): RoleRules {
    let rules = this.#rules[kind].get(role);
    if (rules === undefined) {
      rules = { allow: new RuleNames(), deny: new RuleNames() };
      this.#rules[kind].set(role, rules);
    }
    return rules;
  }
}

function invalid(issues: readonly MessageIssue[]): ChannelError {
  const texts = issues.map(({ path, message }) => `${pathText((path ?? []) as string[]) || "it"} ${message}`);
  const more = texts.length > 3 ? `; and ${texts.length - 3} more` : "";
  return new ChannelError(
    "ERR_INVALID_MESSAGE",
    `Cannot use this policy: ${texts.slice(0, 3).join("; ")}${more}`,
    extend({ operation: "load policy" }, { issues }),
  );
}
