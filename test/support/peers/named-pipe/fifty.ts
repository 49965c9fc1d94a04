// Fifty FIFOs wait for a writer and fifty for a reader. Meanwhile files are read, which would take for ever with a blocked pool of threads.
// Then all is given up, and the process has to end by itself.
import { setMaxListeners } from "node:events";
import { readFile } from "node:fs/promises";
import { NamedPipe, type Receiver } from "sluice";

const folder = process.argv[2] ?? "";
const readers: Receiver<Buffer>[] = [];
const given = new AbortController();
setMaxListeners(0, given.signal);
const writers: Promise<string>[] = [];
for (let index = 0; index < 50; index++) {
  await NamedPipe.create(`${folder}/read${index}`);
  await NamedPipe.create(`${folder}/write${index}`);
  readers.push(await NamedPipe.openReader(`${folder}/read${index}`));
  writers.push(
    NamedPipe.openWriter(`${folder}/write${index}`, { signal: given.signal }).then(
      () => "opened",
      (reason: unknown) => String(reason),
    ),
  );
}
const received = readers.map((reader) => reader.receive().catch((error: unknown) => String(error)));
const times: number[] = [];
for (let round = 0; round < 20; round++) {
  const start = performance.now();
  await readFile("/proc/self/stat");
  times.push(performance.now() - start);
}
console.log(times.sort((a, b) => a - b)[10]);
given.abort(new Error("given up"));
console.log((await Promise.all(writers)).filter((outcome) => outcome === "Error: given up").length);
await Promise.all(readers.map((reader) => reader.close()));
console.log((await Promise.all(received)).filter((outcome) => String(outcome).includes("closed")).length);
