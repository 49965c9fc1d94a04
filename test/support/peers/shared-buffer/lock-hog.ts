// Takes a lock of a named segment and gives it back without a pause, without end: `lock-hog NAME mutex|read|write|semaphore`.
import { SharedBuffer } from "sluice";

const [name = "", kind] = process.argv.slice(2);
const memory = SharedBuffer.open(name);
const lock =
  kind === "mutex"
    ? memory.mutex(0)
    : kind === "semaphore"
      ? memory.semaphore(0, 1)
      : memory.rwlock(0)[kind === "read" ? "read" : "write"];
lock.acquireSync().release();
console.log("hogs");
for (;;) lock.acquireSync().release();
