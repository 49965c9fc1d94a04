// A service whose roles stand in a file, with a quota for each user and a log of what was decided.
import { readFileSync } from "node:fs";
import { UnixSocket } from "sluice";
import { auditLog, guard, policy, type PolicyData, quota } from "sluice/daemon";
import { type CallContext, serve } from "sluice/rpc";

export interface Methods {
  status(): string;
  "jobs.list"(): string[];
  "jobs.purge"(): string;
  why(method: string): string;
}

/** Serves until it is disposed of; the audit log is complete then. */
export async function startService(path: string, roles: string, log: string): Promise<AsyncDisposable> {
  const access = policy(JSON.parse(readFileSync(roles, "utf8")) as PolicyData);
  const audit = auditLog({ path: log });
  const limits = quota({
    connections: 8,
    callsInFlight: 16,
    messagesPerSecond: 10,
    firstMessageTimeout: 5000,
  });
  const guarded = guard({ policy: access, quota: limits, audit });
  const methods = {
    status: () => "fine",
    "jobs.list": () => ["backup", "report"],
    "jobs.purge": () => "all gone",
    why: (method: string, { peer }: CallContext) => access.explain(peer, method).reason,
  };
  // The policy decides who comes in; the file must not keep other users out before that.
  const listener = await UnixSocket.listen(path, { allow: guarded.listen.allow, mode: 0o666 });
  const server = serve(listener, methods, guarded.serve);
  return {
    async [Symbol.asyncDispose]() {
      await server.close({ deadline: 1000 });
      await audit.close();
    },
  };
}
