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

/** A Buffer of its own with these bytes. */
export function copyOf(bytes: Uint8Array): Buffer {
  const copy = Buffer.allocUnsafe(bytes.length);
  copy.set(bytes);
  return copy;
}
