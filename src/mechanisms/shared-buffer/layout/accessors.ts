import { describe } from "../../../core/wait.js";
import { checkList, checkNumber, checkText } from "./check-value.js";
import { type Field, sizeOf } from "./field.js";
import type { NumericArrays, NumericType } from "./field-types.js";

/** A piece of memory as all kinds of numbers. */
export type Arrays = { readonly [T in NumericType]: NumericArrays[T] };

/** The memory from `byteOffset` on; both numbers are multiples of 8. */
export function arraysOver(memory: ArrayBuffer, byteOffset: number, size: number): Arrays {
  return {
    i8: new Int8Array(memory, byteOffset, size),
    u8: new Uint8Array(memory, byteOffset, size),
    i16: new Int16Array(memory, byteOffset, size / 2),
    u16: new Uint16Array(memory, byteOffset, size / 2),
    i32: new Int32Array(memory, byteOffset, size / 4),
    u32: new Uint32Array(memory, byteOffset, size / 4),
    i64: new BigInt64Array(memory, byteOffset, size / 8),
    u64: new BigUint64Array(memory, byteOffset, size / 8),
    f32: new Float32Array(memory, byteOffset, size / 4),
    f64: new Float64Array(memory, byteOffset, size / 8),
  };
}

const ARRAYS = Symbol("arrays");

/** What the accessors of a layout are called on. */
interface Values {
  readonly [ARRAYS]: Arrays;
}

interface Accessor {
  get(this: Values): unknown;
  set(this: Values, value: never): void;
}

type Make = (index: number, name: string) => Accessor;

/**
 * Each accessor is a function of its own in the source, though they look alike: V8 keeps what it has learnt of the types by place in the source, and
 * one function for all would have seen every kind of array. And all that they use is a `const` of a function, which V8 takes for constant: a parameter, or
 * what bundlers make of a constant of a module, is read and compared at each access. A read so costs nearly what it costs by hand.
 */
function makeAccessors(): Readonly<Record<"plain" | "atomic", Readonly<Record<NumericType, Make>>>> {
  const arrays: typeof ARRAYS = ARRAYS;

  // prettier-ignore
  const plain: Readonly<Record<NumericType, Make>> = {
    i8: (index, n) => { const i = index; return { get() { return this[arrays].i8[i]; }, set(v) { checkNumber(n, "i8", v); this[arrays].i8[i] = v; } }; },
    u8: (index, n) => { const i = index; return { get() { return this[arrays].u8[i]; }, set(v) { checkNumber(n, "u8", v); this[arrays].u8[i] = v; } }; },
    i16: (index, n) => { const i = index; return { get() { return this[arrays].i16[i]; }, set(v) { checkNumber(n, "i16", v); this[arrays].i16[i] = v; } }; },
    u16: (index, n) => { const i = index; return { get() { return this[arrays].u16[i]; }, set(v) { checkNumber(n, "u16", v); this[arrays].u16[i] = v; } }; },
    i32: (index, n) => { const i = index; return { get() { return this[arrays].i32[i]; }, set(v) { checkNumber(n, "i32", v); this[arrays].i32[i] = v; } }; },
    u32: (index, n) => { const i = index; return { get() { return this[arrays].u32[i]; }, set(v) { checkNumber(n, "u32", v); this[arrays].u32[i] = v; } }; },
    i64: (index, n) => { const i = index; return { get() { return this[arrays].i64[i]; }, set(v) { checkNumber(n, "i64", v); this[arrays].i64[i] = v; } }; },
    u64: (index, n) => { const i = index; return { get() { return this[arrays].u64[i]; }, set(v) { checkNumber(n, "u64", v); this[arrays].u64[i] = v; } }; },
    f32: (index, n) => { const i = index; return { get() { return this[arrays].f32[i]; }, set(v) { checkNumber(n, "f32", v); this[arrays].f32[i] = v; } }; },
    f64: (index, n) => { const i = index; return { get() { return this[arrays].f64[i]; }, set(v) { checkNumber(n, "f64", v); this[arrays].f64[i] = v; } }; },
  };

  // There are no atomic operations on floating-point numbers.
  // prettier-ignore
  const atomic: Readonly<Record<NumericType, Make>> = {
    i8: (index, n) => { const i = index; return { get() { return Atomics.load(this[arrays].i8, i); }, set(v) { checkNumber(n, "i8", v); Atomics.store(this[arrays].i8, i, v); } }; },
    u8: (index, n) => { const i = index; return { get() { return Atomics.load(this[arrays].u8, i); }, set(v) { checkNumber(n, "u8", v); Atomics.store(this[arrays].u8, i, v); } }; },
    i16: (index, n) => { const i = index; return { get() { return Atomics.load(this[arrays].i16, i); }, set(v) { checkNumber(n, "i16", v); Atomics.store(this[arrays].i16, i, v); } }; },
    u16: (index, n) => { const i = index; return { get() { return Atomics.load(this[arrays].u16, i); }, set(v) { checkNumber(n, "u16", v); Atomics.store(this[arrays].u16, i, v); } }; },
    i32: (index, n) => { const i = index; return { get() { return Atomics.load(this[arrays].i32, i); }, set(v) { checkNumber(n, "i32", v); Atomics.store(this[arrays].i32, i, v); } }; },
    u32: (index, n) => { const i = index; return { get() { return Atomics.load(this[arrays].u32, i); }, set(v) { checkNumber(n, "u32", v); Atomics.store(this[arrays].u32, i, v); } }; },
    i64: (index, n) => { const i = index; return { get() { return Atomics.load(this[arrays].i64, i); }, set(v) { checkNumber(n, "i64", v); Atomics.store(this[arrays].i64, i, v); } }; },
    u64: (index, n) => { const i = index; return { get() { return Atomics.load(this[arrays].u64, i); }, set(v) { checkNumber(n, "u64", v); Atomics.store(this[arrays].u64, i, v); } }; },
    f32: plain.f32,
    f64: plain.f64,
  };
  return { plain, atomic };
}

