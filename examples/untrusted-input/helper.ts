// The helper: reads a document a line, parses it, answers with a line. It is a careless parser, as those of old formats in C are: a value in ${…} is
// computed, by executing it. So whoever writes a document decides what runs here, and the sandbox decides what that is worth.
import { createInterface } from "node:readline";

for await (const line of createInterface({ input: process.stdin })) {
  const document = JSON.parse(line) as string;
  const settings: Record<string, string> = {};
  for (const entry of document.split("\n")) {
    const [key = "", value = ""] = entry.split(/\s*=\s*(.*)/s);
    if (key === "") continue;
    const expression = /^\$\{(.*)\}$/s.exec(value)?.[1];
    // eslint-disable-next-line @typescript-eslint/no-implied-eval, @typescript-eslint/no-unsafe-call -- this hole is what the example is about
    settings[key] = expression === undefined ? value : String(await new Function(`return ${expression}`)());
  }
  process.stdout.write(`${JSON.stringify({ settings })}\n`);
}
