/**
 * Second processes for tests.
 *
 * A peer is a program test/support/peers/NAME.ts. It imports the library as "sluice" or by a relative path into
 * src/ (both are the same compiled copy, made in .build/ before the tests start) and talks to the test through its
 * standard streams, line by line:
 *
 * ```ts
 * // test/support/peers/greeter.ts
 * console.log("ready");
 * process.stdin.on("data", (line) => console.log(`hello ${String(line).trim()}`));
 *
 * // test/greeter.test.ts
 * await using greeter = startPeer("greeter", ["--polite"]);
 * await greeter.expectLine("ready");
 * await greeter.write("world");
 * expect(await greeter.nextLine()).toBe("hello world");
 * greeter.kill("SIGKILL");
 * expect(await greeter.exit).toEqual({ code: null, signal: "SIGKILL" });
 * ```
 *
 * No peer outlives its test: leaving the scope of `await using` kills it by its pid and waits for its end; the end of
 * the test's process kills what is left, and a peer whose parent was killed outright ends itself.
 * What a peer writes to standard error is kept (its last 64 KiB) and is part of every failure's message.
 */
import { spawn, type ChildProcess, type StdioOptions } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

/** How a process ended: by `exit` with a code, or by a signal. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface PeerOptions {
  /** Added to the environment; undefined removes a variable. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  readonly uid?: number;
  readonly gid?: number;
  /** Options of Node itself, such as `--expose-gc`. */
  readonly execArgv?: readonly string[];
  /** What the child finds at descriptor 3 and upwards, as in `child_process.spawn`. */
  readonly extraStdio?: readonly ("pipe" | "ignore" | number)[];
  /** `false`: for a test of what wakes its event loop, which nothing else may. It must end itself when its standard input does. */
  readonly guarded?: false;
}

/** A second process under the test's control. */
export interface Peer extends AsyncDisposable {
  readonly pid: number;
  readonly process: ChildProcess;
  /** Fulfils when the process has ended and its output has been read to the end; never rejects. */
  readonly exit: Promise<Exit>;
  /** The lines of standard output not yet taken; ends with the process's output. */
  readonly lines: AsyncIterableIterator<string>;
  /** What was written to standard error so far. */
  readonly stderr: string;
  /** The next line of standard output; rejects if the process ends before. */
  nextLine(): Promise<string>;
  /** Takes the next line and rejects unless it is the given one. */
  expectLine(expected: string): Promise<void>;
  /** Writes a line to standard input and waits until the pipe has taken it. */
  write(line: string): Promise<void>;
  /** Closes standard input. */
  end(): void;
  /** Sends the process a signal (default SIGTERM); false if it has ended already. */
  kill(signal?: NodeJS.Signals): boolean;
}

const root = new URL("../../", import.meta.url);
// A peer that starts peers runs from .build/ itself.
const build = root.pathname.endsWith("/.build/") ? root : new URL(".build/", root);
const stderrLimitBytes = 65_536;
const running = new Set<ChildProcess>();

process.once("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

/**
 * The compiled form of a TypeScript file of the project, for `new Worker()` or a command line.
 *
 * @param source - path relative to the root, such as `test/support/peers/echo.ts`
 */
export function compiled(source: string): string {
  return fileURLToPath(new URL(source.replace(/\.ts$/, ".js"), build));
}

/**
 * Whether the process runs. One that has ended and whose parent has not yet taken notice (a zombie) does not.
 */
export function isRunning(pid: number): boolean {
  try {
    // proc(5): the state follows the program's name, which is in parentheses and may itself hold some.
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    return !/^ [ZX]/.test(stat.slice(stat.lastIndexOf(")") + 1));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ESRCH") return false;
    throw error;
  }
}

/**
 * Runs test/support/peers/NAME.ts in a Node process of its own.
 *
 * @param name - may contain folders: `shared-buffer/writer`
 */
export function startPeer(name: string, args: readonly string[] = [], options: PeerOptions = {}): Peer {
  const guard = new URL("test/support/parent-guard.js", build).href;
  const program = compiled(`test/support/peers/${name}.ts`);
  const guarding = options.guarded === false ? [] : ["--import", guard];
  const nodeOptions = ["--enable-source-maps", ...guarding, ...(options.execArgv ?? [])];
  return startProgram(process.execPath, [...nodeOptions, program, ...args], {
    ...options,
    env: { ...options.env, SLUICE_TEST_PARENT: String(process.pid) },
  });
}

/** Runs any program, such as socat or python3, as a peer. */
export function startProgram(command: string, args: readonly string[], options: PeerOptions = {}): Peer {
  const stdio: StdioOptions = ["pipe", "pipe", "pipe", ...(options.extraStdio ?? [])];
  const child = spawn(command, args, {
    stdio,
    env: { ...process.env, ...options.env },
    cwd: options.cwd,
    uid: options.uid,
    gid: options.gid,
  });
  return new PeerProcess(child, `${command} ${args.join(" ")}`);
}

class PeerProcess implements Peer {
  readonly process: ChildProcess;
  readonly exit: Promise<Exit>;
  readonly lines: AsyncIterableIterator<string>;
  readonly #command: string;
  #stderr = "";

  constructor(child: ChildProcess, command: string) {
    this.process = child;
    this.#command = command;
    running.add(child);
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-stderrLimitBytes);
    });
    // A peer that is killed breaks the pipe to its standard input; the exit tells the test all there is to know.
    child.stdin?.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "EPIPE" && error.code !== "ECONNRESET") throw error;
    });
    this.exit = new Promise((resolve) => {
      child.once("error", (error) => {
        this.#stderr += error.message;
        running.delete(child);
        resolve({ code: null, signal: null });
      });
      child.once("exit", () => running.delete(child));
      child.once("close", (code, signal) => resolve({ code, signal }));
    });
    if (child.stdout === null) throw new TypeError("A peer needs a pipe at its standard output");
    this.lines = createInterface({ input: child.stdout, crlfDelay: Infinity })[Symbol.asyncIterator]();
  }

  get pid(): number {
    if (this.process.pid === undefined) throw new Error(`Cannot start ${this.#command}: ${this.#stderr}`);
    return this.process.pid;
  }

  get stderr(): string {
    return this.#stderr;
  }

  async nextLine(): Promise<string> {
    const next = await this.lines.next();
    if (next.done !== true) return next.value;
    const { code, signal } = await this.exit;
    throw new Error(
      `${this.#command} ended (code ${String(code)}, signal ${String(signal)}) before the line that was expected. Its standard error:\n${this.#stderr}`,
    );
  }

  async expectLine(expected: string): Promise<void> {
    const line = await this.nextLine();
    if (line !== expected) {
      throw new Error(
        `${this.#command} wrote ${JSON.stringify(line)} where ${JSON.stringify(expected)} was expected. Its standard error:\n${this.#stderr}`,
      );
    }
  }

  async write(line: string): Promise<void> {
    const { stdin } = this.process;
    if (stdin === null) throw new TypeError("This peer has no pipe at its standard input");
    if (!stdin.write(`${line}\n`)) await Promise.race([once(stdin, "drain"), this.exit]);
  }

  end(): void {
    this.process.stdin?.end();
  }

  kill(signal: NodeJS.Signals = "SIGTERM"): boolean {
    return this.process.kill(signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (running.has(this.process)) this.process.kill("SIGKILL");
    await this.exit;
  }
}
