import { keyOf } from "../quota/user.js";
import type { AuditEntry } from "./audit-log.js";

/** Lines a second for connections of one user that were refused. */
const MOST_LINES = 8;
const WINDOW_MS = 1000;

/** Writes down who was refused. To be refused costs a stranger nothing, and no quota holds him: so what he does more often than a few times a second is counted, and told in one line. */
export class Refusals {
  readonly #record: (entry: AuditEntry) => void;
  /** By user, those of the last second alone. */
  readonly #recent = new Map<string, number>();

  constructor(record: (entry: AuditEntry) => void) {
    this.#record = record;
  }

  tell(entry: AuditEntry): void {
    const key = keyOf(entry.peer);
    const before = this.#recent.get(key) ?? 0;
    this.#recent.set(key, before + 1);
    if (before < MOST_LINES) this.#record(entry);
    if (before > 0) return;
    setTimeout(() => {
      const repeated = (this.#recent.get(key) ?? 0) - MOST_LINES;
      this.#recent.delete(key);
      if (repeated > 0) this.#record(Object.assign({ repeated }, entry));
    }, WINDOW_MS).unref();
  }
}
