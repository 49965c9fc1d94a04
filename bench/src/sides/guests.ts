import { type ChildProcess, spawn, type StdioOptions } from "node:child_process";
import { fileURLToPath } from "node:url";
import { MessageChannel, type MessagePort, Worker } from "node:worker_threads";
import type { Contestant } from "./contestant.js";
import { type Task, tell } from "./task.js";

const program = fileURLToPath(new URL("guest.js", import.meta.url));

/** What a guest is told: the task, and which of the guests it is. */
export interface GuestTask extends Task {
  readonly index: number;
}

/** What a thread is started with. */
export interface ThreadData {
  readonly task: GuestTask;
  readonly port: MessagePort;
}

/** The other side, in a process or a thread of its own. */
export interface Guest {
  readonly child?: ChildProcess;
  readonly port?: MessagePort;
  /** Fulfils when it has ended well. */
  readonly done: Promise<void>;
  /** Lets it go on to its next part. */
  next(): void;
  /** Lets it end. */
  release(): void;
}

/** Starts one guest in the way that its contestant needs. */
export function startGuest(contestant: Contestant<unknown>, task: GuestTask): Guest {
  return contestant.guest === "thread" ? startThread(task) : startProcess(contestant, task);
}

function startProcess(contestant: Contestant<unknown>, task: GuestTask): Guest {
  const args = [...process.execArgv, program, JSON.stringify(task)];
  const pinned = task.guestCpus !== undefined;
  const command = pinned ? "taskset" : process.execPath;
  const child = spawnFor(
    contestant,
    command,
    pinned ? ["-c", task.guestCpus, process.execPath, ...args] : args,
  );
  const { stdin } = child;
  if (stdin === null) throw new Error("a guest was started without standard input");
  // A guest that has failed has closed it; its exit code tells.
  stdin.on("error", () => undefined);
  return {
    child,
    done: new Promise((resolve, reject) => {
      child.once("error", reject);
      child.once("exit", (code, signal) => {
        if (code === 0) resolve();
        else reject(new Error(`the guest ended with ${signal ?? String(code)}`));
      });
    }),
    next: () => void stdin.write("next\n"),
    release: () => void stdin.end(),
  };
}

function spawnFor(contestant: Contestant<unknown>, command: string, args: readonly string[]): ChildProcess {
  const { guest } = contestant;
  const stdio: StdioOptions = ["pipe", "inherit", "inherit"];
  if (contestant.spawn !== undefined) return contestant.spawn(command, args, stdio);
  return spawn(command, args, {
    stdio: guest === "process" ? stdio : [...stdio, "ipc"],
    serialization: guest === "ipc-advanced" ? "advanced" : "json",
  });
}

function startThread(task: GuestTask): Guest {
  const { port1, port2 } = new MessageChannel();
  const data: ThreadData = { task, port: port2 };
  const worker = new Worker(program, { workerData: data, transferList: [port2] });
  worker.on("message", tell);
  return {
    port: port1,
    done: new Promise((resolve, reject) => {
      worker.once("error", reject);
      worker.once("exit", (code) => {
        if (code === 0) resolve();
        else reject(new Error(`the guest ended with ${code}`));
      });
    }),
    next: () => worker.postMessage("next"),
    release: () => worker.postMessage("release"),
  };
}
