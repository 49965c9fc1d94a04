import type { Channel } from "../core/channel.js";
import type { PublisherOptions } from "../pubsub/types.js";
import type { CallEnded, ServeOptions } from "../rpc/serve-options.js";
import type { CallContext } from "../rpc/types.js";
import type { AuditEntry, AuditLog } from "./audit/audit-log.js";
import { Refusals } from "./audit/refusals.js";
import { callerOf, type DaemonPeer, peerOf } from "./peer.js";
import type { Policy, PolicyDecision } from "./policy/policy.js";
import type { Quota } from "./quota/quota.js";

/** What {@link guard} puts together. */
export interface GuardOptions {
  /** Who may do what. */
  readonly policy: Policy;
  /** How much of it. No limits by default. */
  readonly quota?: Quota | undefined;
  /** Where each decision is written. Nowhere by default. */
  readonly audit?: AuditLog | undefined;
}

/** Options to spread into those of `listen`, `serve` and `publisher`. */
export interface Guard {
  /** For `listen`. */
  readonly listen: {
    /** Who has a role, and room in the quota. */
    readonly allow: (peer: DaemonPeer) => boolean;
  };
  /** For `serve`. */
  readonly serve: Required<Pick<ServeOptions, "authorize" | "admit" | "onCall">>;
  /** For `publisher`. */
  readonly publish: Required<Pick<PublisherOptions<unknown>, "authorize" | "admit">>;
}

/**
 * Puts policy, quota and audit log together: each connection, call and subscription is judged by the policy, counted by the quota, and written down.
 * Of connections that are refused to one user, the first eight of a second have a line each, and all others of it one with their number.
 *
 * @param options - the three; a policy at least
 * @example
 * ```ts run
 * import { UnixSocket } from "sluice";
 * import { auditLog, guard, policy, quota } from "sluice/daemon";
 * import { createClient, serve } from "sluice/rpc";
 *
 * await using audit = auditLog({ write: (lines) => { process.stdout.write(lines); } });
 * const access = policy({ roles: { us: { uids: [process.geteuid?.() ?? 0] } }, rules: [{ allow: "us", methods: ["now"] }] });
 * const guarded = guard({ policy: access, quota: quota({ callsInFlight: 8 }), audit });
 * const methods = { now: () => Date.now() };
 * const path = `/tmp/sluice-example-guard-${process.pid}.sock`;
 * await using server = serve(await UnixSocket.listen(path, guarded.listen), methods, guarded.serve);
 * await using client = createClient<typeof methods>(await UnixSocket.connect(path));
 * console.log(await client.now(), server.peers);
 * ```
 */
export function guard({ policy, quota, audit }: GuardOptions): Guard {
  const record = (entry: AuditEntry): void => audit?.record(entry);
  const refusals = audit === undefined ? undefined : new Refusals(record);
  const rolesOf = (decision: PolicyDecision): string[] => decision.roles.map(({ role }) => role);
  const admit = (channel: Channel<never, unknown>): boolean => {
    if (quota === undefined || quota.admit(channel)) return true;
    refusals?.tell({ event: "connect", peer: peerOf(channel), allowed: false, rule: "quota" });
    return false;
  };
  const onCall = (context: CallContext, payload: unknown): CallEnded => {
    const peer = callerOf(context);
    const { method } = context;
    // What is in force when the call comes decides; a reload may come before its end.
    const decision = audit === undefined ? undefined : policy.explain(peer, method);
    const began = performance.now();
    const over = (error: unknown, rule: string | undefined, allowed: boolean): void => {
      if (decision === undefined) return;
      const duration = performance.now() - began;
      const outcome = error === undefined ? "ok" : codeOf(error);
      record({
        event: "call",
        peer,
        roles: rolesOf(decision),
        name: method,
        allowed,
        rule,
        duration,
        outcome,
        payload,
      });
    };
    let counted: CallEnded | undefined;
    try {
      counted = quota?.onCall(context);
    } catch (error) {
      over(error, quotaOf(error), false);
      throw error;
    }
    return (error) => {
      counted?.(error);
      over(error, decision?.rule, decision?.allowed ?? false);
    };
  };
  return {
    listen: {
      allow: (peer) => {
        const isKnown = policy.allow(peer);
        if (isKnown && (quota?.allow(peer) ?? true)) return true;
        refusals?.tell({ event: "connect", peer, allowed: false, rule: isKnown ? "quota" : undefined });
        return false;
      },
    },
    serve: { authorize: policy.authorize, admit, onCall },
    publish: {
      admit,
      authorize: ({ channel, topic }) => {
        const peer = peerOf(channel);
        const decision = policy.explain(peer, topic, "topic");
        let { allowed, rule } = decision;
        try {
          quota?.message(channel);
        } catch (error) {
          allowed = false;
          rule = quotaOf(error);
        }
        record({ event: "subscribe", peer, roles: rolesOf(decision), name: topic, allowed, rule });
        return allowed;
      },
    },
  };
}

function quotaOf(error: unknown): string {
  const { data } = error as { readonly data?: { readonly quota?: string } };
  return `quota.${data?.quota ?? "unknown"}`;
}

function codeOf(error: unknown): string {
  const { code, name } = (error ?? {}) as { readonly code?: unknown; readonly name?: unknown };
  if (typeof code === "string" || typeof code === "number") return String(code);
  return typeof name === "string" ? name : "error";
}
