import { ChannelError } from "../../../core/errors.js";
import { reached } from "../../../core/step.js";
import { describe } from "../../../core/wait.js";
import type { Owner } from "../locks/protocol.js";
import { FREE, LOCK_ALIGNMENT } from "../locks/words.js";
import { arraysOver } from "./accessors.js";
import type { Field } from "./field.js";
import type { FieldInput, LayoutFields, LayoutValues } from "./field-types.js";
import { fieldsOf, type Layout, makeValues } from "./layout.js";
import { claimLayout, LAYOUT_HEADER_BYTES } from "./layout-memory.js";
import { beginRead, beginWrite, endRead, endWrite, SEQUENCE } from "./record-protocol.js";

/** Of a record's words: who writes it. */
const WRITER = 5;
/** A writer that comes round twice during each of so many reads leaves no room for reading. */
const MOST_ATTEMPTS = 100_000;

/**
 * Fields in shared memory that one process writes and many read, got by `buffer.record(layout)`. Each read sees all fields as one write has left them, never
 * half of one write and half of another. Neither side makes a system call, and readers never wait for the writer.
 *
 * The first to write is the writer until it calls `release`, closes its SharedBuffer or dies; then another can write. A writer that dies
 * in the middle of a write leaves the record as it was before.
 *
 * @typeParam F - the fields
 * @example
 * ```ts run
 * import { layout, SharedBuffer } from "sluice";
 *
 * const position = layout({ x: "f64", y: "f64", at: "u64" });
 * using memory = SharedBuffer.create({ size: 4096 });
 * const record = memory.record(position);
 * record.write({ x: 1, y: 2, at: 7n });
 * record.write({ y: 3 }); // the other fields stay
 * console.log(record.read()); // { x: 1, y: 3, at: 7n }
 * console.log(record.read(({ x, y }) => Math.hypot(x, y))); // without an object for each read
 * ```
 */
export class SharedRecord<F extends LayoutFields> {
  readonly #owner: Owner;
  readonly #fields: readonly Field[];
  readonly #words: Int32Array;
  readonly #bytes: Uint8Array;
  readonly #size: number;
  readonly #even: Readonly<LayoutValues<F>>;
  readonly #odd: Readonly<LayoutValues<F>>;
  readonly #writeEven: LayoutValues<F>;
  readonly #writeOdd: LayoutValues<F>;

  /** @internal */
  static make<F extends LayoutFields>(
    memory: ArrayBuffer,
    offset: number,
    layout: Layout<F>,
    owner: Owner,
  ): SharedRecord<F> {
    return new SharedRecord(memory, offset, layout, owner);
  }

  private constructor(memory: ArrayBuffer, offset: number, layout: Layout<F>, owner: Owner) {
    const size = copySize(layout);
    this.#words = claimLayout(memory, offset, bytesOf(layout), "record", layout);
    this.#owner = owner;
    this.#fields = fieldsOf(layout);
    this.#size = size;
    this.#bytes = new Uint8Array(memory, offset + LAYOUT_HEADER_BYTES, 2 * size);
    const even = arraysOver(memory, offset + LAYOUT_HEADER_BYTES, size);
    const odd = arraysOver(memory, offset + LAYOUT_HEADER_BYTES + size, size);
    this.#even = makeValues(layout, "read", even);
    this.#odd = makeValues(layout, "read", odd);
    this.#writeEven = makeValues(layout, "write", even);
    this.#writeOdd = makeValues(layout, "write", odd);
  }

  /** Bytes of memory that a record of this layout takes: a header of 64 and two copies of the fields. */
  static bytes(layout: Layout<LayoutFields>): number {
    return bytesOf(layout);
  }

