/**
 * A record in shared memory: one process writes where it is, a hundred thousand times; another reads, and never sees half of one place and half of another.
 *
 * Run it alone: it starts the second process itself.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { layout, SharedBuffer } from "sluice";

// Both programs say the same; if they did not, `record` would refuse.
const place = layout({ x: "f64", y: "f64", name: "utf8(16)", step: "u32" }, { version: 1 });
const STEPS = 100_000;
const name = process.argv[2] ?? `/sluice-example-record-${process.pid}`;

function write(): void {
  using memory = SharedBuffer.open(name);
  const record = memory.record(place);
  for (let step = 1; step <= STEPS; step++) {
    record.write({ x: step, y: -step, step, name: step === STEPS ? "there" : "on the way" });
  }
}

async function read(): Promise<void> {
  using memory = SharedBuffer.create({ name, size: 4096 });
  const record = memory.record(place);
  const writer = spawn(process.execPath, [import.meta.filename, name], { stdio: "inherit" });
  const exited = once(writer, "exit");
  let reads = 0;
  let torn = 0;
  let step = 0;
  while (step < STEPS && writer.exitCode === null) {
    for (let count = 0; count < 10_000; count++) {
      const sum = record.read(({ x, y }) => x + y);
      if (sum !== 0) torn++;
      reads++;
    }
    step = record.read().step;
    await new Promise(setImmediate);
  }
  const [code] = (await exited) as [number | null];
  console.log("at the end:", record.read());
  console.log(`read more than once: ${reads > 1}; torn: ${torn}; writes: ${record.sequence}`);
  process.exitCode = torn === 0 && code === 0 ? 0 : 1;
}

if (process.argv[2] === undefined) await read();
else write();
