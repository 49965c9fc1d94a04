import { type ChildProcess, spawn, type StdioOptions } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { WaitOptions } from "sluice";
import { type Route, timeout } from "./carriers.js";

/** The second process, which talks about its work over its standard streams. Leaving the scope of `await using` ends it. */
export interface SecondProcess extends AsyncDisposable {
  readonly pid: number;
  /** Bounds a wait for something that it does: in time, and by its failing. */
  readonly wait: WaitOptions;
  /** The next line of its standard output. Rejects when it ends, or says nothing for too long. */
  nextLine(): Promise<string>;
  /** Takes the next line; rejects unless it is this one. */
  line(expected: string): Promise<void>;
  /** Writes a line to its standard input. */
  say(line: string): void;
  /** Fulfils when it has ended by itself and with success. */
  ended(): Promise<void>;
}

const running = new Set<ChildProcess>();

/** Ends what is still running, at once. */
export function killAll(): void {
  for (const child of running) child.kill("SIGKILL");
}

/** Runs peer.ts with these parameters, started by a route that has a way of its own. */
export function startPeer(parameters: readonly string[], start: Route["spawn"] = spawnWith): SecondProcess {
  const program = fileURLToPath(new URL("./peer.js", import.meta.url));
  const args = ["--enable-source-maps", program, ...parameters];
  const child = start(process.execPath, args, ["pipe", "pipe", "inherit"]);
  const { pid, stdin, stdout } = child;
  if (pid === undefined || stdin === null || stdout === null)
    throw new Error("the second process could not be started");
  running.add(child);
  const failure = new AbortController();
  const exit = new Promise<string>((resolve) => {
    child.once("exit", (code, signal) => {
      running.delete(child);
      const how = signal ?? `exit code ${String(code)}`;
      resolve(how);
      // After success, what it has sent may still be on its way.
      if (code !== 0) failure.abort(new Error(`the second process ended with ${how}`));
    });
  });
  // A process that ends breaks the pipe; how it ended is told by `exit`.
  stdin.on("error", () => undefined);
  const output = createInterface({ input: stdout })[Symbol.asyncIterator]();
  const nextLine = async (): Promise<string> => {
    const next = await inTime("said nothing", output.next());
    if (next.done === true) throw new Error(`the second process ended early (${await exit})`);
    return next.value;
  };
  return {
    pid,
    wait: { timeout, signal: failure.signal },
    nextLine,
    line: async (expected) => {
      const text = await nextLine();
      if (text !== expected)
        throw new Error(`the second process said ${JSON.stringify(text)}, not ${JSON.stringify(expected)}`);
    },
    say: (line) => stdin.write(`${line}\n`),
    ended: async () => {
      const how = await inTime("did not end", exit);
      if (how !== "exit code 0") throw new Error(`the second process ended with ${how}`);
    },
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGKILL");
      await exit;
    },
  };
}

function spawnWith(command: string, args: readonly string[], stdio: StdioOptions): ChildProcess {
  return spawn(command, args, { stdio });
}

async function inTime<T>(problem: string, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new Error(`the second process ${problem} for ${String(timeout / 1000)} s`));
    }, timeout);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
