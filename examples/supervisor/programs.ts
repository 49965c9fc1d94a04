// All programs of a configuration.
import { isDeepStrictEqual } from "node:util";
import type { Config } from "./config.js";
import { killMarked } from "./processes.js";
import { Program, type ProgramEvents, type ProgramStatus } from "./program.js";

export class Programs {
  readonly #mark: string;
  readonly #events: ProgramEvents;
  readonly #programs = new Map<string, Program>();

  constructor(mark: string, events: ProgramEvents) {
    this.#mark = mark;
    this.#events = events;
  }

  get status(): ProgramStatus[] {
    return Array.from(this.#programs.values(), ({ status }) => status);
  }

  /** Throws when there is no such program. */
  get(name: string): Program {
    const program = this.#programs.get(name);
    if (program === undefined)
      throw new RangeError(
        `there is no program ${JSON.stringify(name)}; there are ${[...this.#programs.keys()].join(", ")}`,
      );
    return program;
  }

  /** Makes it so as the configuration says: what is gone is stopped, what has changed is restarted, what is new is started, and all else goes on undisturbed. */
  async apply(wanted: Config["programs"]): Promise<void> {
    const changed = [...this.#programs.values()].filter(
      ({ name, settings }) => !isDeepStrictEqual(settings, wanted[name]),
    );
    await Promise.all(changed.map((program) => program.retire()));
    for (const { name } of changed) this.#programs.delete(name);
    for (const [name, settings] of Object.entries(wanted)) {
      if (this.#programs.has(name)) continue;
      const program = new Program(name, settings, this.#mark, this.#events);
      this.#programs.set(name, program);
      await program.start();
    }
  }

  /** Stops all, and kills what has left its program's group to outlive it. */
  async stop(): Promise<void> {
    await Promise.all(Array.from(this.#programs.values(), (program) => program.retire()));
    await killMarked(this.#mark);
  }
}
