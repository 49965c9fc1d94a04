// A worker process with a private line to its parent, and a pipeline of programs.
//
// Run it with `node anonymous-pipe.js`; it starts its own worker, prints, and leaves nothing behind.
import { AnonymousPipe, json, lines, text } from "sluice";

interface Job {
  readonly words: readonly string[];
  /** The answer. */
  readonly longest?: string;
}

const codec = json<Job>();

if (process.env["SLUICE_PIPE"] !== undefined) {
  // The worker. Its standard output is free for other use.
  const channel = AnonymousPipe.inherit({ codec });
  for await (const { words } of channel) {
    console.log(`worker ${process.pid}: ${words.length} words to compare`);
    const longest = words.reduce((left, right) => (right.length > left.length ? right : left), "");
    await channel.send({ words, longest });
  }
} else {
  const worker = AnonymousPipe.spawn(process.execPath, [import.meta.filename], { codec });
  await worker.channel.send({ words: ["pipe", "process", "descriptor", "end"] });
  const { longest } = await worker.channel.receive({ timeout: 10_000 });
  console.log(`the longest word is ${String(longest)}`);
  // The worker sees the end, and ends.
  await worker.channel.close();
  const { code } = await worker.exited;
  console.log(`the worker has ended with code ${String(code)}`);

  // What a shell's `sort | uniq -c` does, fed and read by this process.
  const options = { input: true, framing: lines(), codec: text() } as const;
  const counting = AnonymousPipe.pipeline([["sort"], ["uniq", "-c"]], options);
  await counting.input.sendMany(["pear", "apple", "pear"]);
  await counting.input.close();
  for await (const line of counting.output) console.log(line.trim());
}