const { plain, atomic } = makeAccessors();

function accessorOf(field: Field, numbers: Readonly<Record<NumericType, Make>>): Accessor {
  const { name, kind, element, count, offset } = field;
  const first = offset / sizeOf(element);
  if (kind === "array" || kind === "bytes") {
    return {
      get() {
        return this[ARRAYS][element].subarray(first, first + count);
      },
      set(value) {
        checkList(field, value);
        this[ARRAYS][element].set(value, first);
      },
    };
  }
  if (kind === "utf8") {
    return {
      get() {
        const { buffer, byteOffset } = this[ARRAYS].u8;
        const bytes = Buffer.from(buffer, byteOffset + first, count);
        const end = bytes.indexOf(0);
        return bytes.toString("utf8", 0, end < 0 ? count : end);
      },
      set(value) {
        const bytes = checkText(field, value);
        const { u8 } = this[ARRAYS];
        u8.set(bytes, first);
        u8.fill(0, first + bytes.length, first + count);
      },
    };
  }
  if (kind === "bool") {
    const byte = numbers.u8(first, name);
    return {
      get() {
        return byte.get.call(this) !== 0;
      },
      set(value) {
        if (typeof value !== "boolean")
          throw new TypeError(`${name} must be a boolean, received ${describe(value)}`);
        byte.set.call(this, Number(value) as never);
      },
    };
  }
  return numbers[kind](first, name);
}

/**
 * Makes objects with a property for each field, over any piece of memory. `"atomic"`: single integers are read and written
 * atomically; `"write"`: they are not; `"read"`: assigning throws.
 */
export function valuesMaker(
  fields: readonly Field[],
  access: "atomic" | "write" | "read",
): (arrays: Arrays) => object {
  // Each object has the same functions in the same order, and so the same hidden class.
  const properties: PropertyDescriptorMap = {};
  for (const field of fields) {
    const accessor: PropertyDescriptor = accessorOf(field, access === "atomic" ? atomic : plain);
    if (access === "read") delete accessor.set;
    properties[field.name] = { ...accessor, enumerable: true };
  }
  return (arrays) => Object.defineProperties({}, { [ARRAYS]: { value: arrays }, ...properties });
}
