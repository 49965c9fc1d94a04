// The lines of a program's output, which may be anything: no newline for a gigabyte, for example.

const MOST_BYTES = 16 * 1024;
const NEWLINE = 10;

/** Cuts a stream of bytes into lines. One that is longer than 16 KiB comes in pieces. */
export async function* linesOf(chunks: AsyncIterable<Buffer>): AsyncGenerator<string, void, undefined> {
  let rest = Buffer.alloc(0);
  for await (const chunk of chunks) {
    rest = Buffer.concat([rest, chunk]);
    for (;;) {
      const newline = rest.subarray(0, MOST_BYTES).indexOf(NEWLINE);
      if (newline < 0 && rest.length < MOST_BYTES) break;
      const end = newline < 0 ? MOST_BYTES : newline;
      yield rest.toString("utf8", 0, end);
      rest = rest.subarray(newline < 0 ? end : end + 1);
    }
  }
  if (rest.length > 0) yield rest.toString();
}
