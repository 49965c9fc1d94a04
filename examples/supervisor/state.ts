// What a supervisor writes down for the one after it, should it be killed: how to find its processes, and the name of its shared memory.
import { randomUUID } from "node:crypto";
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ChannelError, SharedBuffer } from "sluice";
import { z } from "zod";
import { killMarked, type MarkedProcess } from "./processes.js";

const stateSchema = z.strictObject({ mark: z.uuid(), counters: z.string() });

export class State implements Disposable {
  /** The mark of this supervisor's processes. */
  readonly mark = randomUUID();
  /** The name of its counters. Nobody can guess it, and so nobody can be there first. */
  readonly counters = `/supervisor-${this.mark}`;
  readonly #path: string;

  /** @param folder - the runtime directory, where nobody else can write and there is one instance */
  constructor(folder: string) {
    this.#path = join(folder, "state.json");
  }

  /**
   * Ends what a supervisor that was killed has left behind. It could not be taken over: only its parent learns how a process ends, and its output went into a pipe that nobody reads any more.
   *
   * @returns the processes that had outlived it
   */
  async clean(): Promise<MarkedProcess[]> {
    if (!existsSync(this.#path)) return [];
    const { mark, counters } = stateSchema.parse(JSON.parse(readFileSync(this.#path, "utf8")));
    const survivors = await killMarked(mark);
    try {
      SharedBuffer.unlink(counters);
    } catch (error) {
      if (!(error instanceof ChannelError && error.code === "ERR_NO_PEER")) throw error;
    }
    return survivors;
  }

  /** To be called before there are counters and processes. */
  write(): void {
    const draft = `${this.#path}.new`;
    writeFileSync(draft, JSON.stringify({ mark: this.mark, counters: this.counters }), { mode: 0o600 });
    renameSync(draft, this.#path);
  }

  [Symbol.dispose](): void {
    rmSync(this.#path, { force: true });
  }
}
