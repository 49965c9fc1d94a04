import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach } from "vitest";
import { ChannelError, MessageQueue, type MessageQueueKind } from "sluice";

let number = 0;

/** A name of its own for each test; the queue is removed after it. */
export function useName(kind: MessageQueueKind): () => string {
  let name = "";
  let folder = "";
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "sluice-mq-"));
    name = kind === "sysv" ? folder : `/sluice-test-${process.pid}-${number++}`;
  });
  afterEach(() => {
    try {
      MessageQueue.unlink(name, { kind });
    } catch (error) {
      if (!(error instanceof ChannelError && error.code === "ERR_NO_PEER")) throw error;
    }
    rmSync(folder, { recursive: true });
  });
  return () => name;
}

/** The code that a call fails with, or what it gave. */
export async function codeOf(call: Promise<unknown>): Promise<unknown> {
  try {
    return await call;
  } catch (error) {
    return error instanceof ChannelError ? error.code : error;
  }
}

/** Compiles test/support/peers/message-queue/NAME.c into this folder, and says where the program is. */
export function compile(name: string, folder: string): string {
  const source = fileURLToPath(new URL(`../../support/peers/message-queue/${name}.c`, import.meta.url));
  const program = join(folder, name);
  const { status, stderr } = spawnSync("cc", ["-Wall", "-o", program, source, "-lrt"], { encoding: "utf8" });
  if (status !== 0) throw new Error(stderr);
  return program;
}

/** The threads of this process that wait at System V queues, told by the signals that they block. */
function waitingThreads(): number {
  return readdirSync("/proc/self/task").filter((tid) => {
    try {
      return /^SigBlk:\s*fffffffc7f/m.test(readFileSync(`/proc/self/task/${tid}/status`, "latin1"));
    } catch (error) {
      // It has ended meanwhile.
      if (["ENOENT", "ESRCH"].includes((error as NodeJS.ErrnoException).code ?? "")) return false;
      throw error;
    }
  }).length;
}

/** Turns the event loop until there are so many of them. */
export async function untilThreadsWait(count: number): Promise<void> {
  while (waitingThreads() !== count) await new Promise((resolve) => setImmediate(resolve));
}
