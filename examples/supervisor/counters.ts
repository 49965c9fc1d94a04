// Counters in shared memory: who may look reads them without a word to the supervisor, a million times a second if need be.
import { layout, type LayoutValues, SharedBuffer, SharedRecord } from "sluice";

const FIELDS = { running: "u32", starts: "u32", failures: "u32", lines: "f64", updated: "f64" } as const;
// Both sides say the same; if they did not, `record` would refuse.
const counters = layout(FIELDS, { version: 1 });

/** The numbers, as they were at one moment. */
export type CounterValues = LayoutValues<typeof FIELDS>;

/** The supervisor's side. Readers never see half of an update. */
export class Counters implements Disposable {
  readonly name: string;
  readonly #memory: SharedBuffer;
  readonly #record: SharedRecord<typeof FIELDS>;
  readonly #values: CounterValues = { running: 0, starts: 0, failures: 0, lines: 0, updated: Date.now() };

  /** @param name - for {@link readCounters} */
  constructor(name: string) {
    this.name = name;
    // Its owner and root alone can open it, since who can open it can write to it.
    this.#memory = SharedBuffer.create({ name, size: SharedRecord.bytes(counters) });
    this.#record = this.#memory.record(counters);
    this.#record.write(this.#values);
  }

  get values(): CounterValues {
    return this.#record.read();
  }

  add(changes: Partial<CounterValues>): void {
    for (const [name, change] of Object.entries(changes) as [keyof CounterValues, number][])
      this.#values[name] += change;
    this.#values.updated = Date.now();
    this.#record.write(this.#values);
  }

  [Symbol.dispose](): void {
    this.#memory[Symbol.dispose]();
  }
}

/** The reader's side. */
export function readCounters(name: string): CounterValues {
  using memory = SharedBuffer.open(name);
  return memory.record(counters).read();
}