  /** How many writes there were, modulo 2 ** 32. */
  get sequence(): number {
    this.#checkOpen();
    return Atomics.load(this.#words, SEQUENCE) >>> 0;
  }

  /** Whether somebody who lives is the writer. */
  get hasWriter(): boolean {
    this.#checkOpen();
    const writer = Atomics.load(this.#words, WRITER);
    return writer !== FREE && (writer === this.#owner.id || this.#owner.isAlive(writer));
  }

  /** All fields, as the last write has left them, as an object of the caller's. Zeros before the first. */
  read(): LayoutValues<F>;
  /**
   * Looks at the fields where they lie, without an object for each read.
   *
   * @param visit - called with the fields, and called **again** when the writer came in between, so it must only read. What it sees in a call that is repeated
   *   may not fit together; only the last call counts. It must not keep arrays or bytes.
   * @returns what `visit` returned
   * @throws what `visit` throws; ChannelError `ERR_TIMEOUT` when the writer left no time to read
   */
  read<T>(visit: (values: Readonly<LayoutValues<F>>) => T): T;
  read<T>(visit?: (values: Readonly<LayoutValues<F>>) => T): T | LayoutValues<F> {
    return visit === undefined ? this.#attempt(this.#copy) : this.#attempt(visit);
  }

  /**
   * Writes fields; those that are not given stay as they are. Readers see all of it or nothing.
   *
   * @param values - the fields that change
   * @throws TypeError or RangeError for a value that does not fit; nothing has changed then. ChannelError `ERR_ADDRESS_IN_USE` when another writer lives
   */
  write(values: { readonly [K in keyof F]?: FieldInput<F[K]> | undefined }): void {
    if (values === null || typeof values !== "object")
      throw new TypeError(`values must be an object, received ${describe(values)}`);
    this.#checkOpen();
    this.#becomeWriter();
    const words = this.#words;
    const size = this.#size;
    STEP: reached("record: writer known");
    const sequence = beginWrite(words);
    const isOdd = (sequence & 1) === 1;
    if (isOdd) this.#bytes.copyWithin(0, size, 2 * size);
    else this.#bytes.copyWithin(size, 0, size);
    STEP: reached("record: copied");
    const target = isOdd ? this.#writeEven : this.#writeOdd;
    for (const name in values) {
      const value = values[name];
      if (value === undefined) continue;
      if (!Object.hasOwn(target, name))
        throw new TypeError(`values must have fields of the layout only, received ${describe(name)}`);
      (target as { [name: string]: unknown })[name] = value;
    }
    STEP: reached("record: written");
    endWrite(words, sequence);
    STEP: reached("record: counted");
  }

  /** Lets another be the writer. Harmless for who is not. */
  release(): void {
    if (this.#words.length > 0) Atomics.compareExchange(this.#words, WRITER, this.#owner.id, FREE);
  }

  #attempt<T>(visit: (values: Readonly<LayoutValues<F>>) => T): T {
    const words = this.#words;
    for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt++) {
      // Each time: the visitor may have closed it.
      this.#checkOpen();
      const sequence = beginRead(words);
      let result: T;
      try {
        result = visit((sequence & 1) === 0 ? this.#even : this.#odd);
      } catch (error) {
        // A throw at what does not fit together is none of the caller's.
        if (endRead(words, sequence)) throw error;
        continue;
      }
      if (endRead(words, sequence)) return result;
    }
    throw new ChannelError(
      "ERR_TIMEOUT",
      `Cannot read this record: in each of ${MOST_ATTEMPTS} attempts the writer wrote again; let it write less often`,
      { operation: "read", mechanism: "shared-buffer" },
    );
  }

  readonly #copy = (values: Readonly<LayoutValues<F>>): LayoutValues<F> => {
    const copy: { [name: string]: unknown } = {};
    for (const { name, kind } of this.#fields) {
      const value = (values as { readonly [name: string]: unknown })[name];
      copy[name] = kind === "array" || kind === "bytes" ? (value as Uint8Array).slice() : value;
    }
    return copy as LayoutValues<F>;
  };

  #becomeWriter(): void {
    const words = this.#words;
    const { id } = this.#owner;
    for (;;) {
      const seen = Atomics.load(words, WRITER);
      if (seen === id) return;
      if (seen !== FREE && this.#owner.isAlive(seen)) {
        throw new ChannelError(
          "ERR_ADDRESS_IN_USE",
          "Cannot write this record: another writes it and is alive; a record has one writer, who can release() it",
          { operation: "write", mechanism: "shared-buffer" },
        );
      }
      if (Atomics.compareExchange(words, WRITER, seen, id) === seen) return;
    }
  }

  #checkOpen(): void {
    if (this.#words.length === 0) throw new TypeError("Cannot use this record: its SharedBuffer is closed");
  }
}

/** Each copy has cache lines of its own, so that the writer does not disturb who reads the other. */
function copySize(layout: { readonly size: number }): number {
  return Math.ceil(layout.size / LOCK_ALIGNMENT) * LOCK_ALIGNMENT;
}

function bytesOf(layout: { readonly size: number }): number {
  return LAYOUT_HEADER_BYTES + 2 * copySize(layout);
}
