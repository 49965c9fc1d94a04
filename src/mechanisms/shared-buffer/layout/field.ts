import { describe } from "../../../core/wait.js";
import type { NumericType } from "./field-types.js";

/** A field, with its place. */
export interface Field {
  readonly name: string;
  /** As it was written: `"f32[1024]"`. */
  readonly type: string;
  readonly kind: NumericType | "bool" | "utf8" | "bytes" | "array";
  /** Of an array: what its elements are. Of text and bytes `"u8"`. */
  readonly element: NumericType;
  /** Elements: bytes of text, numbers of an array; 1 for a single number. */
  readonly count: number;
  /** Bytes from the beginning of the data. */
  readonly offset: number;
  /** Bytes. */
  readonly size: number;
}

const sizes: Readonly<Record<NumericType, number>> = {
  i8: 1,
  u8: 1,
  i16: 2,
  u16: 2,
  i32: 4,
  u32: 4,
  i64: 8,
  u64: 8,
  f32: 4,
  f64: 8,
};
const MOST_BYTES = 2 ** 31;
const FORMS =
  'one of i8, u8, i16, u16, i32, u32, i64, u64, f32, f64, bool, "utf8(32)", "bytes(16)", "f32[1024]" and the like';

/** Bytes of an element of this type. */
export function sizeOf(type: NumericType): number {
  return sizes[type];
}

/**
 * Places fields one after another, each at a multiple of its element's size, as a C compiler does in a struct.
 *
 * @throws TypeError or RangeError for what are no fields
 */
export function placeFields(fields: unknown): { readonly fields: readonly Field[]; readonly size: number } {
  if (fields === null || typeof fields !== "object" || Array.isArray(fields)) {
    throw new TypeError(`fields must be an object of names and types, received ${describe(fields)}`);
  }
  const placed: Field[] = [];
  let end = 0;
  for (const [name, type] of Object.entries(fields as Record<string, unknown>)) {
    if (name === "__proto__") throw new TypeError("fields must not have the name __proto__");
    const { kind, element, count } = parse(name, type);
    const size = sizes[element] * count;
    const offset = Math.ceil(end / sizes[element]) * sizes[element];
    end = offset + size;
    if (end > MOST_BYTES)
      throw new RangeError(`fields must have at most ${MOST_BYTES} bytes; ${name} ends at ${end}`);
    placed.push({ name, type: type as string, kind, element, count, offset, size });
  }
  if (placed.length === 0) throw new TypeError("fields must have one field or more, received none");
  return { fields: placed, size: Math.ceil(end / 8) * 8 };
}

function parse(name: string, type: unknown): Pick<Field, "kind" | "element" | "count"> {
  if (typeof type === "string") {
    if (type === "bool") return { kind: "bool", element: "u8", count: 1 };
    if (Object.hasOwn(sizes, type)) {
      const element = type as NumericType;
      return { kind: element, element, count: 1 };
    }
    const [, before = "", open, digits, close] = /^(\w+)([([])(\d+)([)\]])$/.exec(type) ?? [];
    const count = Number(digits);
    const isText = open === "(" && close === ")" && (before === "utf8" || before === "bytes");
    const isArray = open === "[" && close === "]" && Object.hasOwn(sizes, before);
    if ((isText || isArray) && count >= 1 && count <= MOST_BYTES) {
      return isText
        ? { kind: before, element: "u8", count }
        : { kind: "array", element: before as NumericType, count };
    }
  }
  throw new TypeError(
    `fields.${name} must be ${FORMS}, with a length of 1 or more; received ${describe(type)}`,
  );
}
