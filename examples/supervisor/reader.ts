// The helper in the sandbox: takes a configuration's text, which may be anybody's, and answers with what it says. Parsing is what an attacker would attack, so it is done where
// there is no file, no socket and no other process; main.ts of ../untrusted-input shows what an attempt comes to.
import { createInterface } from "node:readline";

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify(parse(JSON.parse(line) as string))}\n`);
}

/** JSON with comments: a line that begins with `//` is one. */
function parse(text: string): { readonly value: unknown } | { readonly problem: string } {
  const lines = text.split("\n").map((line) => (line.trimStart().startsWith("//") ? "" : line));
  try {
    return { value: JSON.parse(lines.join("\n")) as unknown };
  } catch (error) {
    return { problem: String(error) };
  }
}
