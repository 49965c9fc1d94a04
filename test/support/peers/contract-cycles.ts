// Opens and closes pairs of channels in turn, and tells how many descriptors and how much memory that has cost.
import { readFileSync, rmSync } from "node:fs";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { makePair } from "../../contract/maker.js";
import { loadMaker } from "../load-maker.js";
import { settledDescriptors } from "../settled-descriptors.js";

/** Enough for the pools of the runtime to have taken what they take once. */
const WARM_UP = 100;
/**
 * How many cycles there are between collections. Left to itself V8 lets garbage stand until its heap has grown by as much as it likes: by 10 MB on Node 20, by 80 on
 * Node 26, after some hundreds or some thousands of cycles, as the machine is busy. Memory stands still from then on, but this test would measure that growth. (For
 * the same reason it is started with a young generation that cannot grow.)
 */
const COLLECT_EVERY = 200;

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;
const [name = "", directory = "", count = ""] = process.argv.slice(2);
const maker = await loadMaker(name);
await cycle(maker.warmUpCycles ?? WARM_UP);
const before = await measure();
await cycle(Number(count));
const after = await measure();
console.log(
  JSON.stringify({
    cycles: Number(count),
    descriptors: after.descriptors - before.descriptors,
    residentBytes: after.residentBytes - before.residentBytes,
    mappings: after.mappings - before.mappings,
  }),
);

async function cycle(cycles: number): Promise<void> {
  const message = Buffer.alloc(100, 1);
  for (let index = 0; index < cycles; index++) {
    const [first, second] = await makePair(maker, directory, {});
    const [sender, receiver] = maker.ways[0] === "first-to-second" ? [first, second] : [second, first];
    await sender.send(message);
    await receiver.receive();
    if (index % 3 === 0) first.destroy();
    await Promise.all([first.close(), second.close()]);
    if (index % COLLECT_EVERY === 0) collect();
    for (const fifo of maker.leaves) rmSync(`${directory}/${fifo}`);
  }
}

async function measure(): Promise<{ descriptors: number; residentBytes: number; mappings: number }> {
  return {
    descriptors: await settledDescriptors(),
    residentBytes: Number(readFileSync("/proc/self/statm", "utf8").split(" ")[1]) * 4096,
    mappings: readFileSync("/proc/self/maps", "utf8").split("\n").length,
  };
}
