import { checkCount, checkOptions } from "../../../core/options.js";
import { describe } from "../../../core/wait.js";
import { type Arrays, arraysOver, valuesMaker } from "./accessors.js";
import { checkNumber } from "./check-value.js";
import { type Field, placeFields } from "./field.js";
import type { AtomicField, LayoutFields, LayoutValues } from "./field-types.js";
import { claimLayout, LAYOUT_HEADER_BYTES } from "./layout-memory.js";

/** Options of `layout`. */
export interface LayoutOptions {
  /** A number of your own, 1 by default, for when the fields mean something else though they look the same. 0 to 4,294,967,295. */
  readonly version?: number | undefined;
}

/** Shared memory that a layout can be laid over: a SharedBuffer. */
export interface LayoutMemory {
  /** All of it. */
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** Where a field lies. */
export interface FieldPlace {
  /** Its type, as it was written. */
  readonly type: string;
  /** Bytes from the beginning of the data. */
  readonly offset: number;
  /** Bytes. */
  readonly size: number;
}

/** The fields of a layout over a piece of memory: for records. */
export let makeValues: <F extends LayoutFields>(
  layout: Layout<F>,
  access: "write" | "read",
  arrays: Arrays,
) => LayoutValues<F>;
/** The fields of a layout, in their order. */
export let fieldsOf: (layout: Layout<LayoutFields>) => readonly Field[];

/**
 * Fields with names and types, and where each lies in memory. Made by `layout()`.
 *
 * @typeParam F - the fields
 */
export class Layout<F extends LayoutFields> {
  /** Bytes that the fields take, without the 64 bytes of header before them. */
  readonly size: number;
  /** The number that was given to `layout()`. */
  readonly version: number;
  /** 64 bits that differ when names, types, order or version differ. */
  readonly hash: bigint;
  /** Where each field lies. */
  readonly places: Readonly<Record<keyof F & string, FieldPlace>>;
  readonly #fields: readonly Field[];
  readonly #makers = new Map<string, (arrays: Arrays) => object>();

  /** @internal */
  constructor(fields: F, options: LayoutOptions | undefined) {
    checkOptions(options);
    this.version = checkCount("options.version", options?.version ?? 1, 0, 2 ** 32 - 1);
    const placed = placeFields(fields);
    this.#fields = placed.fields;
    this.size = placed.size;
    this.hash = hashOf(this.version, placed.fields);
    const places = placed.fields.map(({ name, type, offset, size }) => [name, { type, offset, size }]);
    this.places = Object.fromEntries(places) as Record<keyof F & string, FieldPlace>;
  }

  /**
   * Lays the fields over shared memory: a header of 64 bytes, then the fields. The first to do so writes the header; a program with other fields, or
   * another version, is refused.
   *
   * @param memory - a SharedBuffer
   * @param offset - where the header begins: a multiple of 64, 0 by default
   * @throws TypeError or RangeError for a wrong argument; ChannelError `ERR_INVALID_MESSAGE` where there is something else, or another layout
   */
  over(memory: LayoutMemory, offset = 0): LayoutView<F> {
    const bytes: unknown = (memory as LayoutMemory | null | undefined)?.bytes;
    if (!(bytes instanceof Uint8Array))
      throw new TypeError(`memory must be a SharedBuffer, received ${describe(memory)}`);
    if (bytes.length === 0) throw new TypeError("Cannot lay fields over this SharedBuffer: it is closed");
    const { buffer } = memory.bytes;
    claimLayout(buffer, offset, LAYOUT_HEADER_BYTES + this.size, "layout", this);
    const arrays = arraysOver(buffer, offset + LAYOUT_HEADER_BYTES, this.size);
    return new LayoutView<F>(this.#fields, arrays, this.#make("atomic", arrays));
  }

  #make(access: "atomic" | "write" | "read", arrays: Arrays): LayoutValues<F> {
    let maker = this.#makers.get(access);
    if (maker === undefined) this.#makers.set(access, (maker = valuesMaker(this.#fields, access)));
    return maker(arrays) as LayoutValues<F>;
  }

