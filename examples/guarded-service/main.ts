// Who may do what: a service with roles, quotas and an audit log, called by its operator and, if you are root, by a stranger.
//
// Run it with `node guarded-service/main.js`; it prints, and leaves nothing behind.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startService } from "./service.js";

const folder = mkdtempSync(join(tmpdir(), "sluice-example-"));
const inFolder = (name: string): string => join(folder, name);
const [path, roles, log] = [inFolder("service.sock"), inFolder("roles.json"), inFolder("audit.log")] as const;
const uid = process.geteuid?.() ?? -1;
const data = {
  roles: { operator: { uids: [uid] }, anyone: { anyone: true } },
  rules: [
    { allow: "anyone", methods: ["status", "why"] },
    { allow: "operator", methods: ["jobs.*"] },
    { deny: "operator", methods: ["jobs.purge"] },
  ],
};
try {
  // Others may reach the socket; nobody but us may put anything beside it.
  chmodSync(folder, 0o711);
  writeFileSync(roles, JSON.stringify(data));
  {
    await using _service = await startService(path, roles, log);
    await runClient(path);
    if (uid === 0) await runClient(path, "nobody");
  }
  const lines = readFileSync(log, "utf8").trimEnd().split("\n");
  console.log(`the audit log has ${lines.length} lines, of which these say no:`);
  for (const line of lines.filter((each) => each.includes('"denied"')).slice(0, 4)) console.log(line);
} finally {
  rmSync(folder, { recursive: true });
}

async function runClient(...args: string[]): Promise<void> {
  const program = join(import.meta.dirname, "client.js");
  const client = spawn(process.execPath, [program, ...args], { stdio: "inherit" });
  const [code] = (await once(client, "exit")) as [number | null];
  if (code !== 0) throw new Error(`the client ended with ${String(code)}`);
}
