import { describe } from "../../../core/wait.js";
import type { Field } from "./field.js";
import type { NumericType } from "./field-types.js";

const ranges: Readonly<Partial<Record<NumericType, readonly [number, number]>>> = {
  i8: [-128, 127],
  u8: [0, 255],
  i16: [-32_768, 32_767],
  u16: [0, 65_535],
  i32: [-2_147_483_648, 2_147_483_647],
  u32: [0, 4_294_967_295],
};

/** Throws a TypeError or RangeError unless a number is one of this type. */
export function checkNumber(name: string, type: NumericType, value: unknown): void {
  if (type === "i64" || type === "u64") {
    if (typeof value !== "bigint")
      throw new TypeError(`${name} must be a bigint, received ${describe(value)}`);
    const kept = type === "i64" ? BigInt.asIntN(64, value) : BigInt.asUintN(64, value);
    if (kept !== value) throw new RangeError(`${name} must fit ${type}, received ${String(value)}`);
    return;
  }
  if (typeof value !== "number") throw new TypeError(`${name} must be a number, received ${describe(value)}`);
  const range = ranges[type];
  if (range === undefined) return;
  if (!Number.isInteger(value) || value < range[0] || value > range[1]) {
    throw new RangeError(
      `${name} must be a whole number from ${range[0]} to ${range[1]}, received ${String(value)}`,
    );
  }
}

/** The bytes of a text that fits. */
export function checkText({ name, count }: Field, value: unknown): Buffer {
  if (typeof value !== "string") throw new TypeError(`${name} must be a string, received ${describe(value)}`);
  if (value.includes("\0"))
    throw new TypeError(`${name} must have no NUL, which ends a text in memory, received ${describe(value)}`);
  const bytes = Buffer.from(value);
  if (bytes.length > count)
    throw new RangeError(`${name} must have at most ${count} bytes, received ${bytes.length}`);
  return bytes;
}

/** Throws unless a value is a list of as many numbers of this type. */
export function checkList({ name, kind, element, count }: Field, value: unknown): void {
  const list = value as ArrayLike<unknown> | null | undefined;
  if (list === null || typeof list !== "object" || typeof list.length !== "number") {
    throw new TypeError(`${name} must be an array, received ${describe(value)}`);
  }
  if (kind === "bytes" && !(list instanceof Uint8Array)) {
    throw new TypeError(`${name} must be a Uint8Array, received ${describe(value)}`);
  }
  if (list.length !== count)
    throw new RangeError(`${name} must have ${count} elements, received ${list.length}`);
  for (let index = 0; index < count; index++) checkNumber(`${name}[${index}]`, element, list[index]);
}
