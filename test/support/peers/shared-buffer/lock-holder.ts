// Does with the locks of a named segment what it is told, a line each, and tells what came of it:
// `lock-holder NAME [thread]`; with `thread` a worker does it, and `terminate` ends that.
import { createInterface } from "node:readline";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { ChannelError, type ExclusiveLease, type Lease, SharedBuffer } from "sluice";

type Answer = (text: string) => void;

function follow(name: string, answer: Answer): (line: string) => Promise<void> {
  const buffer = SharedBuffer.open(name);
  const leases = new Map<string, Lease>();
  const lockOf = (kind: string, offset: number): { acquire: (timeout: number) => Promise<Lease> } => {
    const lock =
      kind === "mutex"
        ? buffer.mutex(offset)
        : kind === "read"
          ? buffer.rwlock(offset).read
          : kind === "write"
            ? buffer.rwlock(offset).write
            : buffer.semaphore(offset, 2);
    return { acquire: (timeout) => lock.acquire({ timeout }) };
  };
  return async (line) => {
    const [command = "", kind = "", offset = "0", timeout = "10000"] = line.split(" ");
    const key = `${kind} ${offset}`;
    if (command === "acquire") {
      try {
        const lease = await lockOf(kind, Number(offset)).acquire(Number(timeout));
        leases.set(key, lease);
        answer(lease.ownerDied ? "acquired from the dead" : "acquired");
      } catch (error) {
        answer(error instanceof ChannelError ? error.code : String(error));
      }
    } else if (command === "release") {
      leases.get(key)?.release();
      answer("released");
    } else if (command === "consistent") {
      (leases.get(key) as ExclusiveLease).markConsistent();
      answer("consistent");
    } else if (command === "wait") {
      await buffer.condition(Number(timeout)).wait(leases.get(key) as ExclusiveLease);
      answer("notified");
    } else if (command === "notify") {
      buffer.condition(Number(offset)).notify();
      answer("told");
    }
  };
}

if (!isMainThread) {
  const obey = follow(workerData as string, (text) => parentPort?.postMessage(text));
  parentPort?.on("message", (line: string) => void obey(line));
} else {
  const [name = "", thread] = process.argv.slice(2);
  const worker =
    thread === undefined ? undefined : new Worker(new URL(import.meta.url), { workerData: name });
  worker?.on("message", (text: string) => {
    console.log(text);
  });
  const obey = worker === undefined ? follow(name, console.log) : undefined;
  const lines = createInterface({ input: process.stdin });
  lines.on("line", (line) => {
    if (line === "terminate") void worker?.terminate().then(() => console.log("terminated"));
    else if (worker !== undefined) worker.postMessage(line);
    else void obey?.(line);
  });
  lines.on("close", () => void worker?.terminate());
  console.log("ready");
}
