// Writes an audit log under a limit of the file's size, then rotates it.
import { renameSync } from "node:fs";
import { auditLog } from "sluice/daemon";

const [path = ""] = process.argv.slice(2);
const errors = new Set<unknown>();
const log = auditLog({ path, onError: (error) => errors.add((error as NodeJS.ErrnoException).code) });
for (let n = 0; n < 100; n++)
  log.record({ event: "call", peer: undefined, name: `call ${n}`, allowed: true });
await log.flush();
const { lost } = log;
renameSync(path, `${path}.1`);
log.reopen();
log.record({ event: "call", peer: undefined, name: "after", allowed: true });
await log.close();
console.log(JSON.stringify({ lost, errors: [...errors] }));
