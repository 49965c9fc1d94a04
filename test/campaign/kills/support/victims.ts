/**
 * Processes to be killed. Each plays one role of test/support/peers/kills and dies at the step that it is told, or whenever the test kills it. Starting a process takes longer than most of
 * what it does here, so some are started ahead, from one file that has everything in it.
 */
import { build } from "esbuild";
import { mkdirSync, renameSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Plan } from "../../../support/peers/kills/roles/plan.js";
import { type Exit, type Peer, startProgram } from "../../../support/child.js";

const AHEAD = 3;
const PATIENCE = 20_000;

const root = fileURLToPath(new URL("../../../../", import.meta.url));
const guard = new URL("../../../../.build/test/support/parent-guard.js", import.meta.url).href;
const program = `${root}.build/kills/victim-${process.pid}.js`;

/** Which step, and at the how manieth time that a process comes to it. */
export interface Kill {
  readonly step: string;
  readonly nth: number;
}

/** One process under a plan. */
export class Victim {
  readonly #peer: Peer;
  readonly #prepared: Promise<void>;
  readonly #lines: string[] = [];
  #ended: Exit | undefined;
  /** When its end was known, as performance.now() has it. */
  endedAt = 0;

  constructor(peer: Peer) {
    this.#peer = peer;
    this.#prepared = peer.expectLine("ready");
    // Its failure is that of whoever plays with it.
    this.#prepared.catch(() => undefined);
  }

  get pid(): number {
    return this.#peer.pid;
  }

  /** Begins to play. */
  async play(plan: Plan): Promise<this> {
    await this.#prepared;
    void this.#peer.exit.then((exit) => {
      this.endedAt = performance.now();
      this.#ended = exit;
    });
    await this.#peer.write(JSON.stringify(plan));
    return this;
  }

  /** Says a line to it, if it lives. */
  async say(line: string): Promise<void> {
    try {
      await this.#peer.write(line);
    } catch (error) {
      // It has died meanwhile, which its end tells.
      if ((error as NodeJS.ErrnoException).code !== "EPIPE") throw error;
    }
  }

  /** Fulfils with its end, whatever that is. */
  get over(): Promise<unknown> {
    return this.#peer.exit;
  }

  /** Waits until it says this line, or has ended before; `false`: that. */
  async says(line: string): Promise<boolean> {
    while (!this.#lines.includes(line)) {
      const next = await this.#peer.lines.next();
      if (next.done === true) return false;
      this.#lines.push(next.value);
    }
    return true;
  }

  /** Nothing of it runs any more, and it lives. */
  stop(): void {
    this.#peer.kill("SIGSTOP");
  }

  kill(): void {
    this.#peer.kill("SIGKILL");
  }

  get isOver(): boolean {
    return this.#ended !== undefined;
  }

  /** Waits for its end. @returns whether it was killed; throws when it has failed by itself */
  async ended(): Promise<boolean> {
    const exit = await within(PATIENCE, this.#peer.exit, "the victim's end");
    for await (const line of this.#peer.lines) this.#lines.push(line);
    if (exit.signal === "SIGKILL") return true;
    if (exit.code === 0) return false;
    throw new Error(
      `the victim ended with code ${String(exit.code)}, signal ${String(exit.signal)}:\n${this.#peer.stderr}`,
    );
  }

  /** The steps that it has come by, when it has ended by itself. */
  get counts(): ReadonlyMap<string, number> {
    const line = this.#lines.find((each) => each.startsWith("done "));
    if (line === undefined) throw new Error("the victim has not said which steps it came by");
    return new Map(Object.entries(JSON.parse(line.slice(5)) as Record<string, number>));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#peer[Symbol.asyncDispose]();
  }
}

/** Victims that are started ahead. */
export class VictimPool {
  readonly #prepared: Victim[] = [];

  static async open(): Promise<VictimPool> {
    await compile();
    return new VictimPool();
  }

  take(): Victim {
    while (this.#prepared.length <= AHEAD) this.#prepared.push(start());
    const victim = this.#prepared.shift();
    if (victim === undefined) throw new Error("unreachable");
    return victim;
  }

  /** Ends those who were started in vain. */
  async empty(): Promise<void> {
    await Promise.all(this.#prepared.splice(0).map((each) => each[Symbol.asyncDispose]()));
  }
}

function start(): Victim {
  const peer = startProgram(process.execPath, ["--import", guard, program], {
    env: { SLUICE_TEST_PARENT: String(process.pid) },
  });
  return new Victim(peer);
}

/** Two runs at a time may compile: each its own file. */
async function compile(): Promise<void> {
  mkdirSync(`${root}.build/kills`, { recursive: true });
  await build({
    entryPoints: [`${root}test/support/peers/kills/victim.ts`],
    outfile: `${program}.new.js`,
    bundle: true,
    format: "esm",
    platform: "node",
    target: "node20.19",
    alias: {
      sluice: `${root}src/index.ts`,
      "sluice/rpc": `${root}src/rpc/index.ts`,
      "sluice/daemon": `${root}src/daemon/index.ts`,
    },
    external: ["node-unix-socket", "node-unix-socket/*", "@msgpack/msgpack", "prom-client"],
    logLevel: "error",
  });
  renameSync(`${program}.new.js`, program);
}

/** Rejects when something takes longer than it ever may. */
export async function within<T>(milliseconds: number, promise: Promise<T>, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      reject(new Error(`${what} has not come within ${milliseconds} ms`));
    }, milliseconds);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
