// Makes or opens a segment: `segment-holder create|open|adopt NAME|FD [end]`; `end` lets the process end without closing it.
import { SharedBuffer } from "sluice";

const [how = "", what = "", end] = process.argv.slice(2);
const buffer =
  how === "create"
    ? SharedBuffer.create({ name: what, size: 4096 })
    : how === "open"
      ? SharedBuffer.open(what)
      : SharedBuffer.adopt(Number(what));
const counter = buffer.view(Int32Array, 0, 1);
console.log(`size ${buffer.size}`);
if (how !== "create") {
  for (let count = 0; count < 200_000; count++) Atomics.add(counter, 0, 1);
  console.log("counted");
}
if (end === undefined) setInterval(() => undefined, 1000);
