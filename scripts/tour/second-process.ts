import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { WaitOptions } from "sluice";
import { timeout } from "./carriers.js";

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

/** Runs peer.ts with these parameters. */
export function startPeer(parameters: readonly string[]): SecondProcess {
  const program = fileURLToPath(new URL("./peer.js", import.meta.url));
  const child = spawn(process.execPath, ["--enable-source-maps", program, ...parameters], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const { pid } = child;
  if (pid === undefined) throw new Error("the second process could not be started");
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
  child.stdin.on("error", () => undefined);
  const output = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
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
    say: (line) => child.stdin.write(`${line}\n`),
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
