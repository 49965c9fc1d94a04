// Does critical sections under a mutex until its own count is reached, wherever a killed predecessor has left it:
// `lock-stress NAME INDEX SECTIONS sync|async`. A section adds to three plain numbers, one after the other; a death between them has to be repaired by the next.
import { type ExclusiveLease, SharedBuffer } from "sluice";

const [name = "", index = "0", sections = "0", how] = process.argv.slice(2);
const memory = SharedBuffer.open(name);
const mutex = memory.mutex(0);
const totals = memory.view(Float64Array, 64, 2);
const counts = memory.view(Float64Array, 128, 8);
const mine = Number(index);
const goal = Number(sections);

function section(lease: ExclusiveLease): boolean {
  if (lease.ownerDied) {
    totals.fill(counts.reduce((sum, count) => sum + count, 0));
    lease.markConsistent();
  }
  const [first = 0, second = 0] = totals;
  const count = counts[mine] ?? 0;
  if (first !== second) throw new Error(`two were in at a time: ${first} and ${second}`);
  if (count === goal) return false;
  totals[0] = first + 1;
  counts[mine] = count + 1;
  totals[1] = second + 1;
  return true;
}

let goesOn = true;
if (how === "async") {
  while (goesOn) {
    const lease = await mutex.acquire();
    goesOn = section(lease);
    lease.release();
  }
} else {
  while (goesOn) {
    const lease = mutex.acquireSync();
    goesOn = section(lease);
    lease.release();
  }
}
memory.close();
