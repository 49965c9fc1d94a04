import type { Channel } from "../../core/channel.js";
import type { CallContext } from "../../rpc/types.js";
import { callerOf, type DaemonPeer, peerOf } from "../peer.js";
import { CompiledPolicy, type RuleKind } from "./compiled.js";
import type { PolicyData } from "./data.js";
import type { HeldRole } from "./roles.js";

/** What a policy says of a peer, and why. */
export interface PolicyDecision {
  /** Whether the peer may. */
  readonly allowed: boolean;
  /** The roles that the peer has, and the place in the data that gives each: `roles.admin.groups[0]`. */
  readonly roles: readonly HeldRole[];
  /** The role whose rule decided. */
  readonly role: string | undefined;
  /** The place of the rule that decided: `rules[1].methods[0]`. `undefined`: no rule speaks of it, so it is denied. */
  readonly rule: string | undefined;
  /** All of it in a sentence. */
  readonly reason: string;
}

/** Who may do what. Made by {@link policy}. Its functions may be passed on as they are. */
export interface Policy {
  /** What is in force. */
  readonly data: PolicyData;
  /** How often a policy came into force: 1, and one more for each `replace`. */
  readonly version: number;
  /** For the option `allow` of `listen`: who has no role at all is refused before the first byte. */
  readonly allow: (peer: DaemonPeer) => boolean;
  /** For the option `authorize` of `serve`. */
  readonly authorize: (context: Pick<CallContext, "peer" | "channel" | "method">) => boolean;
  /** For the option `authorize` of `publisher`. After a `replace` call its `reauthorize`. */
  readonly authorizeTopic: (subscription: {
    /** The subscriber's channel. */
    readonly channel: Channel<never, unknown>;
    /** The topic, or wildcard, that it asks for. */
    readonly topic: string;
  }) => boolean;
  /**
   * Says whether a peer may call a method, or subscribe to a topic, and why. A wildcard of topics is allowed where one rule allows all of it and none denies a part.
   *
   * @param peer - a channel's `peer`, or a TLS channel
   */
  explain(peer: DaemonPeer | undefined, name: string, kind?: RuleKind): PolicyDecision;
  /**
   * Puts other data into force, for connections that are open as well: their next call is judged by it. Throws what {@link policy} throws, and then the old data stays in force.
   */
  replace(data: PolicyData): void;
}

/**
 * Decides who may do what: uid, groups or certificate make roles, and rules say which methods and topics a role has. What no rule allows is denied, and a `deny` wins over all that is allowed.
 *
 * The data is small and has a form in JSON, which {@link policySchema} describes. Names of users and groups are looked up once, in /etc/passwd and /etc/group.
 *
 * @param data - the roles and the rules
 * @throws ChannelError `ERR_INVALID_MESSAGE` whose `issues` name each place that is wrong: a key that is unknown, a role that does not exist, a user that this machine does not have
 * @example
 * ```ts run
 * import { UnixSocket } from "sluice";
 * import { policy } from "sluice/daemon";
 * import { createClient, serve } from "sluice/rpc";
 *
 * const access = policy({
 *   roles: { owner: { uids: [process.geteuid?.() ?? 0] }, staff: { groups: ["adm"] } },
 *   rules: [
 *     { allow: ["owner", "staff"], methods: ["status", "jobs.*"] },
 *     { deny: "staff", methods: ["jobs.purge"] },
 *   ],
 * });
 * const methods = { status: () => "fine", shutDown: () => "bye" };
 * const path = `/tmp/sluice-example-policy-${process.pid}.sock`;
 * await using server = serve(await UnixSocket.listen(path, { allow: access.allow }), methods, { authorize: access.authorize });
 * const channel = await UnixSocket.connect(path);
 * await using client = createClient<typeof methods>(channel);
 * console.log(await client.status(), server.peers);
 * console.log(access.explain(channel.peer, "shutDown").reason);
 * ```
 */
export function policy(data: PolicyData): Policy {
  let compiled = new CompiledPolicy(data);
  let version = 1;
  const may = (peer: DaemonPeer | undefined, kind: RuleKind, name: string): boolean =>
    compiled.decide(compiled.rolesOf(peer), kind, name)?.allowed ?? false;
  return {
    get data() {
      return compiled.data;
    },
    get version() {
      return version;
    },
    allow: (peer) => compiled.rolesOf(peer).length > 0,
    authorize: (context) => may(callerOf(context), "method", context.method),
    authorizeTopic: ({ channel, topic }) => may(peerOf(channel), "topic", topic),
    explain: (peer, name, kind = "method") => explain(compiled, peer, name, kind),
    replace(next) {
      compiled = new CompiledPolicy(next);
      version++;
    },
  };
}

function explain(
  compiled: CompiledPolicy,
  peer: DaemonPeer | undefined,
  name: string,
  kind: RuleKind,
): PolicyDecision {
  const roles = compiled.rolesOf(peer);
  const { allowed = false, role, rule } = compiled.decide(roles, kind, name) ?? {};
  const what = `the ${kind} ${JSON.stringify(name)}`;
  const held = roles.map((each) => `${each.role} (${each.because})`).join(", ");
  let reason = `${what} is denied: the peer has no role`;
  if (rule !== undefined)
    reason = `${what} is ${allowed ? "allowed" : "denied"} to ${String(role)} by ${rule}; the peer is ${held}`;
  else if (roles.length > 0) reason = `${what} is denied: no rule allows it to ${held}`;
  return { allowed, roles, role, rule, reason };
}
