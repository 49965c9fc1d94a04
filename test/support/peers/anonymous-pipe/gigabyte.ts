// Takes 1 GiB through three programs, and tells how much memory it has had at most.
import { readFileSync } from "node:fs";
// The modules that it needs and no others: what is measured is a whole process, and the tests load the library module by module.
import { none } from "../../../../src/codec/index.js";
import { AnonymousPipe } from "../../../../src/mechanisms/anonymous-pipe/anonymous-pipe.js";

const GIBIBYTE = 2 ** 30;
const [what = ""] = process.argv.slice(2);

async function beside(): Promise<number> {
  const stages = [["head", "-c", String(GIBIBYTE), "/dev/zero"], ["cat"], ["wc", "-c"]];
  const { output } = AnonymousPipe.pipeline(stages);
  let count = "";
  for await (const piece of output) count += String(piece);
  return Number(count);
}

/** In and out of this process as well. */
async function through(): Promise<number> {
  const pipeline = AnonymousPipe.pipeline([["cat"], ["cat"], ["cat"]], { input: true, framing: none() });
  const { input, output } = pipeline;
  const block = Buffer.alloc(64 * 1024, "sluice");
  const sending = (async () => {
    for (let sent = 0; sent < GIBIBYTE; sent += block.length) await input.send(block);
    await input.close();
  })();
  let count = 0;
  for await (const piece of output) {
    // Each piece repeats the pattern, wherever it was cut.
    const phase = count % block.length;
    const least = Math.min(piece.length, block.length - phase);
    if (piece.compare(block, phase, phase + least, 0, least) !== 0)
      throw new Error(`other bytes at ${count}`);
    count += piece.length;
  }
  await sending;
  return count;
}

/** A line of proc(5), in bytes. */
function memory(line: "VmRSS" | "VmHWM"): number {
  const found = new RegExp(`${line}:\\s*(\\d+) kB`).exec(readFileSync("/proc/self/status", "utf8"));
  return Number(found?.[1]) * 1024;
}

const before = memory("VmRSS");
const bytes = what === "through" ? await through() : await beside();
console.log(JSON.stringify({ bytes, before, most: memory("VmHWM") }));
