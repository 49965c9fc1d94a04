// Plays cases in a process of their own (test/support/peers/faults/sweep.ts), and starts another when one hangs or dies.
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll } from "vitest";
import { type Peer, startPeer } from "../../support/child.js";
import { PAGE_BYTES } from "../../support/peers/faults/injector.js";
import type { Case, Outcome } from "../../support/peers/faults/sweep.js";

// The program gives up on an operation long before.
const WATCHDOG_MS = 40_000;

/** The core that fails on demand: `npm run build:native -- --faults`. */
export const faultyCore: string = fileURLToPath(
  new URL(`../../../.build/faults/linux-${process.arch}.node`, import.meta.url),
).replace("/.build/.build/", "/.build/");

/** Builds that core, where it is older than its sources. */
export function buildFaultyCore(): void {
  const sources = [...filesIn("src/native"), ...filesIn("test/native/faults"), "scripts/build-native.mjs"];
  const newest = Math.max(...sources.map((file) => statSync(file).mtimeMs));
  if (existsSync(faultyCore) && statSync(faultyCore).mtimeMs >= newest) return;
  execFileSync(process.execPath, ["scripts/build-native.mjs", "--faults"]);
}

function filesIn(folder: string): string[] {
  return readdirSync(folder).map((name) => path.join(folder, name));
}

/** A process that plays cases one after another. */
export class Player implements AsyncDisposable {
  readonly #folder = mkdtempSync(path.join(tmpdir(), "sluice-player-"));
  #peer: Peer | undefined;
  #operations: readonly [all: readonly string[], wrong: readonly string[]] = [[], []];

  /** The names of the operations that there are. */
  async operations(): Promise<readonly string[]> {
    await this.#start();
    return this.#operations[0];
  }

  /** The names of those that are wrong on purpose. */
  async wrongOperations(): Promise<readonly string[]> {
    await this.#start();
    return this.#operations[1];
  }

  async play(played: Case): Promise<Outcome> {
    const peer = await this.#start();
    const watchdog = setTimeout(() => peer.kill("SIGKILL"), WATCHDOG_MS);
    try {
      await peer.write(JSON.stringify(played));
      return JSON.parse(await peer.nextLine()) as Outcome;
    } catch (error) {
      const { code, signal } = await peer.exit;
      this.#peer = undefined;
      const how = signal === "SIGKILL" ? "hung" : `ended with code ${String(code)}, signal ${String(signal)}`;
      const problem = `DIED: the process ${how}: ${error instanceof Error ? error.message : String(error)}`;
      return { problems: [problem], errors: [], fired: [], counts: {} };
    } finally {
      clearTimeout(watchdog);
    }
  }

  /** The next case is played in a new process. */
  async restart(): Promise<void> {
    await this.#peer?.[Symbol.asyncDispose]();
    this.#peer = undefined;
  }

  async #start(): Promise<Peer> {
    if (this.#peer !== undefined) return this.#peer;
    const page = path.join(this.#folder, "page");
    writeFileSync(page, Buffer.alloc(PAGE_BYTES));
    this.#peer = startPeer("faults/sweep", [], {
      env: { SLUICE_FAULTS: page, SLUICE_NATIVE: faultyCore, LD_PRELOAD: undefined },
      execArgv: ["--expose-gc"],
    });
    this.#operations = JSON.parse(await this.#peer.nextLine()) as [string[], string[]];
    return this.#peer;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.restart();
    rmSync(this.#folder, { recursive: true });
  }
}

/** A player for the tests of a file, on a core that is built before the first and gone after the last. */
export function usePlayer(): () => Player {
  let player: Player | undefined;
  beforeAll(() => {
    buildFaultyCore();
    player = new Player();
  }, 120_000);
  afterAll(() => player?.[Symbol.asyncDispose]());
  return () => player!;
}
