type BufferConstructor = new (memory: ArrayBufferLike, byteOffset: number, length: number) => Buffer;

/**
 * The constructor beneath every Buffer of Node. `Buffer.from(memory, offset, length)` ends there too, after checks that cost as
 * much again as the view itself; a view a message makes that the dearest step of receiving.
 */
const species = (Buffer as unknown as { readonly [Symbol.species]?: BufferConstructor })[Symbol.species];

// `new` returns the object that a plain function returns, so that both have the one shape that callers see.
function CheckedView(memory: ArrayBufferLike, byteOffset: number, length: number): Buffer {
  return Buffer.from(memory, byteOffset, length);
}

/** Makes a Buffer over memory that is there. The caller guarantees that offset and length lie inside. */
export const BufferView: BufferConstructor =
  species === undefined || (species as unknown) === Buffer
    ? (CheckedView as unknown as BufferConstructor)
    : species;

// eslint-disable-next-line @typescript-eslint/unbound-method -- called with `call`
const { set } = Uint8Array.prototype;

/**
 * As `target.set(source, offset)`. V8 looks that method up each time (seen on Node 20, 3 ns of the 30 that a small message takes); this one it knows when it
 * compiles.
 */
export function copyInto(target: Uint8Array, source: Uint8Array, offset: number): void {
  set.call(target, source, offset);
}

/** A Buffer of its own with these bytes. */
export function copyOf(bytes: Uint8Array): Buffer {
  const copy = Buffer.allocUnsafe(bytes.length);
  copyInto(copy, bytes, 0);
  return copy;
}
