/** A number that a JavaScript number holds. */
export type NumberType = "i8" | "u8" | "i16" | "u16" | "i32" | "u32" | "f32" | "f64";
/** A number that takes a bigint. */
export type BigIntType = "i64" | "u64";
/** The types of numbers: signed and unsigned integers and floating-point numbers, with their bits. */
export type NumericType = NumberType | BigIntType;

/**
 * What a field of a layout can be: a number, a `bool` (one byte), text of so many bytes (`"utf8(32)"`), so many bytes (`"bytes(16)"`), or an array of numbers
 * (`"f32[1024]"`).
 */
export type FieldType =
  NumericType | "bool" | `utf8(${number})` | `bytes(${number})` | `${NumericType}[${number}]`;

/** The fields of a layout: names and types, in the order in which they lie in memory. */
export type LayoutFields = Readonly<Record<string, FieldType>>;

/** The typed array of a {@link NumericType}. */
export interface NumericArrays {
  /** 8 bits, signed. */
  i8: Int8Array<ArrayBuffer>;
  /** 8 bits. */
  u8: Uint8Array<ArrayBuffer>;
  /** 16 bits, signed. */
  i16: Int16Array<ArrayBuffer>;
  /** 16 bits. */
  u16: Uint16Array<ArrayBuffer>;
  /** 32 bits, signed. */
  i32: Int32Array<ArrayBuffer>;
  /** 32 bits. */
  u32: Uint32Array<ArrayBuffer>;
  /** 64 bits, signed. */
  i64: BigInt64Array<ArrayBuffer>;
  /** 64 bits. */
  u64: BigUint64Array<ArrayBuffer>;
  /** 32 bits, floating-point. */
  f32: Float32Array<ArrayBuffer>;
  /** 64 bits, floating-point. */
  f64: Float64Array<ArrayBuffer>;
}

/** What a field of this type holds, in JavaScript. */
export type FieldValue<T extends FieldType> = T extends NumberType
  ? number
  : T extends BigIntType
    ? bigint
    : T extends "bool"
      ? boolean
      : T extends `utf8(${number})`
        ? string
        : T extends `bytes(${number})`
          ? Uint8Array<ArrayBuffer>
          : T extends `${infer N extends NumericType}[${number}]`
            ? NumericArrays[N]
            : never;

/** What can be put into a field of this type. */
export type FieldInput<T extends FieldType> = T extends `bytes(${number})`
  ? Uint8Array
  : T extends `${NumberType}[${number}]`
    ? ArrayLike<number>
    : T extends `${BigIntType}[${number}]`
      ? ArrayLike<bigint>
      : FieldValue<T>;

/** The values of all fields. */
export type LayoutValues<F extends LayoutFields> = { -readonly [K in keyof F]: FieldValue<F[K]> };

/** The names of the fields that have atomic operations: the integers. */
export type AtomicField<F extends LayoutFields> = {
  [K in keyof F]: F[K] extends Exclude<NumericType, "f32" | "f64"> ? K : never;
}[keyof F] &
  string;
