/**
 * Locks in shared memory: three processes keep one ledger under a mutex. One of them dies with the mutex in the middle of a transfer; the next is told, and
 * repairs the ledger.
 *
 * Run it alone: it starts the other processes itself.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { type ExclusiveLease, layout, SharedBuffer } from "sluice";

const ledger = layout({ from: "i32", to: "i32", transfers: "u32" });
const MUTEX = 0;
const LEDGER = 64;
const TOTAL = 1000;
const TRANSFERS = 1000;

const name = process.argv[2] ?? `/sluice-example-locks-${process.pid}`;
const role = process.argv[3] ?? "parent";

async function child(): Promise<void> {
  using memory = SharedBuffer.open(name);
  const mutex = memory.mutex(MUTEX);
  const { values } = ledger.over(memory, LEDGER);

  const repair = (lease: ExclusiveLease): void => {
    values.to = TOTAL - values.from;
    lease.markConsistent();
    console.log(`${role}: the owner of the mutex has died; repaired`);
  };

  for (let count = 0; count < TRANSFERS; count++) {
    using lease = await mutex.acquire({ timeout: 10_000 });
    if (lease.ownerDied) repair(lease);
    values.from--;
    if (role === "clumsy" && count === 100) process.kill(process.pid, "SIGKILL");
    values.to++;
    values.transfers++;
  }
}

async function parent(): Promise<void> {
  using memory = SharedBuffer.create({ name, size: 4096 });
  ledger.over(memory, LEDGER).values.from = TOTAL;
  const roles = ["clumsy", "careful", "patient"];
  const ends = roles.map(async (each) => {
    const started = spawn(process.execPath, [import.meta.filename, name, each], { stdio: "inherit" });
    const [code, signal] = (await once(started, "exit")) as [number | null, string | null];
    return signal ?? code ?? 1;
  });
  console.log(`parent: they ended with ${(await Promise.all(ends)).join(", ")}`);

  using lease = await memory.mutex(MUTEX).acquire();
  const { from, to, transfers } = ledger.over(memory, LEDGER).values;
  if (lease.ownerDied) lease.markConsistent();
  else if (from + to !== TOTAL) process.exitCode = 1;
  console.log(`parent: ${transfers} transfers, ${from} + ${to} = ${from + to}`);
}

await (role === "parent" ? parent() : child());