  static {
    makeValues = (layout, access, arrays) => layout.#make(access, arrays);
    fieldsOf = (layout) => layout.#fields;
  }
}

/**
 * Describes what lies in shared memory, so that every program, in TypeScript or in C, finds the same fields at the same places: one after another, each
 * at a multiple of its size, as in a C struct.
 *
 * Numbers are `i8` to `i64`, `u8` to `u64`, `f32`, `f64` (64-bit integers are bigints); `bool` is a byte; `"utf8(32)"` is text of at most 32 bytes; `"bytes(16)"` is 16 bytes;
 * `"f32[1024]"` is an array, seen as a typed array.
 *
 * @param fields - names and types, in their order
 * @param options - the version
 * @throws TypeError or RangeError for wrong fields or options
 * @example
 * ```ts run
 * import { layout, SharedBuffer } from "sluice";
 *
 * const stats = layout({ requests: "u64", temperature: "f64", host: "utf8(32)", load: "f32[3]" });
 * using memory = SharedBuffer.create({ size: 4096 });
 * const view = stats.over(memory);
 * view.values.host = "alpha";
 * view.values.load[2] = 0.5;
 * view.add("requests", 1n); // atomically, among all processes
 * console.log(view.values.requests, view.values.host, view.values.load[2]); // 1n alpha 0.5
 * ```
 */
export function layout<const F extends LayoutFields>(fields: F, options?: LayoutOptions): Layout<F> {
  return new Layout(fields, options);
}

function hashOf(version: number, fields: readonly Field[]): bigint {
  const text = JSON.stringify([version, ...fields.map(({ name, type }) => [name, type])]);
  // Loaded here: an import would cost every program that imports this library.
  const { createHash } = process.getBuiltinModule("node:crypto");
  const hash = createHash("sha256").update(text).digest().readBigUInt64LE(0);
  return hash === 0n ? 1n : hash;
}

type Operation = "add" | "sub" | "exchange";
// Which of the arrays it is, the fields' types have decided.
type Numbers = Int32Array;

/**
 * The fields of a {@link Layout} in shared memory.
 *
 * @typeParam F - the fields
 */
export class LayoutView<F extends LayoutFields> {
  /**
   * The fields, to be read and assigned. A single integer, or bool, is read and written atomically; other fields are not: use a mutex, or
   * `buffer.record()`. Arrays and bytes are views of the memory.
   */
  readonly values: LayoutValues<F>;
  readonly #fields: ReadonlyMap<string, Field>;
  readonly #arrays: Arrays;

  /** @internal */
  constructor(fields: readonly Field[], arrays: Arrays, values: LayoutValues<F>) {
    this.#fields = new Map(fields.map((field) => [field.name, field]));
    this.#arrays = arrays;
    this.values = values;
  }

  /** Adds atomically, wrapping around: what the field was before. */
  add<K extends AtomicField<F>>(field: K, value: LayoutValues<F>[K]): LayoutValues<F>[K] {
    return this.#operate("add", field, value);
  }

  /** Subtracts atomically, wrapping around: what the field was before. */
  sub<K extends AtomicField<F>>(field: K, value: LayoutValues<F>[K]): LayoutValues<F>[K] {
    return this.#operate("sub", field, value);
  }

  /** Puts a value in place of another atomically: what the field was before. */
  exchange<K extends AtomicField<F>>(field: K, value: LayoutValues<F>[K]): LayoutValues<F>[K] {
    return this.#operate("exchange", field, value);
  }

  /** Puts a value in place of the expected one, if that is there: what the field was before. */
  compareExchange<K extends AtomicField<F>>(
    field: K,
    expected: LayoutValues<F>[K],
    replacement: LayoutValues<F>[K],
  ): LayoutValues<F>[K] {
    const [array, index] = this.#place(field, expected);
    checkNumber(field, this.#typeOf(field), replacement);
    return Atomics.compareExchange(
      array,
      index,
      expected as never,
      replacement as never,
    ) as unknown as LayoutValues<F>[K];
  }

  #operate<K extends AtomicField<F>>(
    operation: Operation,
    field: K,
    value: LayoutValues<F>[K],
  ): LayoutValues<F>[K] {
    const [array, index] = this.#place(field, value);
    return Atomics[operation](array, index, value as never) as unknown as LayoutValues<F>[K];
  }

  #place(field: string, value: unknown): [array: Numbers, index: number] {
    const type = this.#typeOf(field);
    checkNumber(field, type, value);
    const array = this.#arrays[type] as unknown as Numbers;
    return [array, (this.#fields.get(field)?.offset ?? 0) / array.BYTES_PER_ELEMENT];
  }

  #typeOf(name: string): Exclude<Field["element"], "f32" | "f64"> {
    const field = this.#fields.get(name);
    const { kind, element } = field ?? {};
    if (kind !== element || element === undefined || element === "f32" || element === "f64") {
      throw new TypeError(`field must name an integer of this layout, received ${describe(name)}`);
    }
    return element;
  }
}
