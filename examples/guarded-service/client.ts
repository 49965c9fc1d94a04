// Calls each method once, asks why it may not, and calls one of them too often.
import { UnixSocket } from "sluice";
import { dropPrivileges } from "sluice/daemon";
import { createClient } from "sluice/rpc";
import type { Methods } from "./service.js";

const [path = "", user] = process.argv.slice(2);
if (user !== undefined) dropPrivileges({ user });
const who = user ?? "operator";
// The service may be another user's: by default a client would not talk to it.
await using client = createClient<Methods>(await UnixSocket.connect(path, { allow: "anyone" }));
for (const name of ["status", "jobs.list", "jobs.purge"] as const) {
  const outcome: unknown = await client[name]().catch((error: unknown) => String(error));
  console.log(`${who}: ${name}: ${String(outcome)}`);
}
console.log(`${who}: ${await client.why("jobs.purge")}`);
const outcomes = await Promise.allSettled(Array.from({ length: 8 }, () => client.status()));
const refused = outcomes.filter(({ status }) => status === "rejected");
console.log(`${who}: ${refused.length} calls of 8 were too many a second`);
