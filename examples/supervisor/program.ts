// One program: started, started again by its policy, stopped.
import { spawn } from "node:child_process";
import { setTimeout as delay } from "node:timers/promises";
import { AnonymousPipe, ChannelError, none } from "sluice";
import type { ProgramSettings } from "./config.js";
import { linesOf } from "./output.js";
import { MARK, PROGRAM, signalGroup } from "./processes.js";

/** `"waiting"`: until it is started again; `"ended"`: by itself, and its policy leaves it at that; `"given-up"`: it has failed too often. */
export type ProgramState = "stopped" | "running" | "waiting" | "stopping" | "ended" | "given-up";

/** What is known of a program. */
export interface ProgramStatus {
  readonly name: string;
  readonly state: ProgramState;
  readonly pid?: number | undefined;
  readonly starts: number;
  /** How it has ended the last time: `"code 1"`, `"SIGKILL"`, or why it could not be started. */
  readonly ended?: string | undefined;
}

/** What a program tells while it runs. */
export interface ProgramEvents {
  started(program: string, pid: number): void;
  ended(program: string, how: string): void;
  line(program: string, line: string): void;
}

/** Milliseconds for the last words of a process that has ended, should another hold its output open. */
const LAST_WORDS = 1000;

export class Program {
  readonly name: string;
  readonly settings: ProgramSettings;
  readonly #mark: string;
  readonly #events: ProgramEvents;
  #state: ProgramState = "stopped";
  #pid: number | undefined;
  #starts = 0;
  #ended: string | undefined;
  #retired = false;
  /** There as long as it is kept running; aborted when that is to end. */
  #keeping: AbortController | undefined;
  #kept: Promise<void> = Promise.resolve();

  constructor(name: string, settings: ProgramSettings, mark: string, events: ProgramEvents) {
    this.name = name;
    this.settings = settings;
    this.#mark = mark;
    this.#events = events;
  }

  get status(): ProgramStatus {
    return {
      name: this.name,
      state: this.#state,
      pid: this.#pid,
      starts: this.#starts,
      ended: this.#ended,
    };
  }

  /** Starts it, after a stop that is under way. `false`: it is kept running already, or was retired. */
  async start(): Promise<boolean> {
    while (this.#keeping?.signal.aborted === true) await this.#kept;
    if (this.#keeping !== undefined || this.#retired) return false;
    const keeping = new AbortController();
    this.#keeping = keeping;
    this.#kept = this.#keep(keeping.signal).finally(() => {
      this.#keeping = undefined;
    });
    return true;
  }

  /** Stops it, by SIGTERM, and by SIGKILL after the deadline. Fulfils when it is gone; with `false` when it was not kept running. */
  async stop(): Promise<boolean> {
    if (this.#keeping === undefined) return false;
    this.#keeping.abort();
    await this.#kept;
    return true;
  }

  /** Stops it for good. */
  async retire(): Promise<void> {
    this.#retired = true;
    await this.stop();
  }

  async #keep(stopped: AbortSignal): Promise<void> {
    const { restart, limit, stable, backoff } = this.settings;
    for (let row = 0; ; row++) {
      const began = performance.now();
      this.#ended = await this.#run(stopped).catch(String); // for want of descriptors, for example
      const lasted = performance.now() - began;
      if (stopped.aborted) break;
      if (restart === "never" || (restart === "on-failure" && this.#ended === "code 0")) {
        this.#state = "ended";
        return;
      }
      if (lasted >= stable) row = 0;
      if (row >= limit) {
        this.#state = "given-up";
        return;
      }
      this.#state = "waiting";
      await pause(Math.min(backoff.first * 2 ** row, backoff.most), stopped);
      if (stopped.aborted) break;
    }
    this.#state = "stopped";
  }

  /** From the start to the end of one process; tells how it has ended. */
  async #run(stopped: AbortSignal): Promise<string> {
    const { command, env, cwd, stopTimeout } = this.settings;
    const [file, ...args] = command;
    // A pipe of the kernel's and not of Node's, which would be a socket: some programs cannot open /dev/stdout then.
    const { reader, writer } = AnonymousPipe.create({ framing: none() });
    const output = writer.detach();
    const child = spawn(file, args, {
      cwd,
      env: Object.assign({}, process.env, env, { [MARK]: this.#mark, [PROGRAM]: this.name }),
      stdio: ["ignore", output.fd, output.fd],
      // The leader of a group and session of its own: signals go to all that it starts, and the terminal's to none of them.
      detached: true,
    });
    const exited = new Promise<string>((resolve) => {
      child.once("error", (error) => {
        resolve(error.message);
      });
      child.once("exit", (code, signal) => {
        resolve(signal ?? `code ${String(code)}`);
      });
    });
    output.close();
    const { pid } = child;
    if (pid === undefined) {
      reader.destroy();
      return await exited;
    }
    this.#begin(pid);
    const published = this.#follow(reader);
    let killer: NodeJS.Timeout | undefined;
    const stop = (): void => {
      this.#state = "stopping";
      signalGroup(pid, "SIGTERM");
      killer = setTimeout(() => {
        signalGroup(pid, "SIGKILL");
      }, stopTimeout);
    };
    stopped.addEventListener("abort", stop, { once: true });
    const how = await exited;
    this.#pid = undefined;
    stopped.removeEventListener("abort", stop);
    clearTimeout(killer);
    // What it has started, and left behind.
    signalGroup(pid, "SIGKILL");
    const patience = setTimeout(() => {
      reader.destroy();
    }, LAST_WORDS);
    await published;
    clearTimeout(patience);
    this.#events.ended(this.name, how);
    return how;
  }

  #begin(pid: number): void {
    this.#state = "running";
    this.#pid = pid;
    this.#starts++;
    this.#events.started(this.name, pid);
  }

  async #follow(output: AsyncIterable<Buffer>): Promise<void> {
    try {
      for await (const line of linesOf(output)) this.#events.line(this.name, line);
    } catch (error) {
      // Its patience was over.
      if (!(error instanceof ChannelError && error.code === "ERR_CHANNEL_CLOSED")) throw error;
    }
  }
}

/** Waits so many milliseconds, or until it is stopped. */
async function pause(ms: number, stopped: AbortSignal): Promise<void> {
  try {
    await delay(ms, undefined, { signal: stopped });
  } catch (error) {
    if (!stopped.aborted) throw error;
  }
}
