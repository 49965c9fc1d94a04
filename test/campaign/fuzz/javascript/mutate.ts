// Makes new inputs of old ones.

const NUMBERS = [0, 1, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xffffffff];
const MOST_BYTES = 4096;

/**
 * An input like the given one, changed at one to six places.
 *
 * @param input - what is changed; it stays as it is
 * @param other - another input, parts of which may be taken
 * @param words - what stands in such inputs: magic numbers, keys, delimiters
 * @param random - numbers from 0 to 1
 */
export function mutate(
  input: Buffer,
  other: Buffer,
  words: readonly (string | Buffer)[],
  random: () => number,
): Buffer {
  const below = (limit: number): number => Math.floor(random() * limit);
  const insert = (bytes: Buffer, piece: Buffer, replaced = 0): Buffer => {
    const at = below(bytes.length + 1);
    return Buffer.concat([bytes.subarray(0, at), piece, bytes.subarray(at + replaced)]);
  };
  let bytes: Buffer = Buffer.from(input);
  for (let changes = 1 + below(6); changes > 0; changes--) {
    const at = below(bytes.length);
    const piece = other.subarray(below(other.length + 1)).subarray(0, 1 + below(64));
    const word = Buffer.from(words[below(words.length)] ?? "");
    const number = Buffer.alloc(4);
    number.writeUInt32LE(((NUMBERS[below(NUMBERS.length)] ?? 0) + below(3)) % 2 ** 32);
    switch (below(10)) {
      case 0:
        if (bytes.length > 0) bytes[at] = (bytes[at] ?? 0) ^ (1 << below(8));
        break;
      case 1:
        if (bytes.length > 0) bytes[at] = below(256);
        break;
      case 2:
        bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + below(16))]);
        break;
      case 3:
        bytes = insert(bytes, bytes.subarray(at, at + 1 + below(32)));
        break;
      case 4:
        bytes = insert(bytes, piece);
        break;
      case 5:
        bytes = insert(bytes, piece, piece.length);
        break;
      case 6:
        bytes = insert(bytes, word);
        break;
      case 7:
        bytes = insert(bytes, word, word.length);
        break;
      case 8:
        bytes = insert(bytes, number.subarray(0, 1 + below(4)), 4);
        break;
      default:
        if (bytes.length > 0) bytes[at] = ((bytes[at] ?? 0) + 1 + below(3) * 127) & 0xff;
    }
  }
  return bytes.subarray(0, MOST_BYTES);
}
