import { execFileSync } from "node:child_process";
import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect } from "vitest";
import {
  ChannelError,
  MessageQueue,
  type MessageQueueChannel,
  type MessageQueueKind,
  type MessageQueueStatus,
  SharedBuffer,
} from "sluice";
import { checkMessage, lengthOf, messageOf } from "../../mechanisms/shared-buffer/pattern.js";
import { QUEUE_LIMITS, QUEUE_MESSAGE } from "../../support/peers/kills/roles/queues.js";
import { describeKills, type Scenario } from "./support/campaign.js";

const MESSAGES = 60;
const PROMPT = 5000;

const boardName = `/sluice-kills-queues-${process.pid}`;
/** A path is the key of a System V queue: one of our own, so that no other's queue is met. */
const folder = mkdtempSync(join(tmpdir(), "sluice-kills-"));
const key = join(folder, "key");
writeFileSync(key, "");
const board = SharedBuffer.create({ name: boardName, size: 4096 });
const progress = board.view(Int32Array, 0, 1);
afterAll(() => {
  board.close();
  rmSync(folder, { recursive: true });
});

const setting = (kind: MessageQueueKind): { args: Record<string, string | number>; name: string } => {
  const name = kind === "posix" ? `/sluice-kills-${process.pid}` : key;
  return { name, args: { kind, queue: name, board: boardName, messages: MESSAGES } };
};

/** The rights are those that were asked for; or, where the maker was killed before it had given them, fewer: what the umask leaves. */
function checkMode(kind: MessageQueueKind, name: string, killed: boolean): void {
  if (kind === "sysv") {
    // The kernel makes these with their rights.
    expect(execFileSync("ipcs", ["-q"], { encoding: "utf8" })).toMatch(/ 622 /);
    return;
  }
  const fds = readdirSync("/proc/self/fd").filter((fd) => linkOf(fd) === name);
  const umask = Number.parseInt(
    /^Umask:\s*(\d+)$/m.exec(readFileSync("/proc/self/status", "latin1"))?.[1] ?? "",
    8,
  );
  const allowed = killed ? [0o622, 0o622 & ~umask] : [0o622];
  for (const fd of fds) expect(allowed).toContain(statSync(`/proc/self/fd/${fd}`).mode & 0o777);
  expect(fds.length).toBeGreaterThan(0);
}

function linkOf(fd: string): string | undefined {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`);
  } catch (error) {
    // The one that the folder was read by.
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

function isFull({ messages, maxMessages }: MessageQueueStatus): boolean {
  return messages >= maxMessages;
}

/** Whether a thread of the process waits in msgsnd(2). */
function isSending(pid: number): boolean {
  const number = process.arch === "x64" ? "69" : "189";
  return taskCalls(pid).includes(number);
}

/** The numbers of the system calls in which the threads of a process are; none when it has ended. */
function taskCalls(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/task`).map(
      (task) => readFileSync(`/proc/${pid}/task/${task}/syscall`, "latin1").split(" ")[0] ?? "",
    );
  } catch (error) {
    if (["ENOENT", "ESRCH"].includes((error as NodeJS.ErrnoException).code ?? "")) return [];
    throw error;
  }
}

/** Both kinds have the same methods. */
function openQueue(kind: MessageQueueKind, name: string): Promise<MessageQueueChannel<Uint8Array, Buffer>> {
  return MessageQueue.open(name, { kind: kind as "posix", create: true, ...QUEUE_LIMITS });
}

/** Also after a failure: what is in a queue would be met by the next scenario. */
function removal(kind: MessageQueueKind, name: string): Disposable {
  return {
    [Symbol.dispose]: () => {
      MessageQueue.unlink(name, { kind });
    },
  };
}

function sender(kind: MessageQueueKind): Scenario {
  return {
    name: `a ${kind} queue one of whose senders is killed`,
    async run(cast) {
      const { args, name } = setting(kind);
      progress[0] = 0;
      const victim = await cast.play("queue sender", args);
      let killed: boolean | undefined;
      const over = victim.ended().then((was) => (killed = was));
      // The victim makes the queue; one that it has not finished is finished here.
      await victim.says("open");
      await using queue = await openQueue(kind, name);
      using _removal = removal(kind, name);
      // So that the victim has to wait for room, too.
      while (killed === undefined && !(kind === "posix" ? isFull(queue.stat()) : isSending(victim.pid)))
        await new Promise(setImmediate);
      let next = 0;
      for (; next < MESSAGES; next++) {
        const length = lengthOf(next, QUEUE_MESSAGE.least, QUEUE_MESSAGE.most);
        const bounds = { timeout: killed === undefined ? 50 : 0 };
        const message = await queue.receive(bounds).catch(ignoreTimeout);
        if (message !== undefined) checkMessage(message, next, length);
        else if (killed !== undefined && queue.stat().messages === 0) break;
        else next--;
      }
      await over;
      // What was accepted is there, whole, once and in order; and at most one more, of which the victim had not heard.
      expect(next).toBeGreaterThanOrEqual(progress[0] ?? 0);
      if (killed === true) expect(next).toBeLessThanOrEqual((progress[0] ?? 0) + 1);
      checkMode(kind, name, killed === true);
      await sendsOn(queue);
    },
  };
}

function receiver(kind: MessageQueueKind): Scenario {
  return {
    name: `a ${kind} queue one of whose receivers is killed`,
    async run(cast) {
      const { args, name } = setting(kind);
      progress[0] = 0;
      const victim = await cast.play("queue receiver", args);
      await victim.says("open");
      await using queue = await openQueue(kind, name);
      using _removal = removal(kind, name);
      let sent = 0;
      while (sent < MESSAGES && !victim.isOver) {
        const message = messageOf(sent, lengthOf(sent, QUEUE_MESSAGE.least, QUEUE_MESSAGE.most));
        try {
          await queue.send(message, { timeout: 50 });
          sent++;
        } catch (error) {
          ignoreTimeout(error);
        }
      }
      const killed = await victim.ended();
      // Each message was taken by the victim or is still there: one at most was in its hands.
      const taken = progress[0] ?? 0;
      const left: number[] = [];
      // What has no room in the kernel's queue yet goes there as this makes room.
      while (left.at(-1) !== sent - 1) {
        const message = await queue
          .receive({ timeout: left.length === 0 ? 200 : PROMPT })
          .catch(ignoreTimeout);
        if (message === undefined) break;
        const sequence = message.readUInt32LE(0);
        checkMessage(message, sequence, lengthOf(sequence, QUEUE_MESSAGE.least, QUEUE_MESSAGE.most));
        left.push(sequence);
      }
      const first = left[0] ?? sent;
      expect(first - taken).toBeGreaterThanOrEqual(0);
      expect(first - taken).toBeLessThanOrEqual(1);
      expect(left).toEqual(Array.from({ length: sent - first }, (_, index) => first + index));
      checkMode(kind, name, killed);
      await sendsOn(queue);
    },
  };
}

/** The queue goes on: it takes as many as it was to hold. */
async function sendsOn(queue: MessageQueueChannel<Uint8Array, Buffer>): Promise<void> {
  await queue.send(Buffer.from("next"), { timeout: PROMPT });
  expect(String(await queue.receive({ timeout: PROMPT }))).toBe("next");
}

function ignoreTimeout(error: unknown): undefined {
  if (!(error instanceof ChannelError) || error.code !== "ERR_TIMEOUT") throw error;
}

describeKills("queues", [sender("posix"), receiver("posix"), sender("sysv"), receiver("sysv")], {
  short: 4,
  long: 1000,
});
